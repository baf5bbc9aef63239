"""Speed and memory of distances and sizes: ``python tests/benchmarks/bench_distance.py [SIZE] [PART ...]``.

Parts: ``kernel`` (beside SciPy up to 256³, and edt), ``blocks`` (both schemes, 1 and 2 workers,
from disk to disk), ``sizes`` (the size distribution from disk, 1 and 2 workers). The volume is
half void, in pores some 15 voxels wide; a part of it is made at a time.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from scipy import ndimage as ndi

from ssbtomo import io
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.distance import distance
from ssbtomo.blocks.thickness import size_distribution
from ssbtomo.kernels.distance_passes import squared_distance, squared_edges
from ssbtomo.kernels.thickness import size_distribution as whole_sizes

SPACING = (0.05, 0.05, 0.05)
BLOCK = (128, 128, 128)


def tile(size: int = 128) -> np.ndarray:
    """Cut a smoothed noise at its median; periodic."""
    noise = np.random.default_rng(0).normal(size=(size,) * 3).astype(np.float32)
    noise = ndi.gaussian_filter(noise, 4, mode="wrap")
    return (noise > np.median(noise)).astype(np.uint8)


def timed(name: str, task: Callable[[], object], voxels: int) -> object:
    """Run a task; tell its time, and how much the process grew while it ran."""
    process = psutil.Process()
    before = peak = process.memory_info().rss
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start, cpu = time.perf_counter(), time.process_time()
    result = task()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    done.set()
    watcher.join()
    sys.stdout.write(
        f"{name:34s} {seconds:8.2f} s (CPU {cpu:8.2f}) {voxels / seconds / 1e6:7.2f} Mvoxel/s "
        f"grew by {(peak - before) / 2**20:7.0f} MiB = {(peak - before) / voxels:5.1f} B/voxel, "
        f"peak {peak / 2**20:6.0f} MiB\n"
    )
    sys.stdout.flush()
    return result


def kernels(size: int) -> None:
    """Compare the kernel with its peers on one array."""
    import edt

    mask = np.tile(tile().astype(bool), (-(-size // 128),) * 3)[:size, :size, :size].copy()
    weights = squared_edges(SPACING, mask.shape)
    own = timed("ssbtomo, whole array", lambda: squared_distance(mask, weights), mask.size)
    peer = timed("edt.edtsq", lambda: edt.edtsq(mask, black_border=False, parallel=1), mask.size)
    assert np.array_equal(own, peer)
    if size <= 256:
        timed("scipy", lambda: ndi.distance_transform_edt(mask), mask.size)


def stored(folder: Path, size: int) -> io.ome_zarr.ArrayFile:
    """Write the volume, block by block."""
    shape = (size,) * 3
    cell = tile()
    sink = io.ome_zarr.create(folder / "mask.ome.zarr", shape, np.uint8, SPACING, block=BLOCK)
    for block in Grid(shape, BLOCK):
        sink[block.core] = cell[tuple(slice(0, edge) for edge in block.shape)]
    return sink


def in_blocks(folder: Path, size: int) -> None:
    """Both schemes from disk to disk."""
    mask = stored(folder, size)
    grid = Grid(mask.shape, BLOCK)
    allocate = allocator(folder, mask.shape)
    for scheme in ("halo", "passes"):
        for workers in (1, 2):
            with Engine.start("threads", workers) as engine:
                timed(
                    f"blocks, {scheme}, {workers} workers",
                    lambda engine=engine, scheme=scheme: distance(
                        mask, SPACING, grid, engine, allocate=allocate, scheme=scheme
                    ),
                    size**3,
                )


def sizes(folder: Path, size: int) -> None:
    """The size distribution from disk."""
    mask = stored(folder, size)
    grid = Grid(mask.shape, BLOCK)
    allocate = allocator(folder, mask.shape)
    found = []
    for workers in (2, 1) if size <= 512 else (2,):
        with Engine.start("threads", workers) as engine:
            found.append(
                timed(
                    f"sizes in blocks, {workers} workers",
                    lambda engine=engine: size_distribution(
                        mask, SPACING, grid, engine, allocate=allocate
                    ),
                    size**3,
                )
            )
    if size <= 256:
        values = mask[:, :, :] > 0
        found.append(timed("sizes, whole array", lambda: whole_sizes(values, SPACING), size**3))
    assert len({item.volume_fraction.tobytes() for item in found}) == 1
    sys.stdout.write(f"radii {found[0].diameter_um / 2}, d50 {found[0].d50:.3f} um\n")


def allocator(folder: Path, shape: tuple[int, ...]) -> Callable[[str, object], object]:
    """Stores in a folder."""
    return lambda name, dtype: io.ome_zarr.create(
        folder / f"{name}.ome.zarr", shape, dtype, SPACING, block=BLOCK
    )


def main(size: int, *parts: str) -> None:
    small = tile()[:24, :24, :24]
    size_distribution(
        small, SPACING, Grid(small.shape, (24, 24, 24)), SERIAL,
        allocate=lambda name, dtype: np.zeros(small.shape, dtype),
    )  # fmt: skip
    squared_distance(small.astype(bool), squared_edges(SPACING, small.shape))
    sys.stdout.write(f"{size}³ voxels, blocks of {BLOCK}\n")
    with tempfile.TemporaryDirectory() as folder:
        if "kernel" in parts:
            kernels(size)
        if "blocks" in parts:
            in_blocks(Path(folder), size)
        if "sizes" in parts:
            sizes(Path(folder), size)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 256,
        *(sys.argv[2:] or ["kernel", "blocks", "sizes"]),
    )
