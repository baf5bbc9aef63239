"""Time and memory of particles: ``python tests/benchmarks/bench_particles.py [SIZE] [FOLDER]``.

Rounded grains, half of the volume, about 20 voxels wide. With a folder the volume and all
that is made on the way lie on disk, as in a run. Each case is a process of its own, so that
its peak memory is its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from ssbtomo import io
from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.basins import basins
from ssbtomo.blocks.particles import separate
from ssbtomo.kernels import particles as kernels

SPACING = (0.05, 0.05, 0.05)
BLOCK = (128, 128, 128)


def cell(tile: int = 128) -> np.ndarray:
    """Smoothed noise, cut at its median: periodic, so that any size is seamless."""
    noise = np.random.default_rng(0).normal(size=(tile,) * 3).astype(np.float32)
    noise = ndi.gaussian_filter(noise, 5, mode="wrap")
    return (noise > np.median(noise)).astype(np.uint8)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def stored(folder: Path, shape: tuple[int, ...], name: str, dtype: np.dtype) -> io.ArrayFile:
    return io.ome_zarr.create(folder / f"{name}.ome.zarr", shape, dtype, None, block=BLOCK)


def case(name: str, size: int, folder: Path | None) -> None:
    shape, grid = (size,) * 3, Grid((size,) * 3, BLOCK)
    tile = cell()
    _warm(tile[:32, :32, :32])
    if folder is None:
        allocate = lambda _, dtype: np.zeros(shape, dtype)  # noqa: E731
    else:
        allocate = partial(stored, folder, shape)
    source = allocate("phases", np.dtype(np.uint8))
    for block in grid:
        source[block.core] = tile[tuple(slice(n) for n in block.shape)]
    before, start = peak(), time.perf_counter()
    if name == "whole":
        mask = np.asarray(source[:, :, :]) > 0
        labels = kernels.separate(mask, SPACING)
        count = len(kernels.particle_table(labels, SPACING)["particle"])
    else:
        scheduler, workers = name.split("-")
        with Engine.start(scheduler, int(workers)) as engine:
            start = time.perf_counter()
            found = separate(source, SPACING, grid, engine, allocate=allocate)
        count = len(found.table["particle"])
    seconds = time.perf_counter() - start
    sys.stdout.write(
        f"{name:14s} {size}³ {seconds:7.2f} s {size**3 / seconds / 1e6:6.2f} Mvoxel/s "
        f"peak {peak():5.2f} GiB (before {before:4.2f}) {count} particles\n"
    )


def _warm(mask: np.ndarray) -> None:
    """Compile, or read what was compiled."""
    grid = Grid(mask.shape, (16, 32, 32))
    with Engine.start("threads", 2) as engine:
        allocate = lambda _, dtype: np.zeros(mask.shape, dtype)  # noqa: E731
        separate(mask, SPACING, grid, engine, allocate=allocate)
        basins(mask.astype(np.float32), (1, 1, 1), grid, engine, allocate=allocate)
    kernels.particle_table(kernels.separate(mask, SPACING), SPACING)


def main(size: str, *folder: str) -> None:
    for name in ("whole", "synchronous-1", "threads-1", "threads-2"):
        subprocess.run([sys.executable, __file__, name, size, *folder], check=True)


if __name__ == "__main__":
    if len(sys.argv) > 2 and not sys.argv[1].isdigit():
        case(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]) if len(sys.argv) > 3 else None)
    else:
        main(*(sys.argv[1:] or ["256"]))
