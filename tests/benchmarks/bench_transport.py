"""Time, memory and error of the transport solver beside TauFactor and PoreSpy, in one run.

    PEERS=/a/folder/with/peers python tests/benchmarks/bench_transport.py --sizes 128 256
    python tests/benchmarks/bench_transport.py --sizes 64 128 256 512 --programs ssbtomo --growth
    python tests/benchmarks/bench_transport.py --cold

Each case runs alone in a fresh process that first solves a small volume, so that compiling (and
loading what is compiled) is not timed; ``--cold`` times exactly that. Programs run at their own
default stop criterion; the error is against our solution at a tolerance of 1e-9 in the *same*
convention (PoreSpy holds voxel centres). ``ssbtomo-1e-4`` is ours with that tolerance; a peer is
compared with the fastest of ours whose error is not larger than its own. Wall and CPU time are of the fastest of ``--repeat``
runs, fewer where one takes longer than a minute; memory is what the process grew by beyond the
mask (1 byte per voxel). Peers that are not installed may lie in the folder named in ``PEERS``.

Records are written to ``--out`` as they come; a second call goes on where the first was, and
``--fresh`` begins anew. A case that takes longer than ``--limit`` or does not fit into the free memory is
recorded as such. On a disturbed machine compare CPU times.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from transport_tables import Record, Records, bandwidth, growth_table, table
from transport_volumes import NAMES, volume

HERE = Path(__file__).parent
NEEDS = {"ssbtomo": 30, "taufactor": 95, "porespy": 620}
"""Bytes per voxel that must be free before a program is started."""
CONVENTION = {"porespy": "porespy"}


def key(name: str, size: int, program: str, threads: int) -> str:
    """Return the name of a record."""
    return f"{name}|{size}|{program}|{threads}"


def run_case(program: str, path: Path, options: list[str], limit: float) -> Record:
    """Run one case in a process of its own; return its record, or what went wrong."""
    environment = dict(os.environ)
    peers = environment.get("PEERS")
    if program != "ssbtomo" and peers:
        environment["PYTHONPATH"] = peers
    command = [sys.executable, str(HERE / "transport_case.py"), program, str(path), *options]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"longer than {limit:.0f} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"failed": f"exit status {done.returncode}: {last[:200]}"}
    record: Record = json.loads(lines[-1])
    return record


def fits(program: str, voxels: int) -> Record | None:
    """Return a record that says so where the memory is too small."""
    needs, free = NEEDS[program.partition("-")[0]] * voxels, psutil.virtual_memory().available
    if needs < 0.9 * free:
        return None
    return {"failed": f"needs {needs / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"}


class Store:
    """The records so far, on disk after each one."""

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self.path = path
        self.records: Records = {}
        if path.is_file() and not fresh:
            self.records = json.loads(path.read_text())

    def keep(self, name: str, record: Record) -> None:
        """Write one more record."""
        self.records[name] = record
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.records, indent=1))
        part.replace(self.path)


def cases(chosen: argparse.Namespace) -> Iterator[tuple[str, int, list[str]]]:
    """Yield name, size and programs of each volume, small ones first."""
    for size in chosen.sizes:
        for name in chosen.volumes:
            programs = list(chosen.programs)
            if size > chosen.peers_up_to:
                programs = [program for program in programs if program.startswith("ssbtomo")]
            yield name, size, programs


def measure_volume(
    store: Store, chosen: argparse.Namespace, case: tuple[str, int, list[str]]
) -> None:
    """Run what is still missing on one volume."""
    name, size, programs = case
    references = (
        []
        if chosen.no_reference
        else ["reference", *(f"reference-{p}" for p in programs if p in CONVENTION)]
    )
    wanted = [*references, *programs]
    missing = [w for w in wanted if key(name, size, w, chosen.threads) not in store.records]
    if not missing:
        return
    mask = volume(name, size)
    if mask is None:
        sys.stderr.write(f"{name} {size}: not here\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mask.npy"
        np.save(path, mask)
        about = {"shape": list(mask.shape), "porosity": float(mask.mean())}
        voxels = mask.size
        del mask
        for program in missing:
            record = one(program, path, voxels, chosen) | about
            store.keep(key(name, size, program, chosen.threads), record)
            sys.stderr.write(f"{name} {size} {program}: {short(record)}\n")


def one(program: str, path: Path, voxels: int, chosen: argparse.Namespace) -> Record:
    """Run a program or a reference."""
    kind, _, peer = program.partition("-")
    options = [str(chosen.repeat), str(chosen.threads)]
    if kind == "reference":
        program = "ssbtomo"
        options = ["1", str(chosen.threads), "1e-9", *([CONVENTION[peer]] if peer else [])]
    elif peer:
        program, options = kind, [*options, peer]
    record = fits(program, voxels) or run_case(program, path, options, chosen.limit)
    return record | {"at": time.strftime("%Y-%m-%d %H:%M")}


def short(record: Record) -> str:
    """Say a record in a line."""
    if "failed" in record:
        return str(record["failed"])
    return f"{record['wall_s']:.2f} s, CPU {record['cpu_s']:.2f} s, tau {record['tau']:.6f}"


def cold_start(repeat: int = 3) -> str:
    """Time the first call after installation, and some after it, each with the interpreter."""
    code = (
        "import numpy as np, ssbtomo as st, time\n"
        "v = (np.random.default_rng(0).random((64,) * 3) < 0.6).astype(np.uint8)\n"
        "before, cpu = time.time(), time.process_time()\n"
        "st.measure.tortuosity(v, (1.0, 1.0, 1.0))\n"
        "print(before, time.time(), cpu, time.process_time())\n"
    )
    lines = [
        "| | call: s | CPU s | from the start of the interpreter to the result: s | CPU s |",
        "|---|---|---|---|---|",
    ]
    # Installers compile bytecode, whatever the shell says of writing it; kernels they do not.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    imports = "import numba, scipy.linalg.cython_blas, ssbtomo.measure, ssbtomo.kernels.transport"
    with tempfile.TemporaryDirectory() as folder:
        environment |= {"NUMBA_CACHE_DIR": folder}
        subprocess.run([sys.executable, "-c", imports], env=environment, check=True)
        for number in range(1 + repeat):
            start = time.time()
            done = subprocess.run(
                [sys.executable, "-c", code], env=environment, check=True, capture_output=True
            )
            before, after, ready, cpu = map(float, done.stdout.split())
            figures = (after - before, cpu - ready, after - start, cpu)
            name = "with compilation" if number == 0 else "compiled before"
            lines.append(f"| {name} | {' | '.join(f'{value:.2f}' for value in figures)} |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--sizes", "--size", type=int, nargs="+", default=[128, 256])
    add("--volumes", nargs="+", default=list(NAMES), help=f"of {', '.join(NAMES)}")
    add("--programs", nargs="+", default=["ssbtomo", "ssbtomo-1e-4", "taufactor", "porespy"])
    add("--peers-up-to", type=int, default=256, help="largest edge on which peers run")
    add("--threads", type=int, default=0, help="0: as many as each program takes itself")
    add("--repeat", type=int, default=3)
    add("--limit", type=float, default=900.0, help="seconds that a case may take")
    add("--out", type=Path, default=Path("bench_transport.json"))
    add("--fresh", action="store_true", help="forget the records of earlier calls")
    add("--no-reference", action="store_true", help="no solve at 1e-9, so no errors")
    add("--growth", action="store_true", help="exponents of time from the first to the last size")
    add("--cold", action="store_true", help="time the start with and without compilation only")
    return parser.parse_args()


def tell(text: str) -> None:
    """Write to the standard output."""
    sys.stdout.write(text + "\n\n")
    sys.stdout.flush()


def main() -> None:
    """Run the benchmark."""
    chosen = arguments()
    if chosen.cold:
        tell(cold_start())
        return
    store = Store(chosen.out, fresh=chosen.fresh)
    if "machine" not in store.records:
        store.keep("machine", machine())
    for case in cases(chosen):
        measure_volume(store, chosen, case)
    tell(table(store.records, chosen))
    if chosen.growth:
        tell(growth_table(store.records, chosen))


def machine() -> dict[str, Any]:
    """Return what the times depend on."""
    return {
        "cores": os.cpu_count(),
        "triad_gb_s": bandwidth(os.cpu_count() or 1),
        "load": os.getloadavg()[0],
        "at": time.strftime("%Y-%m-%d %H:%M"),
    }


if __name__ == "__main__":
    main()
