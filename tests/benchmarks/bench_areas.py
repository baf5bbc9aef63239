"""Speed and memory of the area matrix: ``python tests/benchmarks/bench_areas.py [SIZE]``.

Four phases of rounded regions, about 20 voxels wide; all pairs, all triples, three
estimators; then everything additive in one read: voxel counts, sums by cell, by slice and by
object too. Peers that are installed run on the same volume.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage as ndi

from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.additive import measure_all
from ssbtomo.blocks.areas import Contacts, interface_areas
from ssbtomo.blocks.cells import statistics_grid
from ssbtomo.blocks.fractions import Fractions

SPACING = (0.05, 0.05, 0.05)


def four_phases(size: int, tile: int = 128) -> np.ndarray:
    """Cut two smoothed noises at their medians: four phases of equal volume, periodic."""
    rng = np.random.default_rng(0)
    noises = [
        ndi.gaussian_filter(rng.normal(size=(tile,) * 3).astype(np.float32), 4, mode="wrap")
        for _ in range(2)
    ]
    cell = sum((noise > np.median(noise)).astype(np.uint8) << k for k, noise in enumerate(noises))
    return np.tile(cell, (-(-size // tile),) * 3)[:size, :size, :size].copy()


def cubes(labels: np.ndarray) -> np.ndarray:
    """Objects of the last phase: what lies in one cube of 24 voxels."""
    z, y, x = (np.arange(size, dtype=np.int32) // 24 for size in labels.shape)
    numbers = 1 + (z[:, None, None] * y.size + y[:, None]) * x.size + x
    return np.where(labels == 3, numbers % 10007 + 1, 0).astype(np.int32)


def everything(labels: np.ndarray, objects: np.ndarray, grid: Grid, engine: Engine) -> object:
    cells = statistics_grid(labels.shape, SPACING)
    phases = (0, 1, 2, 3)
    measures = [Fractions(phases, cells), Contacts(phases, SPACING, cells, axis=0)]
    return measure_all(labels, measures, grid, engine, objects=objects)


def timed(name: str, task: Callable[[], object], voxels: int) -> object:
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    result = task()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    grown = (after.ru_maxrss - before.ru_maxrss) * 1024 / voxels
    sys.stdout.write(
        f"{name:28s} {seconds:7.2f} s {voxels / seconds / 1e6:7.2f} Mvoxel/s "
        f"(CPU {cpu:6.2f} s) peak grew by {grown:5.1f} B/voxel\n"
    )
    return result


def main(size: int) -> None:
    labels = four_phases(size)
    phases = [0, 1, 2, 3]
    small = labels[:16, :16, :16]
    with Engine.start("threads", 2) as engine:
        interface_areas(small, SPACING, phases, Grid(small.shape, (8, 16, 16)), engine)
        for block in ((128, 128, 128), (64, 256, 256)):
            grid = Grid(labels.shape, block)
            timed(
                f"ssbtomo, blocks {block}",
                lambda grid=grid: interface_areas(labels, SPACING, phases, grid, engine),
                labels.size,
            )
        objects = cubes(labels)
        everything(small, objects[:16, :16, :16], Grid(small.shape, (8, 16, 16)), engine)
        timed(
            "ssbtomo, all in one read",
            lambda: everything(labels, objects, Grid(labels.shape, (64, 256, 256)), engine),
            labels.size,
        )
    import cc3d

    timed(
        "cc3d.contacts (faces only)",
        lambda: cc3d.contacts(labels + 1, connectivity=6, anisotropy=SPACING),
        labels.size,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 256)
