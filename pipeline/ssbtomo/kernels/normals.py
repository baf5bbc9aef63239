"""Normals of the interface between two phases, and its voxel faces weighted by them.

The faces that two phases share form a staircase. Each face is a small vector: its area, along
its axis, pointing from the first phase to the second. Smoothed over the neighbourhood, these
vectors give the normal of the interface. Only faces of this very pair enter, so neither a
third phase nor the end of the volume bends the normal of a flat interface, at whatever angle
they meet it.

All sums are integers: no order of summation and no cut into blocks changes a bit. Those along
z fit into int16, those along z and y into the 24 bits of float32, whose arithmetic is fast.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.face_weight import FIXED_POINT, Vector, face_weight
from ssbtomo.kernels.places import Places
from ssbtomo.kernels.plane_sums import BAND, Pair, Planes, bands, smooth_plane
from ssbtomo.kernels.taps import smoothing_taps, tap_radius
from ssbtomo.units import Spacing

__all__ = ["FIXED_POINT", "Window", "halo", "weigh_pair"]

Window = tuple[slice, slice, slice]
_LANES = 16  # values that are summed at once, in any order
_ALIGNED = 32  # what the length of a row in the work space is a multiple of
_TAP_SUM = 2**12  # of the weights along an axis; its square is 2**24


class _Sums(NamedTuple):
    """Where weights go: a row for each object (0 for none), then one for each place."""

    objects: NDArray[np.int32]
    z: NDArray[np.int32]
    y: NDArray[np.int32]
    x: NDArray[np.int32]
    weights: NDArray[np.int64]


def halo(spacing: Spacing, sigma: float) -> tuple[int, int, int]:
    """Return how many voxels around a block the normals of its faces depend on.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    sigma : float
        Width of the smoothing, in micrometres.

    Returns
    -------
    tuple of int
        Margin along (Z, Y, X).
    """
    z, y, x = (tap_radius(sigma / edge) + 2 for edge in spacing)
    return z, y, x


def weigh_pair(
    index: NDArray[np.uint8],
    pair: tuple[int, int],
    inner: Window,
    spacing: Spacing,
    sigma: float,
    *,
    edges: NDArray[np.int32],
    places: Places,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sum |n . e| over the faces that two phases share, per axis, as integers.

    Parameters
    ----------
    index : ndarray of uint8, shape (Z, Y, X)
        Phase indices of the block with its `halo`.
    pair : tuple of int
        The two phase indices.
    inner : tuple of slice
        The owned voxels; a face belongs to the voxel before it.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    sigma : float
        Width of the smoothing, in micrometres.
    edges : ndarray of int32, shape (n, >= 4)
        Voxel edges (z, y, x, axis, ...) at which the normal is wanted too, in order of z.
    places : Places
        What the faces are summed for. A face between two objects counts for both.

    Returns
    -------
    weights : ndarray of int64, shape (rows of `places`, 3)
        Sum over the owned faces normal to each axis, in units of 1 / `FIXED_POINT`.
    normals : ndarray of float64, shape (n, 3)
        Normal at each of `edges`, of any length.

    Notes
    -----
    Two planes of normals and a ring of 2 r + 2 planes of jumps (one byte per axis) are
    held: about 1 byte per voxel for a block of 128 voxels and more.
    """
    taps = [smoothing_taps(sigma / edge, _TAP_SUM) for edge in spacing]
    bounds = np.array([[part.start, part.stop] for part in inner], dtype=np.int64)
    reach = taps[2].shape[1] // 2
    taps_x = np.pad(taps[2].astype(np.float64), ((0, 0), (0, -taps[2].shape[1] % _LANES)))
    taps_z, taps_y = taps[0].astype(np.int16), taps[1].astype(np.float32)
    areas = min(spacing) / np.array(spacing)
    stride = -(-(index.shape[2] + taps_x.shape[1]) // _ALIGNED) * _ALIGNED
    setting = Pair(*pair, index.shape, bounds, taps_z, taps_y, taps_x, reach, stride, areas)
    objects = places.objects if places.objects is not None else np.zeros((0, 0, 0), np.int32)
    sums = _Sums(objects, *places.along, np.zeros((places.count, 3), dtype=np.int64))
    normals = np.zeros((len(edges), 3))
    _sweep(index, setting, sums, edges, normals)
    return sums.weights, normals


@njit(nogil=True, cache=True)
def _sweep(
    index: NDArray[np.uint8],
    pair: Pair,
    sums: _Sums,
    edges: NDArray[np.int32],
    normals: NDArray[np.float64],
) -> None:
    """Walk along z with a ring of jump planes; smooth a plane, then weigh the one before."""
    depth = len(index)
    reach, span = pair.taps_z.shape[1] // 2, pair.taps_y.shape[1] // 2
    low, high = pair.bounds[0]
    need = _needed_bands(index, pair, edges)
    size = need.shape[1] * BAND * pair.stride
    around = (2 * bands(span) + 1) * BAND * pair.stride
    most = 2 * max(reach, span) + 1
    planes = Planes(
        np.zeros((3, (2 * reach + 2) * size), dtype=np.int8),
        np.zeros((3, 2 * reach + 1, need.shape[1]), dtype=np.uint8),
        np.zeros(BAND * pair.stride, dtype=np.int16),
        np.zeros((3, size + around), dtype=np.float32),
        np.zeros((2, 3, size), dtype=np.float32),
        np.zeros(most, dtype=np.int64),
        np.zeros((most + 1, 3), dtype=np.int64),
    )
    known, item = low - reach - 1, 0
    for z in range(low, high + 1):
        if z < depth and need[z].any():
            known = max(known, z - reach - 1)
            while known < z + reach:
                known += 1
                _find_jumps(index, pair, known, planes)
            smooth_plane(planes, z, pair, need[z])
        if z > low and need[z - 1].any():
            _weigh_plane(index, z - 1, pair, planes.smooth, sums)
            while item < len(edges) and edges[item, 0] < z:
                _edge_normal(edges[item], pair, planes.smooth, normals[item])
                item += 1


@njit(nogil=True, cache=True)
def _needed_bands(
    index: NDArray[np.uint8], pair: Pair, edges: NDArray[np.int32]
) -> NDArray[np.uint8]:
    """Mark the bands of rows whose smoothed normal some owned face or edge asks for."""
    depth, height = index.shape[:2]
    need = np.zeros((depth + 1, bands(height + 1)), dtype=np.uint8)
    low, high = pair.bounds[2]
    faces = np.zeros(high - low, dtype=np.uint8)
    for z in range(pair.bounds[0, 0], pair.bounds[0, 1]):
        for y in range(pair.bounds[1, 0], pair.bounds[1, 1]):
            found = _mark_faces(index, (z, y), pair, faces)
            need[z, y // BAND] |= found != 0
            need[z, (y + 1) // BAND] |= (found >> 1) & 1
            need[z + 1, y // BAND] |= found & 1
    for item in range(len(edges)):
        z, y = edges[item, 0], edges[item, 1]
        need[z : z + 2, y // BAND] = 1
        need[z : z + 2, (y + 1) // BAND] = 1
    return need


@njit(nogil=True, cache=True)
def _find_jumps(index: NDArray[np.uint8], pair: Pair, z: int, planes: Planes) -> None:
    """Write the signed faces after each voxel of plane `z` into its slot of the ring."""
    depth, height, width = index.shape
    slot = z % planes.filled.shape[1]
    first = slot * planes.filled.shape[2] * BAND * pair.stride + pair.reach_x
    planes.filled[:, slot] = 0
    if z < 0 or z >= depth:
        return
    for y in range(height):
        here = index[z, y]
        for axis in range(3):
            if (axis == 0 and z + 1 == depth) or (axis == 1 and y + 1 == height):
                continue
            after = index[z + 1, y] if axis == 0 else index[z, y + 1] if axis == 1 else here[1:]
            begin = first + y * pair.stride
            row = planes.jumps[axis, begin : begin + width]
            found = np.uint8(0)
            for x in range(len(after)):
                out = (here[x] == pair.first) & (after[x] == pair.second)
                back = (here[x] == pair.second) & (after[x] == pair.first)
                row[x] = np.int8(out) - np.int8(back)
                found |= np.uint8(out) | np.uint8(back)
            planes.filled[axis, slot, y // BAND] |= found


@njit(nogil=True, cache=True)
def _normal_at(smooth: NDArray[np.float32], y: int, x: int, pair: Pair) -> Vector:
    """Smooth along x, at one voxel."""
    first = y * pair.stride + x
    last = first + pair.taps_x.shape[1]
    z_row, y_row, x_row = smooth[0, first:last], smooth[1, first:last], smooth[2, first:last]
    z, y_sum, x_sum = _smooth_at(z_row, y_row, x_row, pair.taps_x)
    return z * pair.areas[0], y_sum * pair.areas[1], x_sum * pair.areas[2]


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _smooth_at(
    z_row: NDArray[np.float32],
    y_row: NDArray[np.float32],
    x_row: NDArray[np.float32],
    taps: NDArray[np.float64],
) -> Vector:
    """Sum as float64: exact in any order, for all these sums are integers below 2**37."""
    z, y, x = 0.0, 0.0, 0.0
    for t in range(taps.shape[1]):
        z += taps[0, t] * np.float64(z_row[t])
        y += taps[0, t] * np.float64(y_row[t])
        x += taps[1, t] * np.float64(x_row[t])
    return z, y, x


@njit(nogil=True, cache=True)
def _weigh_plane(
    index: NDArray[np.uint8], z: int, pair: Pair, smooth: NDArray[np.float32], sums: _Sums
) -> None:
    """Add the weight of each owned face of the pair in one plane."""
    low, high = pair.bounds[2]
    faces = np.zeros(high - low, dtype=np.uint8)
    for y in range(pair.bounds[1, 0], pair.bounds[1, 1]):
        if _mark_faces(index, (z, y), pair, faces):
            for x in range(high - low):
                if faces[x]:
                    unlike = (faces[x] & 1, faces[x] & 2, faces[x] & 4)
                    _weigh_faces(unlike, (z, y, low + x), pair, smooth, sums)


@njit(nogil=True, cache=True)
def _mark_faces(
    index: NDArray[np.uint8], row: tuple[int, int], pair: Pair, faces: NDArray[np.uint8]
) -> int:
    """Write the faces after each owned voxel of a row as bits, and return all that occur.

    1 for a face across z, 2 for y, 4 for x.
    """
    (z, y), (low, high) = row, pair.bounds[2]
    here, right = index[z, y, low:high], index[z, y, low + 1 : high + 1]
    beyond = index[min(z + 1, index.shape[0] - 1), y, low:high]
    below = index[z, min(y + 1, index.shape[1] - 1), low:high]
    first, second = np.uint8(pair.first), np.uint8(pair.second)
    found = np.uint8(0)
    for x in range(len(here)):
        mine = np.uint8(here[x] == first) | np.uint8(here[x] == second)
        other = np.uint8(here[x] ^ first ^ second)
        bits = np.uint8(beyond[x] == other) | np.uint8(np.uint8(below[x] == other) << np.uint8(1))
        faces[x] = np.uint8(bits * mine)
        found |= faces[x]
    for x in range(len(right)):
        mine = np.uint8(here[x] == first) | np.uint8(here[x] == second)
        unlike = mine & np.uint8(right[x] == np.uint8(here[x] ^ first ^ second))
        faces[x] |= np.uint8(unlike << np.uint8(2))
        found |= faces[x]
    return int(found)


@njit(nogil=True, cache=True)
def _weigh_faces(
    unlike: tuple[int, int, int],
    at: tuple[int, int, int],
    pair: Pair,
    smooth: NDArray[np.float32],
    sums: _Sums,
) -> None:
    """Add the weights of those faces after one voxel that lead to the other phase."""
    z, y, x = at
    near = _normal_at(smooth[z % 2], y, x, pair)
    for axis in range(3):
        if not unlike[axis]:
            continue
        dz, dy, dx = int(axis == 0), int(axis == 1), int(axis == 2)
        far = _normal_at(smooth[(z + dz) % 2], y + dy, x + dx, pair)
        weight = face_weight(near, far, axis, at, pair.shape)
        for k in range(len(sums.z)):
            sums.weights[sums.z[k, z] + sums.y[k, y] + sums.x[k, x], axis] += weight
        if sums.objects.size:
            before, after = sums.objects[z, y, x], sums.objects[z + dz, y + dy, x + dx]
            sums.weights[before, axis] += weight
            sums.weights[after, axis] += weight if after != before else 0


@njit(nogil=True, cache=True)
def _edge_normal(
    edge: NDArray[np.int32],
    pair: Pair,
    smooth: NDArray[np.float32],
    normal: NDArray[np.float64],
) -> None:
    """Average the normals of the four voxels around a voxel edge."""
    z, y, x, axis = edge[0], edge[1], edge[2], edge[3]
    for dz in range(1 if axis == 0 else 2):
        for dy in range(1 if axis == 1 else 2):
            for dx in range(1 if axis == 2 else 2):
                part = _normal_at(smooth[(z + dz) % 2], y + dy, x + dx, pair)
                for k in range(3):
                    normal[k] += part[k]
