"""Lines along which facets of different sheets meet: their length, direction and kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ssbtomo.kernels.crack_points import Points

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Surface", "line_rows"]

Table = dict[str, "NDArray[Any]"]
Line = tuple[float, "NDArray[np.float64]", "NDArray[np.float64]"]
_JOIN = 3.0  # voxel edges between contacts of one line
_SIDE = 6.0  # voxel edges from a line within which it is told whether a sheet goes on
_LEAST = 4  # contacts of the shortest line
_ON = 0.15  # share of a sheet near a line that lies behind it, from which the sheet goes on
_STRIP = 3.0  # voxel edges: width of the strips beside a line,
_STRIPS = 2  # and how many of them there are on each side
_PLANE = 10  # points that give the plane of a sheet
_SLOW = 0.3  # sine of the angle below which two planes do not tell where they meet
_KINDS = np.array(["L", "T", "X"], dtype=object)


class Surface(NamedTuple):
    """The middle surface of cracks, point by point.

    Parameters
    ----------
    normals : ndarray of float32, shape (n, 3)
        Of the plane of its facet around each point.
    heights : ndarray of float32, shape (n,)
        Height of each point above the middle in µm, along its normal.
    widths : ndarray of float32, shape (n,)
        Width of the crack there in µm.
    areas : ndarray of float32, shape (n,)
        Area of the middle surface that each stands for, in µm².
    """

    normals: NDArray[np.float32]
    heights: NDArray[np.float32]
    widths: NDArray[np.float32]
    areas: NDArray[np.float32]


def line_rows(
    points: Points,
    touching: NDArray[np.float64],
    labels: tuple[NDArray[np.int32], NDArray[np.int32]],
    surface: Surface,
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
    surface : Surface
        Where the middle surface passes each point.

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
    Contacts of one pair of sheets that lie within 3 voxel edges of each other are one line; it runs where
    the planes of both sheets around it meet, as far as both sheets reach. Next to the line the walls of
    one sheet hide the other. So the reach of a sheet is measured in strips beside that, √(12 λ) of its
    area along the line, and drawn on to the line: the squared chord of a disc is a quadratic in
    the distance from its middle, that of a straight strip a constant. Where the walls of two sheets touch and
    their middles do not meet, that comes to nothing. Lines of less than 3 voxel edges are left out; of a slice, and of sheets
    with no strips beside the line, length and direction are those of the contacts.
    Where three sheets share a line there is one for each pair.
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
            near = _near(points, line[1], (line[0] / 2 + 2 * _SIDE * edge), surface.areas)
            both = [near[sheets[facets[near]] == s] for s in names[number]]
            line = _drawn_on(points, at, line, both, surface)
            if line[0] <= _JOIN * edge and not (points.shape == 1).any():
                continue
            goes = [_goes_on(points, one, line, surface.areas, at) for one in both]
            rows.append((_KINDS[sum(goes)], *line))
            links += [(len(rows), int(facet) + 1) for facet in np.unique(pairs[members])]
    return _tables(rows, links)


def _drawn_on(
    points: Points,
    at: NDArray[np.int64],
    line: Line,
    both: list[NDArray[np.int64]],
    surface: Surface,
) -> Line:
    """Return the line along which the planes of two sheets meet, as far as both reach."""
    edge = float(np.cbrt(points.steps.prod()))
    length, middle, _ = line
    spots = [_middles(points, one, surface) - middle for one in both]
    close = [s[(s**2).sum(axis=1) <= (length / 2 + _SIDE * edge) ** 2] for s in spots]
    if (points.shape == 1).any() or min(map(len, close)) < _PLANE:
        return line
    normals = [np.linalg.eigh(np.cov(s.T, bias=True))[1][:, 0] for s in close]
    way = np.cross(normals[0], normals[1])
    sine = float(np.linalg.norm(way))
    if sine < _SLOW:
        return line
    way = _signed(way / sine)
    heights = [n @ s.mean(axis=0) for n, s in zip(normals, close, strict=True)]
    foot = np.linalg.solve(np.array([*normals, way]), [*heights, 0.0])
    span = ((points.places[at] + 0.5) * points.steps - middle - foot) @ way
    low, high = float(span.min()) - 0.5 * edge, float(span.max()) + 0.5 * edge
    for k in range(2):
        hidden = (0.5 * float(np.median(surface.widths[both[1 - k]])) + edge) / sine
        frame = way, np.cross(way, normals[k])
        reach = _reach(spots[k] - foot, surface.areas[both[k]], frame, (hidden, _STRIP * edge))
        if reach is not None:
            low, high = max(low, reach[0]), min(high, reach[1])
    return max(high - low, 0.0), middle + foot + 0.5 * (low + high) * way, way


def _middles(points: Points, chosen: NDArray[np.int64], surface: Surface) -> NDArray[np.float64]:
    """Return where the middle surface passes some points, in µm."""
    up = surface.heights[chosen, None] * surface.normals[chosen]
    return np.asarray((points.places[chosen] + 0.5) * points.steps - up, dtype=np.float64)


def _reach(
    spots: NDArray[np.float64],
    areas: NDArray[np.float32],
    frame: tuple[NDArray[np.float64], NDArray[np.float64]],
    strips: tuple[float, float],
) -> tuple[float, float] | None:
    """Return from where to where a sheet reaches along a line; None without strips beside it."""
    along, aside = spots @ frame[0], spots @ frame[1]
    hidden, wide = strips
    found, sides = [], 0
    for side in (-aside, aside):
        strip = np.floor((side - hidden) / wide)
        parts = [strip == number for number in range(_STRIPS)]
        if min(np.count_nonzero(part) for part in parts) < _LEAST:
            continue
        sides += 1
        for part in parts:
            weights = areas[part] / areas[part].sum()
            centre = float(weights @ along[part])
            square = 12 * float(weights @ (along[part] - centre) ** 2)
            found.append((float(weights @ aside[part]), centre, square))
    if not sides:
        return None
    places, centres, squares = np.array(found).T
    square = np.linalg.solve(*_normal(places, squares, sides))[0]
    centre = np.linalg.solve(*_normal(places, centres, 1))[0]
    half = 0.5 * np.sqrt(max(float(square), 0.0))
    return float(centre) - half, float(centre) + half


def _normal(
    places: NDArray[np.float64], values: NDArray[np.float64], degree: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the equations of the polynomial that fits some values best."""
    powers = places[:, None] ** np.arange(degree + 1)
    return powers.T @ powers, powers.T @ values


def _signed(way: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a direction whose largest component is positive."""
    return np.asarray(way * np.sign(way[np.argmax(np.abs(way) > np.abs(way).max() - 1e-9)]))


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


def _line(places: NDArray[np.float64]) -> Line:
    """Return length, middle and direction of a set of places."""
    middle = places.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((places - middle).T, bias=True))
    return float(np.sqrt(12 * max(values[2], 0.0))), middle, _signed(vectors[:, 2])


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
    line: Line,
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
