"""Lines along which facets of different sheets meet: their length, direction and kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.crack_points import Points

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["line_rows"]

Table = dict[str, "NDArray[Any]"]
_JOIN = 3.0  # voxel edges between contacts of one line
_SIDE = 6.0  # voxel edges from a line within which it is told whether a sheet goes on
_LEAST = 4  # contacts of the shortest line
_ON = 0.15  # share of a sheet near a line that lies behind it, from which the sheet goes on
_KINDS = np.array(["L", "T", "X"], dtype=object)


def line_rows(
    points: Points,
    touching: NDArray[np.float64],
    labels: tuple[NDArray[np.int32], NDArray[np.int32]],
    areas: NDArray[np.float32],
) -> tuple[Table, Table]:
    """Find the intersection lines of a crack network.

    Parameters
    ----------
    points : Points
        The voxels of all cracks.
    touching : ndarray of float64, shape (m, 5)
        Contacts of facets, from `ssbtomo.kernels.crack_facets.contacts`.
    labels : tuple of ndarray of int32
        Facet of each point, and sheet of each facet.
    areas : ndarray of float32, shape (n,)
        Area of the middle surface that each point stands for, in µm².

    Returns
    -------
    lines : dict of ndarray
        ``line`` (from 1), ``kind`` (``X``: both sheets go on behind the line, ``T``: one ends
        there, ``L``: both do), ``length_um``, ``z_um``, ``y_um``, ``x_um`` (middle),
        ``direction_z``, ``direction_y``, ``direction_x``.
    links : dict of ndarray
        ``line`` and ``facet``, one row for each facet at each line.

    Notes
    -----
    Contacts of one pair of sheets that lie within 3 voxel edges of each other are one line.
    Length: √(12 λ) of their largest second moment, exact for evenly spread contacts on a
    straight line; bent lines read short. Where three sheets share a line there is one for each pair.
    """
    facets, sheets = labels
    edge = float(np.cbrt(points.steps.prod()))
    pairs = touching[:, :2].astype(np.int64)
    sides = np.sort(sheets[pairs], axis=1)
    other = sides[:, 0] != sides[:, 1]
    pairs, sides, where = pairs[other], sides[other], touching[other, 2].astype(np.int64)
    rows: list[tuple[Any, ...]] = []
    links: list[tuple[int, int]] = []
    names, kind = np.unique(sides, axis=0, return_inverse=True)
    for number in range(len(names)):
        own = np.flatnonzero(kind.ravel() == number)
        for part in _clusters((points.places[where[own]] + 0.5) * points.steps, _JOIN * edge):
            members = own[part]
            if members.size < _LEAST:
                continue
            at = np.unique(where[members])
            line = _line((points.places[at] + 0.5) * points.steps)
            near = _near(points, line[1], (line[0] / 2 + _SIDE * edge), areas)
            goes = [
                _goes_on(points, near[sheets[facets[near]] == s], line, areas, at)
                for s in names[number]
            ]
            rows.append((_KINDS[sum(goes)], *line))
            links += [(len(rows), int(facet) + 1) for facet in np.unique(pairs[members])]
    return _tables(rows, links)


def _tables(rows: list[tuple[Any, ...]], links: list[tuple[int, int]]) -> tuple[Table, Table]:
    kinds = np.array([row[0] for row in rows], dtype=object)
    lengths = np.array([row[1] for row in rows], dtype=np.float64)
    middles = np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, 3)
    ways = np.array([row[3] for row in rows], dtype=np.float64).reshape(-1, 3)
    table: Table = {"line": np.arange(1, len(rows) + 1), "kind": kinds, "length_um": lengths}
    table |= {f"{name}_um": middles[:, k] for k, name in enumerate("zyx")}
    table |= {f"direction_{name}": ways[:, k] for k, name in enumerate("zyx")}
    ends = np.array(links, dtype=np.int64).reshape(-1, 2)
    return table, {"line": ends[:, 0], "facet": ends[:, 1]}


def _clusters(places: NDArray[np.float64], apart: float) -> list[NDArray[np.int64]]:
    """Return the connected groups of places, in the order of their first members."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    pairs = cKDTree(places).query_pairs(apart, output_type="ndarray")
    ones = np.ones(len(pairs), dtype=np.int8)
    graph = coo_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(len(places), len(places)))
    count, numbers = connected_components(graph, directed=False)
    groups = [np.flatnonzero(numbers == k) for k in range(count)]
    return sorted(groups, key=lambda group: int(group[0]))


def _line(places: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return length, middle and direction of a set of places."""
    middle = places.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((places - middle).T, bias=True))
    way = vectors[:, 2]
    way = way * np.sign(way[np.argmax(np.abs(way) > np.abs(way).max() - 1e-9)])
    return float(np.sqrt(12 * max(values[2], 0.0))), middle, way


def _near(
    points: Points, middle: NDArray[np.float64], reach: float, areas: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the points with area in a box around a line, from the slices it spans."""
    nz, ny, _ = (int(n) for n in points.shape)
    low = max(int((middle[0] - reach) / points.steps[0]), 0)
    high = min(int((middle[0] + reach) / points.steps[0]) + 1, nz)
    first, last = int(points.rows[low * ny]), int(points.rows[high * ny])
    found = first + np.flatnonzero(areas[first:last] > 0)
    away = (points.places[found] + 0.5) * points.steps - middle
    near: NDArray[np.int64] = found[(away**2).sum(axis=1) <= reach**2]
    return near


def _goes_on(
    points: Points,
    near: NDArray[np.int64],
    line: tuple[float, NDArray[np.float64], NDArray[np.float64]],
    areas: NDArray[np.float32],
    at: NDArray[np.int64],
) -> bool:
    """Tell whether a sheet has area on both sides of a line, away from it."""
    edge = float(np.cbrt(points.steps.prod()))
    _, middle, way = line
    away = (points.places[near] + 0.5) * points.steps - middle
    along = away @ way
    aside = away - along[:, None] * way
    span = (points.places[at] + 0.5) * points.steps - middle
    kept = (np.abs(along) <= np.abs(span @ way).max() - edge) & (
        (aside**2).sum(axis=1) <= (_SIDE * edge) ** 2
    )
    if np.count_nonzero(kept) < _LEAST:
        return False
    aside, weights = aside[kept], areas[near[kept]].astype(np.float64)
    _, vectors = np.linalg.eigh(aside.T @ aside)
    side = aside @ vectors[:, 2]
    low, high = weights[side < -1.5 * edge].sum(), weights[side > 1.5 * edge].sum()
    return bool(min(low, high) >= _ON * (low + high) > 0)
