"""Time and memory of the transport solver, and of other programs where they are installed.

    python tests/benchmarks/bench_transport.py --size 128

Compilation is excluded (a small solve comes first) and stated. Peers run at their default
stop criterion; their error is against our solution at a tolerance of 1e-10.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.kernels.transport import solve

CUBE = (1.0, 1.0, 1.0)


def blobs(size: int, porosity: float, seed: int = 1) -> NDArray[np.uint8]:
    """Return a random two-phase volume with features of about a fortieth of its edge."""
    noise = np.random.default_rng(seed).standard_normal((size,) * 3, dtype=np.float32)
    gaussian_filter(noise, min(size / 40, 6.4), mode="wrap", truncate=3, output=noise)
    threshold = np.quantile(noise[::2, ::2, ::2], porosity)
    return (noise < threshold).astype(np.uint8)


def overlapping_spheres(size: int, seed: int = 1) -> NDArray[np.uint8]:
    """Return the space between randomly placed balls, about 40 % of the volume."""
    radius = max(3.0, size / 21)
    count = int(0.92 * size**3 / (4 / 3 * np.pi * radius**3))
    pores = np.ones((size,) * 3, np.uint8)
    reach = int(np.ceil(radius))
    for centre in np.random.default_rng(seed).random((count, 3)) * size:
        low = np.maximum(centre.astype(int) - reach, 0)
        high = np.minimum(centre.astype(int) + reach + 2, size)
        z, y, x = (np.arange(a, b) + 0.5 - c for a, b, c in zip(low, high, centre, strict=True))
        ball = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= radius**2
        pores[low[0] : high[0], low[1] : high[1], low[2] : high[2]][ball] = 0
    return pores


def ours(labels: NDArray[np.uint8], threads: int | None) -> tuple[float, str]:
    """Solve once; return the tortuosity factor and what is to be told."""
    result = solve(labels, CUBE, 0, {1: 1.0}, threads=threads)
    about = (
        f"{result.iterations} iterations, {result.bytes_per_voxel:.1f} B/voxel, "
        f"flux spread {result.flux_spread:.1e}"
    )
    return result.tau, about


def taufactor(labels: NDArray[np.uint8]) -> tuple[float, str]:
    """Solve with TauFactor on the CPU at its defaults."""
    import taufactor as tau

    solver = tau.Solver(labels, device="cpu")
    solver.solve(verbose=False)
    return float(np.asarray(solver.tau).ravel()[0]), "defaults"


def porespy(labels: NDArray[np.uint8]) -> tuple[float, str]:
    """Solve with PoreSpy at its defaults; it fixes the outer voxel centres."""
    import porespy as ps

    return float(ps.simulations.tortuosity_fd(labels.astype(bool), axis=0).tortuosity), "defaults"


def peers() -> Iterator[tuple[str, Callable[[NDArray[np.uint8]], tuple[float, str]]]]:
    """Yield the other programs that are installed."""
    for name, call in (("taufactor", taufactor), ("porespy", porespy)):
        if importlib.util.find_spec(name) is not None:
            yield name, call


def report(name: str, call: Callable[[], tuple[float, str]], reference: float | None) -> float:
    """Run, and write one line: wall and CPU seconds, tortuosity, error."""
    wall, processor = time.perf_counter(), time.process_time()
    tau, about = call()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    error = "" if reference is None else f"  error {tau / reference - 1:+.1e}"
    sys.stdout.write(
        f"  {name:12s} {wall:8.2f} s  CPU {processor:8.2f} s  tau {tau:.6f}{error}  {about}\n"
    )
    sys.stdout.flush()
    return tau


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--volumes", nargs="+", default=["blobs-0.5", "blobs-0.3", "spheres"])
    parser.add_argument("--no-reference", action="store_true", help="skip the solve at 1e-10")
    chosen = parser.parse_args()
    start = time.perf_counter()
    solve(blobs(24, 0.5), CUBE, 0, {1: 1.0})
    sys.stdout.write(f"first call, compilation included: {time.perf_counter() - start:.1f} s\n")
    for name in chosen.volumes:
        kind, _, porosity = name.partition("-")
        size = chosen.size
        labels = overlapping_spheres(size) if kind == "spheres" else blobs(size, float(porosity))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        sys.stdout.write(f"{name} {chosen.size}^3, phase fraction {labels.mean():.4f}\n")
        runs = [
            report("ssbtomo", partial(ours, labels, chosen.threads), None)
            for _ in range(chosen.repeat)
        ]
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / labels.size
        sys.stdout.write(f"  peak memory of the process grew by {peak:.1f} B/voxel\n")
        reference = runs[-1]
        if not chosen.no_reference:
            reference = solve(labels, CUBE, 0, {1: 1.0}, tolerance=1e-10).tau
            sys.stdout.write(f"  error of ours {runs[-1] / reference - 1:+.1e}\n")
        for peer, call in peers():
            report(peer, partial(call, labels), reference)


if __name__ == "__main__":
    main()
