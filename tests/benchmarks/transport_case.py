"""One solve by one program, alone in a process: prints a JSON record.

``python transport_case.py PROGRAM MASK.npy REPEAT [THREADS] [TOLERANCE] [CONVENTION]``; started by
`bench_transport`. Nothing of this project is imported for a peer.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CUBE = (1.0, 1.0, 1.0)
ENOUGH_S = 60.0
"""Cases that have taken this long in all are not repeated."""
Record = dict[str, Any]
Mask = NDArray[np.uint8]


def ssbtomo(options: list[str]) -> Callable[[Mask], Record]:
    """Return our solve."""
    from ssbtomo.kernels.transport import solve

    threads = int(options[0]) if options and options[0] != "0" else None
    tolerance = float(options[1]) if len(options) > 1 else 1e-6
    convention = options[2] if len(options) > 2 else None

    def run(mask: Mask) -> Record:
        result = solve(
            mask, CUBE, 0, {1: 1.0}, threads=threads, tolerance=tolerance, convention=convention
        )
        lower, upper = result.energy_bounds
        return {
            "tau": result.tau,
            "iterations": result.iterations,
            "stated_bytes": result.bytes_per_voxel,
            "gap": upper / lower - 1 if lower else None,
            "warnings": list(result.warnings),
        }

    return run


def taufactor(options: list[str]) -> Callable[[Mask], Record]:
    """Return TauFactor's solve on the CPU at its default stop criterion."""
    import taufactor as peer
    import torch

    if options and options[0] != "0":
        torch.set_num_threads(int(options[0]))

    def run(mask: Mask) -> Record:
        solver = peer.Solver(mask, device="cpu")
        solver.solve(verbose=False)
        tau = float(np.asarray(solver.tau).ravel()[0])
        return {"tau": tau, "iterations": int(getattr(solver, "iter", 0))}

    return run


def porespy(options: list[str]) -> Callable[[Mask], Record]:
    """Return PoreSpy's solve at its defaults."""
    del options
    import porespy as peer

    peer.settings.tqdm["disable"] = True

    def run(mask: Mask) -> Record:
        found = peer.simulations.tortuosity_fd(mask.astype(bool), axis=0)
        return {"tau": float(found.tortuosity)}

    return run


PROGRAMS = {"ssbtomo": ssbtomo, "taufactor": taufactor, "porespy": porespy}


def status(name: str) -> int:
    """Return a line of the process's status in bytes; 0 where the system has none."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), 0)


def forget_peak() -> None:
    """Set the peak of memory to what is used now, where the system lets us."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak() -> int:
    """Return the peak of memory in bytes."""
    return status("VmHWM:") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(run: Callable[[Mask], Record], mask: Mask, repeat: int) -> Record:
    """Run up to `repeat` times; return the fastest run's record, and all wall times."""
    forget_peak()
    before = status("VmRSS:") or peak()
    best: Record = {}
    walls: list[float] = []
    while len(walls) < repeat and sum(walls) < ENOUGH_S:
        wall, cpu = time.perf_counter(), time.process_time()
        found = run(mask)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if not walls or wall < min(walls):
            best = found | {"wall_s": wall, "cpu_s": cpu}
        walls.append(wall)
    grown = (peak() - before) / mask.size
    return best | {"walls_s": walls, "peak_bytes": grown, "load": os.getloadavg()[0]}


def main() -> None:
    """Measure one case."""
    program, path, repeat, *options = sys.argv[1:]
    mask = np.load(path)
    start = time.perf_counter()
    run = PROGRAMS[program](options)
    noise = np.random.default_rng(0).random((36, 36, 36)) < 0.7
    run(noise.astype(np.uint8))  # loads what is compiled, and starts the threads
    ready = time.perf_counter() - start
    sys.stdout.write(json.dumps(measure(run, mask, int(repeat)) | {"ready_s": ready}) + "\n")


if __name__ == "__main__":
    main()
