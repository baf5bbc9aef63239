"""What lies across cracks, block by block: grey values along their normals, and both sides."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.crack_points import points_in
from ssbtomo.blocks.engine import SERIAL, Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import each
from ssbtomo.kernels.crack_points import Points
from ssbtomo.kernels.crack_profiles import profiles
from ssbtomo.kernels.crack_traces import RESPONSE, responses
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.units import Spacing

__all__ = ["across_grey", "response_across", "side_labels"]

Ways = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
_PAST = 3.0  # voxel edges beyond a crack within which its walls are looked for


def across_grey(
    image: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    points: Points,
    ways: Ways,
    level: float,
) -> NDArray[np.float32]:
    """Measure the aperture at some points by the grey values that are lacking across them.

    Parameters
    ----------
    image : Source
        Grey values.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run; here, if its workers do not share the memory of this process.
    points : Points
        Where.
    ways : tuple of ndarray of float32
        Normals, heights above the middle and half lengths in µm of the profiles.
    level : float
        Grey value of a crack so wide that its middle is not blurred.

    Returns
    -------
    ndarray of float32
        In µm; see `ssbtomo.kernels.crack_ridges.profiles`.
    """
    margin = float(ways[2].max(initial=0)) + 4 * voxel_edge(spacing)
    kernel = partial(profiles, level=level)
    return _across(image, (spacing, grid, engine), (points, ways), (kernel, margin))


def response_across(
    image: Source, spacing: Spacing, grid: Grid, engine: Engine, *, points: Points, ways: Ways
) -> NDArray[np.float32]:
    """Filter an image across sheets, at some points.

    Parameters
    ----------
    image : Source
        Grey values.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run; here, if its workers do not share the memory of this process.
    points : Points
        Where.
    ways : tuple of ndarray of float32
        Normals, heights above the middle and standard deviations in µm of the filter.

    Returns
    -------
    ndarray of float32
        Grey value times µm; see `ssbtomo.kernels.crack_traces.responses`.
    """
    margin = RESPONSE * float(ways[2].max(initial=0)) + 4 * voxel_edge(spacing)
    return _across(image, (spacing, grid, engine), (points, ways), (responses, margin))


def side_labels(
    labels: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    points: Points,
    ways: Ways,
    passed: tuple[int, ...],
) -> NDArray[np.int64]:
    """Tell which labels lie on both sides of some points of cracks.

    Parameters
    ----------
    labels : Source
        Phases, or particles.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it.
    engine : Engine
        Where the tasks run; here, if its workers do not share the memory of this process.
    points : Points
        Where.
    ways : tuple of ndarray of float32
        Normals, heights above the middle and widths in µm.
    passed : tuple of int
        Labels that a crack is made of: what lies behind them is looked for.

    Returns
    -------
    ndarray of int64, shape (n, 2)
        The first other label on either side within 3 voxel edges of the crack; -1 where none is.
    """
    margin = float(ways[2].max(initial=0)) + (_PAST + 2) * voxel_edge(spacing)
    z, y, x = (int(margin / edge) + 2 for edge in spacing)
    halo = z, y, x
    task = partial(
        _walls, labels=labels, spacing=spacing, halo=halo, points=points, ways=ways, passed=passed
    )
    found = np.full((len(points.places), 2), -1, dtype=np.int64)
    for rows, values in each(task, grid, SERIAL if engine.remote else engine):
        found[rows] = values
    return found


def _across(
    image: Source,
    place: tuple[Spacing, Grid, Engine],
    lines: tuple[Points, Ways],
    work: tuple[Callable[..., NDArray[np.float32]], float],
) -> NDArray[np.float32]:
    """Run a kernel along lines through the points whose lines are longer than 0."""
    spacing, grid, engine = place
    z, y, x = (int(work[1] / edge) + 2 for edge in spacing)
    task = partial(
        _lines, image=image, spacing=spacing, halo=(z, y, x), lines=lines, kernel=work[0]
    )
    found = np.full(len(lines[0].places), np.nan, dtype=np.float32)
    for rows, values in each(task, grid, SERIAL if engine.remote else engine):
        found[rows] = values
    return found


def _lines(
    block: Block,
    *,
    image: Source,
    spacing: Spacing,
    halo: tuple[int, int, int],
    lines: tuple[Points, Ways],
    kernel: Callable[..., NDArray[np.float32]],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    points, ways = lines
    rows = points_in(block, points)
    rows = rows[ways[2][rows] > 0]
    if not rows.size:
        return rows, np.empty(0, dtype=np.float32)
    window = block.window(halo, halo)
    places = points.places[rows] - np.array([side.start for side in window])
    own = ways[0][rows], ways[1][rows], ways[2][rows]
    return rows, kernel(np.asarray(image[window]), spacing, places.astype(np.int64), own)


def _walls(
    block: Block,
    *,
    labels: Source,
    spacing: Spacing,
    halo: tuple[int, int, int],
    points: Points,
    ways: Ways,
    passed: tuple[int, ...],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows = points_in(block, points)
    found = np.full((rows.size, 2), -1, dtype=np.int64)
    if not rows.size:
        return rows, found
    window = block.window(halo, halo)
    values = np.asarray(labels[window])
    places = points.places[rows] - np.array([side.start for side in window])
    normals, heights, widths = (way[rows] for way in ways)
    edge = voxel_edge(spacing)
    for side in range(2):
        for k in range(int(2 * (_PAST + 0.5)) + 1):
            way = (2 * side - 1) * (0.5 * widths + 0.5 * k * edge) - heights
            at = np.rint(places + way[:, None] * normals / np.asarray(spacing)).astype(np.int64)
            held = ((at >= 0) & (at < values.shape)).all(axis=1) & (found[:, side] < 0)
            seen = values[tuple(at[held].T)].astype(np.int64)
            found[held, side] = np.where(np.isin(seen, passed), -1, seen)
    return rows, found
