"""Time and memory of cracks: ``python tests/benchmarks/bench_cracks.py [SIZE] [FOLDER]``.

``python tests/benchmarks/bench_cracks.py facets [SIZE] [FOLDER]`` measures 200 pennies and 200 round
pores (of 512³ voxels, fewer of less) as facets, in labels and in a noisy image (contrast-to-noise 6).
Else:
The void of a composite cathode of 128 voxels a side, mirrored at its faces. With a folder the
volume and all that is made on the way lie on disk, as in a run. Each case is a process of its
own, so that its peak memory is its own.
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

from ssbtomo import io, measure
from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.cracks import crack_table, split_cracks
from ssbtomo.testing import composite_cathode
from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import Ball, Disc

SPACING = (0.05, 0.05, 0.05)
BLOCK = (128, 128, 128)
TILE = 128


def cell(path: Path) -> np.ndarray:
    """Make the cell once: making it takes more memory than the search."""
    if not path.is_file():
        phantom = composite_cathode((TILE,) * 3, SPACING)
        np.save(path, phantom.labels == phantom.phases["void"])
    return np.load(path)


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def stored(folder: Path, shape: tuple[int, ...], name: str, dtype: np.dtype) -> io.ArrayFile:
    return io.ome_zarr.create(folder / f"{name}.ome.zarr", shape, dtype, None, block=BLOCK)


def case(name: str, size: int, tile: Path, folder: Path | None) -> None:
    shape, grid = (size,) * 3, Grid((size,) * 3, BLOCK)
    mask = cell(tile)
    _warm(mask[:40, :40, :40])
    if folder is None:
        allocate = lambda _, dtype: np.zeros(shape, dtype)  # noqa: E731
    else:
        allocate = partial(stored, folder, shape)
    source = allocate("phases", np.dtype(np.uint8))
    for block in grid:
        flips = tuple(slice(None, None, -1 if k % 2 else 1) for k in block.index)
        source[block.core] = mask[flips][tuple(slice(n) for n in block.shape)]
    before, start = peak(), time.perf_counter()
    scheduler, workers = name.split("-")
    with Engine.start(scheduler, int(workers)) as engine:
        start = time.perf_counter()
        found = split_cracks(source, SPACING, grid, engine, allocate=allocate)
        middle = time.perf_counter()
        crack_table(found.labels, SPACING, grid, engine)
    end = time.perf_counter()
    sys.stdout.write(
        f"{name:14s} {size}³ search {middle - start:6.2f} s {size**3 / (middle - start) / 1e6:5.2f} "
        f"Mvoxel/s, table {end - middle:5.2f} s, peak {peak():5.2f} GiB (before {before:4.2f}), "
        f"{found.count} cracks\n"
    )


def pennies(size: int, folder: Path) -> None:
    """Draw the labels and the image once: drawing takes more memory than measuring."""
    if (folder / f"image_{size}.npy").is_file():
        return
    rng = np.random.default_rng(1)
    count = max(round(200 * (size / 512) ** 3), 1)
    paints = []
    for _ in range(count):
        at, pore = (tuple(float(v) for v in rng.uniform(0, size, 3)) for _ in range(2))
        normal = tuple(float(v) for v in rng.normal(size=3))
        paints.append(Paint(Ball(pore, rng.uniform(4, 12)), 0))
        paints.append(Paint(Disc(at, normal, rng.uniform(16, 48), rng.uniform(1, 6)), 0))
    labels = Scene((size,) * 3, (1.0,) * 3, 1, tuple(paints)).labels()
    np.save(folder / f"labels_{size}.npy", labels)
    grey = labels.astype(np.float32) * 2000 + 500
    ndi.gaussian_filter(grey, 0.8, output=grey)
    for k in range(size):
        grey[k] += 333 * rng.standard_normal((size, size), dtype=np.float32)
    np.save(folder / f"image_{size}.npy", np.clip(grey, 0, 65535).astype(np.uint16))


def facets(what: str, size: int, folder: Path) -> None:
    """Measure once, after a small volume has compiled everything."""
    volume = np.load(folder / f"{what}_{size}.npy", mmap_mode="r")
    given = {"void_grey": 500.0} if what == "image" else {}
    measure.cracks(np.asarray(volume[:80, :80, :80]), (1.0,) * 3, workers=2, kind=what, **given)
    before, start, used = peak(), time.perf_counter(), time.process_time()
    found = measure.cracks(volume, (1.0,) * 3, workers=2, kind=what, **given).summary
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    sys.stdout.write(
        f"{what:6s} {size}³ {wall:6.1f} s, {cpu:6.1f} s of CPU, peak {peak():5.2f} GiB (before {before:4.2f}), "
        f"{found.count} cracks, {found.sheets} sheets, {found.facets} facets\n"
    )


def _warm(mask: np.ndarray) -> None:
    """Compile, or read what was compiled."""
    grid = Grid(mask.shape, (32, 32, 32))
    with Engine.start("threads", 2) as engine:
        allocate = lambda _, dtype: np.zeros(mask.shape, dtype)  # noqa: E731
        found = split_cracks(mask, SPACING, grid, engine, allocate=allocate)
        crack_table(found.labels, SPACING, grid, engine)


def main(size: str, folder: str = "") -> None:
    tile = Path(folder or "/tmp") / "cathode_cell.npy"
    cell(tile)
    for name in ("synchronous-1", "threads-1", "threads-2"):
        subprocess.run([sys.executable, __file__, name, size, str(tile), folder], check=True)


def main_facets(size: str = "512", folder: str = "/tmp") -> None:
    for what in ("draw", "labels", "image"):
        subprocess.run([sys.executable, __file__, "facets", size, folder, what], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["facets"]:
        if len(sys.argv) < 5:
            main_facets(*sys.argv[2:])
        elif sys.argv[4] == "draw":
            pennies(int(sys.argv[2]), Path(sys.argv[3]))
        else:
            facets(sys.argv[4], int(sys.argv[2]), Path(sys.argv[3]))
    elif len(sys.argv) > 3:
        case(
            sys.argv[1],
            int(sys.argv[2]),
            Path(sys.argv[3]),
            Path(sys.argv[4]) if sys.argv[4] else None,
        )
    else:
        main(*(sys.argv[1:] or ["256"]))
