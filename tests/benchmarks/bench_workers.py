"""One worker and two: ``python tests/benchmarks/bench_workers.py [SIZE] [FOLDER]``.

Filters and labelling from store to store, in blocks of 128, with threads and with processes. The
workers are warm: each case runs on a small volume first. Best of three; the volume is that of
``bench_growth.py``. Nothing else may run on the machine meanwhile. The compiled codecs of the stores
get one thread, as they have in worker processes: with threads, one worker would else use all cores.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

os.environ["RAYON_NUM_THREADS"] = "1"  # before the codecs are loaded

import numpy as np
from bench_growth import SMALL, SPACING, generate, stored

from ssbtomo import io
from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.components import Wanted, components
from ssbtomo.blocks.filters import apply_filter

FILTERS: dict[str, dict[str, Any]] = {
    "gaussian": {"sigma": 1.0},
    "median": {"radius": 1},
    "gradient": {"spacing": SPACING, "sigma": 0.05},
}
REPEATS = 3


def filtered(method: str, source: Any, grid: Grid, engine: Engine, folder: Path) -> None:
    sink = stored(folder, grid.shape[0], method, np.float32)
    apply_filter(source, sink, grid, engine, method, **FILTERS[method])


def labelled(source: Any, grid: Grid, engine: Engine, folder: Path) -> None:
    components(source, grid, engine, Wanted(2), allocate=partial(stored, folder, grid.shape[0]))


def main(size: int, folder: Path) -> None:
    for edge in (SMALL, size):
        generate(folder / str(edge), edge)
    cases = {name: partial(filtered, name) for name in FILTERS} | {"labelling": labelled}
    sys.stdout.write(
        "| case | scheduler | 1 worker, s | 2 workers, s | ratio |\n|---|---|---|---|---|\n"
    )
    for scheduler in ("threads", "processes"):
        took: dict[str, list[float]] = {name: [] for name in cases}
        for workers in (1, 2):
            with Engine.start(scheduler, workers) as engine:
                for name, case in cases.items():
                    times = []
                    for edge in (SMALL, *[size] * REPEATS):
                        source = io.ome_zarr.open_array(folder / str(edge) / "labels.ome.zarr")
                        grid = Grid((edge,) * 3, (min(128, edge // 2),) * 3)
                        begin = time.perf_counter()
                        case(source, grid, engine, folder / "out")
                        times.append(time.perf_counter() - begin)
                    took[name].append(min(times[1:]))
        for name, (one, two) in took.items():
            sys.stdout.write(
                f"| {name} {size}³ | {scheduler} | {one:.2f} | {two:.2f} | {one / two:.2f} |\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    edge = int(sys.argv[1]) if sys.argv[1:] else 512
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if sys.argv[2:] else None) as scratch:
        main(edge, Path(scratch))
