"""Length of the lines along which three phases meet: voxel edges weighted by the tangent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.normals import FIXED_POINT

__all__ = ["find_edges", "weigh_edges"]

_LEAST_SINE = 0.3
_CHUNK = 64  # edges of a row that are looked at together


def find_edges(
    index: NDArray[np.uint8], bounds: NDArray[np.int64], triple_of: NDArray[np.int32]
) -> NDArray[np.int32]:
    """List the voxel edges at which three or more phases meet, once per triple.

    Where two of the four voxels around an edge are of one phase and lie across, its
    interfaces pass the edge in pairs, and no line ends or begins there: not listed.

    Parameters
    ----------
    index : ndarray of uint8, shape (Z, Y, X)
        Phase indices of the block, with a margin of one voxel inside the volume.
    bounds : ndarray of int64, shape (3, 2)
        The owned voxels; an edge belongs to the lowest of its four voxels.
    triple_of : ndarray of int32, shape (k, k, k)
        Number of the triple of three phase indices; -1 for what is not to be counted.

    Returns
    -------
    ndarray of int32, shape (n, 6)
        Rows (z, y, x, axis, triple, share) in order of z. `share` is 2, or 1 where four
        phases meet: two of the four triples do in truth, and which two is not known.
    """
    none = np.zeros((0, 6), dtype=np.int32)
    found = np.zeros((_list_edges(index, bounds, triple_of, none), 6), dtype=np.int32)
    _list_edges(index, bounds, triple_of, found)
    return found


def weigh_edges(
    edges: NDArray[np.int32],
    normals: NDArray[np.float64],
    pairs_of: NDArray[np.int32],
    pairs: int,
    *,
    rows: NDArray[np.int32] | None = None,
    row_count: int = 1,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sum |t . e| over the edges of each triple, and the area that voxels lose along them.

    The tangent t is perpendicular to the normals of the three interfaces that meet. Bare
    edges are 50 to 65 % too long; weighted, a circle is within 3 % from a radius of 10
    voxels on.

    Where three phases meet, a line of voxels can miss the corner of the one in the middle
    and step from the first to the third at once. Voxel faces therefore lack a strip of the
    two interfaces of that corner, a fraction of a voxel wide, and show one too many of the
    third interface. The width of the strip follows from the three normals.

    Parameters
    ----------
    edges : ndarray of int32, shape (n, 6)
        As `find_edges` returned them.
    normals : ndarray of float64, shape (n, 3, 3)
        For each edge the normals from the first to the second phase of its triple, from the
        second to the third, and from the first to the third, of any length.
    pairs_of : ndarray of int32, shape (triples, 3)
        Numbers of the same three pairs, for each triple.
    pairs : int
        Number of pairs.
    rows : ndarray of int32, shape (n, k), optional
        What each edge is summed for; all of them for one row if not given.
    row_count : int
        Number of these.

    Returns
    -------
    lengths : ndarray of int64, shape (row_count, triples, 3)
        Units of 1 / (2 `FIXED_POINT`) voxel edges along each axis.
    strips : ndarray of int64, shape (row_count, pairs, 3, 3)
        Area to be added to each row and pair, in the same units, for each axis of the edge
        and of the line of voxels; its scale is the product of their two spacings.
    """
    lengths = np.zeros((row_count, len(pairs_of), 3), dtype=np.int64)
    strips = np.zeros((row_count, pairs, 3, 3), dtype=np.int64)
    rows = np.zeros((len(edges), 1), dtype=np.int32) if rows is None else rows
    _weigh(np.column_stack([edges, rows]), normals, pairs_of, lengths, strips)
    return lengths, strips


@njit(nogil=True, cache=True)
def _weigh(
    edges: NDArray[np.int32],
    normals: NDArray[np.float64],
    pairs_of: NDArray[np.int32],
    lengths: NDArray[np.int64],
    strips: NDArray[np.int64],
) -> None:
    tangent, across = np.empty(3), np.empty((3, 3))
    for item in range(len(edges)):
        axis, triple, share = edges[item, 3:6]
        rows = edges[item, 6:]
        whole = _unit_normals(normals[item], across)
        for k in range(3):
            tangent[k] = 0.0
            for first in range(3):
                second, i, j = (first + 1) % 3, (k + 1) % 3, (k + 2) % 3
                tangent[k] += (
                    across[first, i] * across[second, j] - across[first, j] * across[second, i]
                )
        length = np.sqrt(tangent[0] ** 2 + tangent[1] ** 2 + tangent[2] ** 2)
        weight = abs(tangent[axis]) / length if length > 0 else 1.0
        for row in rows:
            lengths[row, triple, axis] += int(np.rint(weight * FIXED_POINT)) * share
            for k in range(3 if whole else 0):
                target = strips[row, :, axis, k]
                _add_strips(across, k, weight * share, pairs_of[triple], target)


@njit(nogil=True, cache=True)
def _unit_normals(normals: NDArray[np.float64], across: NDArray[np.float64]) -> bool:
    """Write unit normals that turn one way around the line; say whether all three exist."""
    whole = True
    for pair in range(3):
        length = np.sqrt(normals[pair, 0] ** 2 + normals[pair, 1] ** 2 + normals[pair, 2] ** 2)
        whole &= length > 0
        scale = (1.0 if pair < 2 else -1.0) / length if length > 0 else 0.0
        for k in range(3):
            across[pair, k] = normals[pair, k] * scale
    return whole


@njit(nogil=True, cache=True)
def _add_strips(
    across: NDArray[np.float64],
    k: int,
    weight: float,
    pairs: NDArray[np.int32],
    strips: NDArray[np.int64],
) -> None:
    """Add the strips that lines of voxels along axis `k` miss, per length of the line."""
    for far in range(3):
        one, two = (far + 1) % 3, (far + 2) % 3
        if across[one, k] * across[two, k] <= 0 or across[one, k] * across[far, k] > 0:
            continue
        cosine = (
            across[one, 0] * across[two, 0]
            + across[one, 1] * across[two, 1]
            + across[one, 2] * across[two, 2]
        )
        sine = max(np.sqrt(max(1.0 - cosine * cosine, 0.0)), _LEAST_SINE)
        missed = across[one, k] * across[two, k] / (2.0 * sine) * weight * FIXED_POINT
        strips[pairs[one]] += int(np.rint(missed * abs(across[one, k])))
        strips[pairs[two]] += int(np.rint(missed * abs(across[two, k])))
        strips[pairs[far]] -= int(np.rint(missed * abs(across[far, k])))


@njit(nogil=True, cache=True)
def _list_edges(
    index: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    triple_of: NDArray[np.int32],
    out: NDArray[np.int32],
) -> int:
    """Fill `out` with the edges, as far as it has rows, and return their number."""
    depth, height, _ = index.shape
    count = 0
    for z in range(bounds[0, 0], bounds[0, 1]):
        for y in range(bounds[1, 0], bounds[1, 1]):
            for axis in range(3):
                up_z, up_y, over_y = int(axis > 0), int(axis == 0), int(axis == 2)
                if z + up_z == depth or y + up_y + over_y >= height:
                    continue
                rows = (
                    index[z, y],
                    index[z + up_z, y + up_y],
                    index[z, y + over_y],
                    index[z + up_z, y + up_y + over_y],
                )
                count = _scan_row(
                    rows, (z, y, axis, bounds[2, 0], bounds[2, 1]), triple_of, count, out
                )
    return count


@njit(nogil=True, cache=True)
def _scan_row(
    rows: tuple[NDArray[np.uint8], ...],
    place: tuple[int, int, int, int, int],
    triple_of: NDArray[np.int32],
    count: int,
    out: NDArray[np.int32],
) -> int:
    """Append the edges along one row of voxels; the four voxels lie in four rows."""
    z, y, axis, low, high = place
    over_x = int(axis < 2)
    around = np.zeros(4, dtype=np.uint8)
    high = min(high, len(rows[0]) - over_x)
    for start in range(low, high, _CHUNK):
        stop = min(start + _CHUNK, high)
        first, second = rows[0][start:stop], rows[1][start:stop]
        third, fourth = rows[2][start + over_x :], rows[3][start + over_x :]
        if not _any_line(first, second, third, fourth):
            continue
        for x in range(stop - start):
            if first[x] != fourth[x] and second[x] != third[x]:
                around[0], around[1], around[2], around[3] = (
                    first[x],
                    second[x],
                    third[x],
                    fourth[x],
                )
                count = _add_triples(around, triple_of, (z, y, start + x, axis), count, out)
    return count


@njit(nogil=True, cache=True)
def _any_line(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    third: NDArray[np.uint8],
    fourth: NDArray[np.uint8],
) -> bool:
    """Say whether three phases meet at any edge of a chunk, without a branch per edge."""
    found = np.uint8(0)
    for x in range(len(first)):
        a, b, c, d = first[x], second[x], third[x], fourth[x]
        across = np.uint8(a != d) & np.uint8(b != c)
        equal = np.uint8(a == b) + np.uint8(a == c) + np.uint8(d == b) + np.uint8(d == c)
        found |= across & np.uint8(equal < 2)
    return bool(found)


@njit(nogil=True, cache=True)
def _add_triples(
    around: NDArray[np.uint8],
    triple_of: NDArray[np.int32],
    place: tuple[int, int, int, int],
    count: int,
    out: NDArray[np.int32],
) -> int:
    """Append a row for each triple among the four voxels around an edge."""
    distinct = 4 - (around[0] == around[1]) - (around[0] == around[2])
    distinct -= (around[3] == around[1]) + (around[3] == around[2])
    if distinct < 3:
        return count
    for skipped in range(3, -1, -1):
        a, b, c = (skipped + 1) % 4, (skipped + 2) % 4, (skipped + 3) % 4
        triple = triple_of[around[a], around[b], around[c]]
        if triple < 0:
            continue
        if count < len(out):
            for k in range(4):
                out[count, k] = place[k]
            out[count, 4] = triple
            out[count, 5] = 2 if distinct == 3 else 1
        count += 1
        if distinct == 3:
            break
    return count
