"""Speed, memory and error of areas: ``python tests/benchmarks/bench_areas.py [SIZE] [CASE ...]``.

SIZE is a multiple of 128. Balls of 12 to 18 voxels in four phases, whose areas are known: some
hold a core, some are cut by a plane. Each case runs alone in a fresh process, which makes the
labels first; the peak is what it grew by afterwards. ``regions`` measures everything on rounded
regions about 20 voxels wide instead, with many more faces and no known answer. Peers that are not
installed may lie in a folder named in ``PEERS``. The error is the largest of a pair; ``absent`` is
the area found between phases that do not touch, relative to all.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product

import numpy as np
from scipy import ndimage as ndi

from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks.additive import measure_all
from ssbtomo.blocks.areas import Contacts, InterfaceAreas, interface_areas
from ssbtomo.blocks.cells import statistics_grid
from ssbtomo.blocks.fractions import Fractions
from ssbtomo.testing.analytic import ball_cut_by_plane

SPACING = (0.05, 0.05, 0.05)
PHASES = (0, 1, 2, 3)
BLOCK = (64, 256, 256)
TILE = 128
Areas = dict[tuple[int, int], float]


def four_phases(size: int) -> np.ndarray:
    """Cut two smoothed noises at their medians: four phases of equal volume, periodic."""
    rng = np.random.default_rng(0)
    noises = [
        ndi.gaussian_filter(rng.normal(size=(TILE,) * 3).astype(np.float32), 4, mode="wrap")
        for _ in range(2)
    ]
    cell = sum((noise > np.median(noise)).astype(np.uint8) << k for k, noise in enumerate(noises))
    return np.tile(cell, (size // TILE,) * 3)


def balls() -> tuple[np.ndarray, Areas, float]:
    """A tile of 27 balls, its areas, and the length of its triple lines; in voxels."""
    rng, tile = np.random.default_rng(1), np.zeros((TILE,) * 3, np.uint8)
    areas, rims = dict.fromkeys([(0, 1), (0, 3), (1, 2), (1, 3)], 0.0), 0.0
    grid = np.meshgrid(*[np.arange(TILE)] * 3, indexing="ij", sparse=True)
    for number, place in enumerate(product((21.0, 63.0, 106.0), repeat=3)):
        radius = rng.uniform(12, 18)
        middle = np.array(place) + rng.uniform(radius - 20, 20 - radius, 3)
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        squares = sum((g - m) ** 2 for g, m in zip(grid, middle, strict=True))
        above = sum((g - m) * n for g, m, n in zip(grid, middle, normal, strict=True)) > 2.5
        inside, whole = squares < radius**2, 4 * np.pi * radius**2
        if number % 3 == 0:
            tile[inside], tile[squares < (0.6 * radius) ** 2] = 1, 2
            areas[0, 1] += whole
            areas[1, 2] += 0.36 * whole
        elif number % 3 == 1:
            tile[inside] = 3
            areas[0, 3] += whole
        else:
            tile[inside] = np.where(above, 1, 3)[inside]
            cap, rest, disc, rim = ball_cut_by_plane(radius, 2.5)
            for pair, area in (((0, 1), cap), ((0, 3), rest), ((1, 3), disc)):
                areas[pair] += area
            rims += rim
    return tile, areas, rims


def objects_of(labels: np.ndarray) -> np.ndarray:
    """Objects of the last phase: what lies in one cube of 24 voxels."""
    z, y, x = (np.arange(size, dtype=np.int32) // 24 for size in labels.shape)
    numbers = 1 + (z[:, None, None] * y.size + y[:, None]) * x.size + x
    return np.where(labels == 3, numbers % 10007 + 1, 0).astype(np.int32)


def matrix(labels: np.ndarray, objects: np.ndarray) -> InterfaceAreas:
    """All pairs, all triples, three estimators."""
    del objects
    with Engine.start("threads", 2) as engine:
        return interface_areas(labels, SPACING, PHASES, Grid(labels.shape, BLOCK), engine)


def everything(labels: np.ndarray, objects: np.ndarray) -> InterfaceAreas:
    """The same, voxel counts, and all by cell, by slice and by object, in one read."""
    cells = statistics_grid(labels.shape, SPACING)
    measures = [Fractions(PHASES, cells), Contacts(PHASES, SPACING, cells, axis=0)]
    with Engine.start("threads", 2) as engine:
        grid = Grid(labels.shape, BLOCK)
        found = measure_all(labels, measures, grid, engine, objects=objects)
    return found[1].whole


def cc3d(labels: np.ndarray, objects: np.ndarray) -> Areas:
    import cc3d as peer

    del objects
    found = peer.contacts(labels + 1, connectivity=6, anisotropy=SPACING)
    return {(a - 1, b - 1): area for (a, b), area in found.items()}


def porespy(labels: np.ndarray, objects: np.ndarray) -> Areas:
    import porespy as peer

    del objects
    regions = labels.astype(np.int32) + 1
    surfaces = peer.metrics.region_surface_areas(regions)
    found = peer.metrics.region_interface_areas(regions, surfaces)
    face = SPACING[0] ** 2
    return {
        (int(min(pair)), int(max(pair))): area * face
        for pair, area in zip(found.conns, found.area, strict=True)
    }


def taufactor(labels: np.ndarray, objects: np.ndarray) -> Areas:
    from taufactor import metrics

    del objects
    found = metrics.interfacial_areas(labels, normalize=False, device="cpu")
    return {pair: count * SPACING[0] ** 2 for pair, count in found.items()}


CASES: dict[str, Callable[[np.ndarray, np.ndarray], InterfaceAreas | Areas]] = {
    "matrix": matrix,
    "everything": everything,
    "regions": everything,
    "cc3d": cc3d,
    "taufactor": taufactor,
    "porespy": porespy,
}


def measure(size: int, name: str) -> None:
    """Run one case in this process and print its row."""
    tile, truth, rims = balls()
    repeats = size // TILE
    labels = four_phases(size) if name == "regions" else np.tile(tile, (repeats,) * 3)
    objects = objects_of(labels) if name in {"everything", "regions"} else labels
    CASES[name](labels[:32, :32, :32].copy(), objects[:32, :32, :32].copy())
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    found = CASES[name](labels, objects)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    grown = (after.ru_maxrss - before.ru_maxrss) * 1024 / labels.size
    sys.stdout.write(
        f"{name:12s} {seconds:8.2f} s {labels.size / seconds / 1e6:7.2f} Mvoxel/s "
        f"(CPU {cpu:8.2f} s) grew by {grown:5.1f} B/voxel"
    )
    if name != "regions":
        scale = repeats**3 * SPACING[0] ** 2
        areas = found.area_um2 if isinstance(found, InterfaceAreas) else found
        errors = [areas.get(pair, 0.0) / (area * scale) - 1 for pair, area in truth.items()]
        absent = sum(area for pair, area in areas.items() if pair not in truth)
        sys.stdout.write(
            f"  error {100 * max(errors, key=abs):+7.2f} %, "
            f"absent {100 * absent / sum(areas.values()):.3f} %"
        )
        if isinstance(found, InterfaceAreas):
            line = found.triple_um[0, 1, 3] / (rims * repeats**3 * SPACING[0]) - 1
            sys.stdout.write(f", line {100 * line:+.2f} %")
    sys.stdout.write("\n")


def main(size: int, *names: str) -> None:
    """Run each case in a process of its own."""
    for name in names or tuple(CASES):
        done = subprocess.run(
            [sys.executable, __file__, str(size), name],
            env={**os.environ, "BENCH_CASE": "1"}, check=False, capture_output=True, text=True,
        )  # fmt: skip
        reason = (done.stderr.strip().splitlines() or ["?"])[-1]
        row = done.stdout.splitlines()[-1:] if done.returncode == 0 else [f"{name:12s} {reason}"]
        sys.stdout.write("\n".join(row) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if "PEERS" in os.environ:
        sys.path.append(os.environ["PEERS"])
    edge = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    if "BENCH_CASE" in os.environ:
        measure(edge, sys.argv[2])
    else:
        main(edge, *sys.argv[2:])
