"""Speed and memory of components: ``python tests/benchmarks/bench_components.py [SIZE] [CASE ...]``.

One phase of 20 % in rounded regions, or three phases, as in `volume`. Each case runs in a
process of its own, nine times (dask-image once); the best times count, and the peak of memory
beyond the volume. ``disk`` reads and writes OME-Zarr instead, block by block, and counts all memory.
A folder with peers that are not installed (dask-image) may be named in ``PEERS``.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.components import Wanted, components, find_components
from ssbtomo.blocks.connection import connectivities

TILE = 128
SPACING = (0.05, 0.05, 0.05)


def tile(sigma: float = 2.0, seed: int = 0) -> np.ndarray:
    """Cut a smoothed periodic noise at two levels: 20 % are 1, 40 % are 2, the rest 0."""
    noise = np.random.default_rng(seed).normal(size=(TILE,) * 3).astype(np.float32)
    smooth = ndi.gaussian_filter(noise, sigma, mode="wrap")
    levels = np.quantile(smooth, [0.4, 0.8])
    return np.array([0, 2, 1], np.uint8)[np.digitize(smooth, levels)]


def volume(size: int) -> np.ndarray:
    repeats = -(-size // TILE)
    return np.tile(tile(), (repeats,) * 3)[:size, :size, :size].copy()


def whole_cc3d(labels: np.ndarray, near: int) -> int:
    import cc3d

    return int(
        cc3d.connected_components(
            labels == 1, connectivity=near, return_N=True, out_dtype=np.uint32, binary_image=True
        )[1]
    )


def whole_scipy(labels: np.ndarray, near: int) -> int:
    structure = ndi.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[near])
    return int(ndi.label(labels == 1, structure)[1])


def dask_image(labels: np.ndarray, near: int) -> int:
    import dask
    import dask.array as da
    from dask_image import ndmeasure

    structure = ndi.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[near])
    with dask.config.set(scheduler="threads", num_workers=2):
        found, count = ndmeasure.label(da.from_array(labels == 1, chunks=TILE), structure)
        return int(dask.compute(found, count)[1])


def ours(what: str, labels: np.ndarray, near: int, workers: int, block: int) -> int:
    grid = Grid(labels.shape, (block,) * 3)
    wanted = Wanted(1, neighbours=near)
    with Engine.start("threads", workers) as engine:
        if what == "labels":
            make = lambda name, dtype: np.empty(labels.shape, dtype)  # noqa: E731
            return len(components(labels, grid, engine, wanted, allocate=make)[1])
        if what == "table":
            return len(find_components(labels, grid, engine, wanted))
        found = connectivities(labels, grid, engine, neighbours=near)
        return found[1].components


def cases() -> dict[str, object]:
    found = {
        f"{name} {near}": (lambda labels, task=task, near=near: task(labels, near))
        for name, task in (("cc3d", whole_cc3d), ("scipy", whole_scipy), ("dask-image", dask_image))
        for near in (6, 26)
    }
    for what in ("labels", "table", "connectivities"):
        for near in (6, 26):
            for workers in (1, 2):
                for block in (128, 256):
                    found[f"{what} {near} workers {workers} block {block}"] = (
                        lambda labels, args=(what, near, workers, block): ours(
                            args[0], labels, *args[1:]
                        )
                    )
    return found


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_one(path: str, case: str) -> None:
    task = cases()[case]
    labels = np.load(path)
    task(labels[:32, :32, :32].copy())
    before, best, cpu = peak(), float("inf"), float("inf")
    for _ in range(1 if case.startswith("dask") else 9):
        start, used = time.perf_counter(), time.process_time()
        count = task(labels)
        best = min(best, time.perf_counter() - start)
        cpu = min(cpu, time.process_time() - used)
    speed, grown = labels.size / best / 1e6, (peak() - before) / labels.size
    sys.stdout.write(
        f"{case:38s} {best:7.3f} s {speed:7.1f} Mvoxel/s (CPU {cpu:7.3f} s) {grown:5.2f} B/voxel "
        f"beyond the volume, {count} components\n"
    )


def run_disk(folder: str, size: int, workers: int, scheduler: str, block: int = 256) -> None:
    from ssbtomo import io

    grid = Grid((size,) * 3, (block,) * 3)

    def make(name: str, dtype: object) -> object:
        path = Path(folder) / f"{name}-{scheduler}-{workers}"
        return io.ome_zarr.create(path, grid.shape, dtype, SPACING, kind="labels", block=grid.block)

    source = make("phases", np.uint8)
    part = np.tile(tile(), (block // TILE,) * 3)
    for box in grid:
        source[box.core] = part
    before = peak()
    with Engine.start(scheduler, workers) as engine:
        wanted = Wanted(1)
        start = time.perf_counter()
        table = find_components(source, grid, engine, wanted)
        middle = time.perf_counter()
        components(source, grid, engine, wanted, allocate=make)
        end = time.perf_counter()
    most = max(peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
    sys.stdout.write(
        f"disk {size} {scheduler} {workers}: table {middle - start:.2f} s, labels "
        f"{end - middle:.2f} s, {len(table)} components; peak of a process "
        f"{most / 1e9:.2f} GB ({before / 1e9:.2f} GB before)\n"
    )


def main(size: int, wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/labels.npy"
        np.save(path, volume(size))
        for case in cases():
            if wanted and not any(case.startswith(start) for start in wanted):
                continue
            subprocess.run([sys.executable, __file__, "--one", path, case], check=False)


if __name__ == "__main__":
    if "PEERS" in os.environ:
        sys.path.append(os.environ["PEERS"])
    if sys.argv[1:2] == ["--one"]:
        run_one(sys.argv[2], sys.argv[3])
    elif sys.argv[1:2] == ["disk"]:
        with tempfile.TemporaryDirectory(dir=".") as scratch:
            run_disk(scratch, int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 256, sys.argv[2:])
