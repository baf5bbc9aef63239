"""Errors of contact areas on known shapes: ``python tests/benchmarks/accuracy_areas.py [SHARE] [PART ...]``.

Parts: ``planes``, ``axes``, ``balls``, ``nested``, ``cut``, ``slabs``. SHARE of the draws is made,
1 by default (200 planes at each spacing, 50 cut balls at each; some minutes). Each line gives
the mean and the standard deviation of the relative error, its extremes, and the goal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import numpy as np

from ssbtomo.kernels.areas import InterfaceAreas, interface_areas
from ssbtomo.testing.analytic import ball_cut_by_plane, box_section_area

CUBES = (1.0, 1.0, 1.0)
RATIOS = (1.0, 2.0, 4.0)
PARTS = ("planes", "axes", "balls", "nested", "cut", "slabs")
ESTIMATORS = ("area_um2", "crofton_um2", "faces_um2")
TO_VOLUME = ("ball of that volume", "area / that ball")
Row = tuple[str, list[float], str]


def stretched(ratio: float, draw: int) -> tuple[float, float, float]:
    """A spacing with one long edge; each axis has its turn."""
    z, y, x = (ratio if axis == draw % 3 else 1.0 for axis in range(3))
    return z, y, x


def direction(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def centres(shape: Sequence[int], spacing: Sequence[float]) -> list[np.ndarray]:
    """Voxel centres along each axis, from the corner of the volume, for broadcasting."""
    axes = [(np.arange(n) + 0.5) * h for n, h in zip(shape, spacing, strict=True)]
    return np.meshgrid(*axes, indexing="ij", sparse=True)


def heights(shape: Sequence[int], spacing: Sequence[float], normal: np.ndarray) -> np.ndarray:
    return sum(c * n for c, n in zip(centres(shape, spacing), normal, strict=True))


def errors_of(areas: InterfaceAreas, pair: tuple[int, int], truth: float) -> list[float]:
    """The relative error of each estimator."""
    return [getattr(areas, name)[pair] / truth - 1 for name in ESTIMATORS]


def planes(share: float) -> Iterator[Row]:
    """Planes of random orientation and offset, right through a box."""
    for ratio in RATIOS:
        rng, found = np.random.default_rng(int(ratio)), []
        for draw in range(max(int(200 * share), 3)):
            spacing = stretched(ratio, draw)
            shape = [round(56 / h) for h in spacing]
            size = [n * h for n, h in zip(shape, spacing, strict=True)]
            normal = direction(rng)
            offset = float(normal @ size) / 2 + rng.uniform(-2, 2)
            labels = (heights(shape, spacing, normal) < offset).astype(np.uint8)
            truth = box_section_area(size, normal.tolist(), offset)
            found.append(errors_of(interface_areas(labels, spacing, [0, 1]), (0, 1), truth))
        goals = ("bias 1 %, worst 2 %", "-", "-")
        yield from rows(f"planes {ratio:g}:1", found, goals)


def axes(share: float) -> Iterator[Row]:
    """Planes along the axes."""
    del share
    for ratio in RATIOS:
        found = []
        for draw in range(9):
            spacing, shape, axis = stretched(ratio, draw // 3), (24, 25, 26), draw % 3
            labels = np.zeros(shape, np.uint8)
            labels[(slice(None),) * axis + (slice(11, None),)] = 1
            size = [n * h for n, h in zip(shape, spacing, strict=True)]
            truth = float(np.prod(size)) / size[axis]
            found.append(errors_of(interface_areas(labels, spacing, [0, 1]), (0, 1), truth))
        yield from rows(f"axis planes {ratio:g}:1", found, ("0.2 %", "-", "-"))


def balls(share: float) -> Iterator[Row]:
    """Balls of few voxels, at random places.

    Two more rows: the area of the ball that has the volume of the voxels, which says what was
    lost when the ball was cut into voxels, and the estimate relative to that area.
    """
    for ratio in RATIOS:
        for radius in (4, 5, 6, 8, 12):
            rng, found = np.random.default_rng(radius), []
            for draw in range(max(int(24 * share), 2)):
                spacing = stretched(ratio, draw)
                inside = squared_radius(radius * ratio, spacing, rng) < (radius * ratio) ** 2
                areas = interface_areas(inside.astype(np.uint8), spacing, [0, 1])
                truth = 4 * np.pi * (radius * ratio) ** 2
                full = 4 / 3 * np.pi * (radius * ratio) ** 3
                same = (inside.sum() * np.prod(spacing) / full) ** (2 / 3)
                own = errors_of(areas, (0, 1), truth)
                found.append([*own, same - 1, (own[0] + 1) / same - 1])
            name = f"balls {ratio:g}:1 radius {radius} largest voxels"
            yield from rows(name, found, ("2 %", "-", "-", "-", "0.5 %"))


def squared_radius(radius: float, spacing: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """Squared distances from a random centre, in a box with room around the ball."""
    shape = [int(np.ceil((2 * radius + 4 * max(spacing)) / h)) + 6 for h in spacing]
    middle = [
        (n / 2 + shift) * h
        for n, h, shift in zip(shape, spacing, rng.uniform(-0.5, 0.5, 3), strict=True)
    ]
    return sum((c - m) ** 2 for c, m in zip(centres(shape, spacing), middle, strict=True))


def nested(share: float) -> Iterator[Row]:
    """Balls of 5, 10 and 15 voxels around one point: three contacts, three absent."""
    del share
    grid = np.meshgrid(*[np.arange(50.0) - c for c in (20.123, 20.234, 20.345)], indexing="ij")
    radius = np.sqrt(sum(g**2 for g in grid))
    labels = sum((radius < r).astype(np.uint8) for r in (5, 10, 15))
    areas = interface_areas(labels, CUBES, [0, 1, 2, 3])
    for pair, r in (((2, 3), 5), ((1, 2), 10), ((0, 1), 15)):
        found = [errors_of(areas, pair, 4 * np.pi * r**2)]
        yield from rows(f"nested balls, radius {r}", found, ("2 %", "-", "-"))
    absent = [areas.area_um2[pair] for pair in ((0, 2), (0, 3), (1, 3))]
    yield "nested balls, absent pairs (um2)", absent, "0"


def cut(share: float) -> Iterator[Row]:
    """Balls cut by a random plane: three pairs and a triple line."""
    for ratio, radius in ((1.0, 20.0), (3.0, 30.0)):
        rng, found = np.random.default_rng(int(radius)), []
        for draw in range(max(int(50 * share), 2)):
            spacing, normal = stretched(ratio, draw), direction(rng)
            found.append(cut_ball(radius, spacing, normal, rng))
        line = "2 %" if ratio == 1 else "3 %"
        names = ("cap", "rest", "cut", "triple line")
        for name, column, goal in zip(
            names, zip(*found, strict=True), ("2 %", "2 %", "2 %", line), strict=True
        ):
            yield f"cut ball {ratio:g}:1 {name}", list(column), goal


def cut_ball(
    radius: float,
    spacing: tuple[float, float, float],
    normal: np.ndarray,
    rng: np.random.Generator,
) -> list[float]:
    """The errors of three areas and of the line, for a cut at -0.5 to 0.5 radii."""
    shape = [int(np.ceil((2 * radius + 4 * max(spacing)) / h)) + 6 for h in spacing]
    shifts = rng.uniform(-0.5, 0.5, 3)
    middle = np.array([(n / 2 + s) * h for n, h, s in zip(shape, spacing, shifts, strict=True)])
    level = radius * rng.uniform(-0.5, 0.5)
    squares = sum((c - m) ** 2 for c, m in zip(centres(shape, spacing), middle, strict=True))
    above = heights(shape, spacing, normal) - normal @ middle > level
    labels = ((squares < radius**2) * np.where(above, 1, 2)).astype(np.uint8)
    areas = interface_areas(labels, spacing, [0, 1, 2])
    cap, rest, disc, rim = ball_cut_by_plane(radius, level)
    pairs = (((0, 1), cap), ((0, 2), rest), ((1, 2), disc))
    found = [areas.area_um2[pair] / truth - 1 for pair, truth in pairs]
    return [*found, areas.triple_um[0, 1, 2] / rim - 1]


def slabs(share: float) -> Iterator[Row]:
    """Slabs as thin as cracks; both faces count."""
    for width in (1.0, 1.5, 2.0, 3.0, 4.0):
        rng, found = np.random.default_rng(int(10 * width)), []
        for _ in range(max(int(50 * share), 2)):
            shape, normal = (48, 48, 48), direction(rng)
            offset = float(normal.sum() * 24) + rng.uniform(-1, 1)
            gap = np.abs(heights(shape, CUBES, normal) - offset)
            truth = sum(
                box_section_area(shape, normal.tolist(), offset + side * width / 2)
                for side in (-1, 1)
            )
            labels = (gap < width / 2).astype(np.uint8)
            found.append(errors_of(interface_areas(labels, CUBES, [0, 1]), (0, 1), truth))
        goal = "3 %" if width >= 2 else "-"
        yield from rows(f"slabs {width:g} voxels wide", found, (goal, "-", "-"))


def rows(name: str, found: list[list[float]], goals: Sequence[str]) -> Iterator[Row]:
    """One row for each estimator, and for each comparison by volume if there are any."""
    kinds = (*ESTIMATORS, *TO_VOLUME)[: len(goals)]
    for kind, column, goal in zip(kinds, zip(*found, strict=True), goals, strict=True):
        yield f"{name}, {kind.removesuffix('_um2')}", list(column), goal


def main(share: float, *parts: str) -> None:
    """Print the table."""
    makers = {"planes": planes, "axes": axes, "balls": balls, "nested": nested,
              "cut": cut, "slabs": slabs}  # fmt: skip
    sys.stdout.write(
        f"{'shape, estimator':46s} {'n':>4s} {'mean %':>8s} {'sd %':>7s} {'least %':>8s} "
        f"{'most %':>8s}  goal\n"
    )
    for part in parts:
        for name, values, goal in makers[part](share):
            percent = 100 * np.array(values)
            sys.stdout.write(
                f"{name:46s} {len(values):4d} {percent.mean():+8.3f} {percent.std():7.3f} "
                f"{percent.min():+8.3f} {percent.max():+8.3f}  {goal}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0, *(sys.argv[2:] or PARTS))
