"""Growth with the volume: ``python tests/benchmarks/bench_growth.py [FOLDER] [SIZE ...]``.

Writes labels of three phases (uint8; seeded) to an OME-Zarr store, a slab at a time, and runs
labelling, distance, thickness histogram and particle table on it, block by block, from store to
store. Each case is a process of its own; told are the time of the algorithm, and of the process
with all its children the CPU time (with starting and compiling) and the peak of memory; and for
each algorithm the exponent of time in voxels from the smallest to the largest volume. 256, 512 and 1024 if no SIZE is given; 1024 needs 20 GB of disk.
``SCHEDULER`` (threads), ``WORKERS`` (2) and ``BLOCK`` (128) are read from the environment.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from scipy import ndimage as ndi

from ssbtomo import io
from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.components import Wanted, components
from ssbtomo.blocks.distance import distance
from ssbtomo.blocks.particles import separate
from ssbtomo.blocks.thickness import size_distribution

SPACING = (0.05, 0.05, 0.05)
TILE = 128
SMALL = 48
SCHEDULER = os.environ.get("SCHEDULER", "threads")
WORKERS = int(os.environ.get("WORKERS", "2"))
BLOCK = int(os.environ.get("BLOCK", "128"))


def noise(seed: int) -> np.ndarray:
    """Smoothed noise of unit variance, periodic."""
    values = np.random.default_rng(seed).standard_normal((TILE,) * 3).astype(np.float32)
    values = ndi.gaussian_filter(values, 4.0, mode="wrap")
    return values / values.std()


def slab(tiles: tuple[np.ndarray, np.ndarray], size: int, z: slice) -> np.ndarray:
    """Cut two noises, of which one is shifted from tile to tile, so that none is like another."""
    slow, fast = tiles
    layers = np.arange(z.start, z.stop)
    labels = np.empty((layers.size, size, size), np.uint8)
    for n, layer in enumerate(layers):
        tile = layer // TILE
        whole = np.tile(slow[layer % TILE], (-(-size // TILE),) * 2)[:size, :size]
        for y in range(0, size, TILE):
            for x in range(0, size, TILE):
                shift = (7 * tile + 31 * (y // TILE), 13 * tile + 17 * (x // TILE))
                moved = np.roll(fast[layer % TILE], shift, (0, 1))
                part = labels[n, y : y + TILE, x : x + TILE]
                here = whole[y : y + TILE, x : x + TILE]
                there = moved[: part.shape[0], : part.shape[1]]
                part[...] = np.digitize(0.8 * here + 0.6 * there, [-0.25, 0.25])
    return labels


def stored(folder: Path, size: int, name: str, dtype: Any) -> io.ome_zarr.ArrayFile:
    grid = Grid((size,) * 3, (min(BLOCK, size // 2),) * 3)
    path = folder / f"{name}.ome.zarr"
    return io.ome_zarr.create(path, grid.shape, dtype, SPACING, block=grid.block)


def generate(folder: Path, size: int) -> None:
    tiles, sink = (noise(0), noise(1)), stored(folder, size, "labels", np.uint8)
    for start in range(0, size, BLOCK):
        z = slice(start, min(start + BLOCK, size))
        sink[z, :, :] = slab(tiles, size, z)


def label(source: Any, grid: Grid, engine: Engine, allocate: Any) -> str:
    return f"{len(components(source, grid, engine, Wanted(2), allocate=allocate)[1])} components"


def measure_distance(source: Any, grid: Grid, engine: Engine, allocate: Any) -> str:
    found = distance(source, SPACING, grid, engine, allocate=allocate, phase=2)
    return f"by {found.scheme}, largest {math.sqrt(found.largest) * SPACING[0]:.3f} um"


def measure_sizes(source: Any, grid: Grid, engine: Engine, allocate: Any) -> str:
    found = size_distribution(source, SPACING, grid, engine, allocate=allocate, phase=2)
    return f"d50 {found.d50:.3f} um"


def measure_particles(source: Any, grid: Grid, engine: Engine, allocate: Any) -> str:
    found = separate(source, SPACING, grid, engine, allocate=allocate, phase=2)
    return f"{len(found.table['particle'])} particles"


CASES = {
    "labelling": label,
    "distance": measure_distance,
    "thickness": measure_sizes,
    "particles": measure_particles,
}


def run(name: str, case: Any, folder: Path, size: int) -> None:
    """Run one case: on a small volume, which loads or compiles the kernels, then timed."""
    shutil.rmtree(folder / name, ignore_errors=True)
    with Engine.start(SCHEDULER, WORKERS) as engine:
        for place, edge in ((folder.parent / "small", SMALL), (folder, size)):
            grid = Grid((edge,) * 3, (min(BLOCK, edge // 2),) * 3)
            source = io.ome_zarr.open_array(place / "labels.ome.zarr")
            allocate = partial(stored, folder / name / str(edge), edge)
            begin = time.perf_counter()
            text = case(source, grid, engine, allocate)
            seconds = time.perf_counter() - begin
    shutil.rmtree(folder / name, ignore_errors=True)
    sys.stdout.write(json.dumps({"seconds": seconds, "found": text}) + "\n")


class Watch:
    """The peak memory and the CPU time of a process and all that it starts."""

    def __init__(self, number: int) -> None:
        self.root, self.peak, self.used = psutil.Process(number), 0, {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()

    def _look(self) -> None:
        while not self.ended.wait(0.05):
            total = 0
            try:
                family = [self.root, *self.root.children(recursive=True)]
            except psutil.Error:
                return
            for process in family:
                try:
                    total += process.memory_info().rss
                    self.used[process.pid] = sum(process.cpu_times()[:2])
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)

    def end(self) -> tuple[float, float]:
        """Stop, and return the peak in GB and the CPU seconds, to the last look."""
        self.ended.set()
        self.thread.join()
        return self.peak / 1e9, sum(self.used.values())


def one(name: str, folder: Path, size: int) -> float:
    command = [sys.executable, __file__, "--one", name, str(folder), str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = Watch(process.pid)
        told = process.communicate()[0]
        peak, used = watch.end()
    if process.returncode:
        sys.exit(f"{name} at {size} failed")
    result = json.loads(told.splitlines()[-1])
    seconds = result["seconds"]
    sys.stdout.write(
        f"| {name:10s} | {size:5d} | {seconds:8.2f} | {used:8.2f} | "
        f"{size**3 / seconds / 1e6:7.2f} | {peak:5.2f} | {result['found']} |\n"
    )
    sys.stdout.flush()
    return float(seconds)


def main(folder: Path, sizes: list[int]) -> None:
    generate(folder / "small", SMALL)
    sys.stdout.write(
        f"{SCHEDULER}, {WORKERS} workers, blocks of {BLOCK}\n\n"
        "| algorithm | edge | s | CPU s | Mvoxel/s | peak GB | found |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    took: dict[str, list[float]] = {name: [] for name in CASES}
    for size in sizes:
        place = folder / str(size)
        generate(place, size)
        for name in CASES:
            took[name].append(one(name, place, size))
        shutil.rmtree(place)
    if len(sizes) > 1:
        grown = 3 * math.log(sizes[-1] / sizes[0])
        exponents = (f"{name} {math.log(t[-1] / t[0]) / grown:.2f}" for name, t in took.items())
        sys.stdout.write(f"\nexponents of time in voxels: {', '.join(exponents)}\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        run(sys.argv[2], CASES[sys.argv[2]], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        numbers = [int(word) for word in sys.argv[1:] if word.isdigit()] or [256, 512, 1024]
        places = [word for word in sys.argv[1:] if not word.isdigit()]
        with tempfile.TemporaryDirectory(dir=places[0] if places else None) as scratch:
            main(Path(scratch), numbers)
