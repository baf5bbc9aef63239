"""One contact area by every definition: ``python tests/benchmarks/areas_by_definition.py [LABELS]``.

Known shapes: relative error of each definition in percent, mean and extremes over draws (one
seed; under a minute). LABELS, a TIFF file such as a segmented electrode with cubic voxels of edge 1:
every pair of its phases, relative to ``normals``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from ssbtomo import measure
from ssbtomo.testing.analytic import ball_cut_by_plane, box_section_area

CUBES = (1.0, 1.0, 1.0)  # taufactor gives an area for these only
ESTIMATORS = ("normals", "crofton", "faces", "cc3d", "taufactor", "matbox", "openimpala", "porespy")
DRAWS = 20
Case = tuple[np.ndarray, dict[tuple[int, int], float]]


def heights(size: int, normal: np.ndarray) -> np.ndarray:
    """Distance of each voxel's centre along a direction, from a corner of the box."""
    axes = np.meshgrid(*[np.arange(size) + 0.5] * 3, indexing="ij", sparse=True)
    return sum(axis * part for axis, part in zip(axes, normal, strict=True))


def axis_plane(rng: np.random.Generator) -> Case:
    """A wall along an axis."""
    labels = np.zeros((48, 48, 48), np.uint8)
    labels[int(rng.integers(16, 32)) :] = 1
    return labels, {(0, 1): 48.0**2}


def plane(rng: np.random.Generator) -> Case:
    """A plane of any orientation."""
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    offset = float(normal.sum() * 24) + rng.uniform(-1, 1)
    area = box_section_area((48, 48, 48), normal.tolist(), offset)
    return (heights(48, normal) < offset).astype(np.uint8), {(0, 1): area}


def ball(radius: float) -> Callable[[np.random.Generator], Case]:
    """A ball at any place."""

    def draw(rng: np.random.Generator) -> Case:
        size = int(2 * radius + 12)
        shifts = size / 2 + rng.uniform(-0.5, 0.5, 3)
        axes = np.meshgrid(*[np.arange(size) + 0.5] * 3, indexing="ij", sparse=True)
        squares = sum((axis - shift) ** 2 for axis, shift in zip(axes, shifts, strict=True))
        return (squares < radius**2).astype(np.uint8), {(0, 1): 4 * np.pi * radius**2}

    return draw


def cut_ball(rng: np.random.Generator) -> Case:
    """A ball of two phases in a third: three contacts that meet."""
    labels, _ = ball(16)(rng)
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    inside = np.argwhere(labels) + 0.5
    middle = float(inside.mean(axis=0) @ normal)
    level = rng.uniform(-6, 6)
    above = heights(len(labels), normal) > middle + level
    cap, rest, disc, _ = ball_cut_by_plane(16.0, level)
    whole = (labels * np.where(above, 1, 2)).astype(np.uint8)
    return whole, {(0, 1): cap, (0, 2): rest, (1, 2): disc}


SHAPES: dict[str, Callable[[np.random.Generator], Case]] = {
    "plane along an axis": axis_plane,
    "planes, any orientation": plane,
    "balls of 4 voxels": ball(4),
    "balls of 16 voxels": ball(16),
    "cut balls of 16, three pairs": cut_ball,
}


def areas(labels: np.ndarray, estimator: str) -> dict[tuple[int, int], float]:
    """The contact area of each pair."""
    rows = measure.contact_areas(labels, CUBES, estimator).itertuples()  # type: ignore[arg-type]
    return {(row.phase_a, row.phase_b): row.area_um2 for row in rows}


def known() -> None:
    """Print the errors on known shapes."""
    for name, draw in SHAPES.items():
        for estimator in ESTIMATORS:
            rng, errors = np.random.default_rng(5), []
            for _ in range(DRAWS):
                labels, truth = draw(rng)
                found = areas(labels, estimator)
                errors += [100 * (found[pair] / area - 1) for pair, area in truth.items()]
            write(f"{name:30s} {estimator:11s} {np.mean(errors):+7.1f} "
                  f"({min(errors):+.1f} to {max(errors):+.1f})")  # fmt: skip


def electrode(path: Path) -> None:
    """Print the areas of a segmented volume, relative to ``normals``."""
    labels = tifffile.imread(path)
    found = {estimator: areas(labels, estimator) for estimator in ESTIMATORS}
    for pair, area in found["normals"].items():
        shares = [f"{name} {100 * (found[name][pair] / area - 1):+.1f}" for name in ESTIMATORS[1:]]
        write(
            f"{path.stem} {pair[0]}|{pair[1]}: normals {area:.0f} voxel faces; {', '.join(shares)}"
        )


def write(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    known()
    for place in sys.argv[1:]:
        electrode(Path(place))
