"""Speed of the filters: ``python tests/benchmarks/bench_filters.py [SIZE ...]``.

Random grey values. The median and the Gaussian against SciPy, all filters alone, and the same
from store to store with one and two workers, threads and processes, at the last size. Best of
three, after one call that compiles; SciPy's median runs once. Each line tells the processor's
time, too: on a machine that others use, ratios of that are steadier than those of the clock.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.filters import FILTERS, apply_filter
from ssbtomo.io import ome_zarr
from ssbtomo.kernels import filters

SPACING = (1.0, 1.0, 1.0)
CASES: dict[str, dict[str, object]] = {
    "gaussian": {"sigma": 1.0},
    "median": {"radius": 1},
    "nlm": {"noise": 8.0, "patch": 1, "distance": 2},
    "tv": {"noise": 8.0, "iterations": 10},
    "gradient": {"spacing": SPACING, "sigma": 1.0},
    "structure-tensor": {"spacing": SPACING, "sigma": 1.0, "integration": 2.0},
}
SLOW = {"nlm"}  # at 128³ only


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def timed(task: Callable[[], object], repeats: int = 3) -> tuple[float, float]:
    """Return the best wall time and the best processor time in seconds."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        task()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def row(name: str, voxels: int, seconds: tuple[float, float], note: str = "") -> None:
    say(
        f"{name:44s} {seconds[0]:8.3f} s {voxels / seconds[0] / 1e6:8.2f} Mvoxel/s "
        f"(CPU {seconds[1]:8.3f} s) {note}"
    )


def against_scipy(size: int) -> None:
    rng = np.random.default_rng(0)
    for kind in (np.uint8, np.uint16):
        image = rng.integers(0, np.iinfo(kind).max, (size,) * 3).astype(kind)
        filters.median(image[:8, :8, :8].copy())
        ours = timed(lambda image=image: filters.median(image))
        peer = timed(lambda image=image: ndi.median_filter(image, 3, mode="reflect"), 1)
        name = f"median 3³ {kind.__name__} {size}³"
        row(f"{name}, SciPy", image.size, peer)
        row(f"{name}, ours", image.size, ours, f"{peer[1] / ours[1]:.1f} times (CPU)")
    for sigma in (1.0, 2.0):
        grey = rng.normal(100, 20, (size,) * 3).astype(np.float32)
        filters.gaussian(grey[:8, :8, :8].copy(), sigma)
        ours = timed(lambda grey=grey, sigma=sigma: filters.gaussian(grey, sigma))
        peer = timed(lambda grey=grey, sigma=sigma: ndi.gaussian_filter(grey, sigma))
        name = f"Gaussian {sigma:.0f} float32 {size}³"
        row(f"{name}, SciPy", grey.size, peer)
        row(f"{name}, ours", grey.size, ours, f"{peer[1] / ours[1]:.1f} times (CPU)")


def alone(size: int) -> None:
    image = np.random.default_rng(0).integers(0, 255, (size,) * 3, np.uint8)
    for name, parameters in CASES.items():
        function = FILTERS[name].function
        function(image[:8, :8, :8].copy(), **parameters)
        seconds = timed(lambda f=function, p=parameters: f(image, **p), 1 if name in SLOW else 3)
        row(f"{name} uint8 {size}³", image.size, seconds)


def in_blocks(size: int, folder: Path) -> None:
    """Time filters from store to store, and what a second worker brings."""
    grid = Grid((size,) * 3, (64, 64, 64))
    source = ome_zarr.create(folder / "in.ome.zarr", grid.shape, "u1", None, block=grid.block)
    source[...] = np.random.default_rng(0).integers(0, 255, grid.shape, np.uint8)
    for name in ("gaussian", "median", "gradient", "structure-tensor"):
        sinks = [
            ome_zarr.create(
                folder / f"{name}-{channel}.ome.zarr", grid.shape, "f4", None, block=grid.block
            )
            for channel in range(FILTERS[name].channels)
        ]
        for backend in ("threads", "processes"):
            one = 0.0
            for workers in (1, 2):
                with Engine.start(backend, workers) as engine:
                    task = partial(apply_filter, source, sinks, grid, engine, name, **CASES[name])
                    task()  # each worker loads its kernels
                    seconds = timed(task, 2)
                one = one or seconds[0]
                note = f"{one / seconds[0]:.2f} times one worker" if workers == 2 else ""
                row(f"{name} {size}³ blocks 64³, {backend} {workers}", size**3, seconds, note)


def main(sizes: list[int]) -> None:
    for size in sizes:
        against_scipy(size)
    alone(128)
    with tempfile.TemporaryDirectory() as name:
        in_blocks(sizes[-1], Path(name))


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [128, 256])
