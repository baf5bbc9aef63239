"""What a task costs beside its work: ``python tests/benchmarks/bench_engine.py [TASKS]``.

Empty tasks on each backend, with and without done-markers; a Gaussian over a store on disk with
one and with two workers; and the time from a cancel to the end of the engine.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np

from ssbtomo.blocks import Engine, Grid, Markers, halo_map
from ssbtomo.errors import CancelledError
from ssbtomo.io import ome_zarr
from ssbtomo.kernels import filters

BACKENDS = ("synchronous", "threads", "processes")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def overhead(backend: str, tasks: int, folder: Path) -> None:
    """Time empty tasks, first unmarked, then marked, then recalled."""
    begin = time.perf_counter()
    with Engine.start(backend, 2) as engine:
        list(engine.map(abs, range(4)))
        started = time.perf_counter() - begin
        markers = Markers(folder / backend, "a")
        told = []
        for name, marks in (("empty", None), ("marked", markers), ("recalled", markers)):
            begin = time.perf_counter()
            assert list(engine.map(abs, range(tasks), markers=marks)) == list(range(tasks))
            told.append(f"{name} {(time.perf_counter() - begin) / tasks * 1e3:6.3f} ms")
    say(f"{backend:12s} start {started:5.2f} s   per task: {'   '.join(told)}")


def filtered(backend: str, workers: int, folder: Path, size: int) -> None:
    """Time a Gaussian from store to store, with markers."""
    grid = Grid((size,) * 3, (64, 64, 64))
    source = ome_zarr.open_array(folder / "in.ome.zarr")
    path = folder / f"{backend}-{workers}.ome.zarr"
    sink = ome_zarr.create(path, grid.shape, np.float32, None, block=grid.block)
    kernel = partial(filters.gaussian, sigma=(2.0, 2.0, 2.0))
    with Engine.start(backend, workers) as engine:
        halo_map(kernel, source, sink, grid, engine, halo=8)  # each worker loads its kernels
        begin = time.perf_counter()
        halo_map(
            kernel, source, sink, grid, engine, halo=8, markers=Markers(folder / path.stem, "")
        )
        seconds = time.perf_counter() - begin
    say(f"gaussian {size}^3, {backend}, {workers} worker(s): {seconds:6.2f} s, "
        f"{size**3 / seconds / 1e6:6.1f} Mvoxel/s")  # fmt: skip


def cancelled(backend: str) -> None:
    """Time the way out of tasks that would run for a minute."""
    cancel = threading.Event()
    try:
        with Engine.start(backend, 2, cancel=cancel) as engine:
            threading.Timer(1.0, cancel.set).start()
            begin = time.perf_counter() + 1.0
            list(engine.map(time.sleep, [60] * 8))
    except CancelledError:
        say(f"cancel, {backend}: {time.perf_counter() - begin:5.2f} s")


def main(tasks: int, size: int = 256) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for backend in BACKENDS:
            overhead(backend, tasks, folder)
        image = np.random.default_rng(0).integers(0, 255, (size,) * 3, np.uint8)
        store = ome_zarr.create(folder / "in.ome.zarr", image.shape, "u1", None, block=(64,) * 3)
        store[...] = image
        for backend in ("threads", "processes"):
            for workers in (1, 2):
                filtered(backend, workers, folder, size)
    for backend in ("threads", "processes"):
        cancelled(backend)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
