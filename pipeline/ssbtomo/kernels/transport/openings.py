"""The open area of voxel faces, from the conducting shares of the voxels.

In a voxel that holds a share the surface is taken for a plane: its normal is the mean of the
gradients at the eight corners, its place leaves the share on its side. A face conducts over
the mean of what the planes of its two voxels leave open. For plane walls this is exact: the net
current of a linear potential along them vanishes in each voxel. Where walls are curved, two errors of
second order nearly cancel: a plane leaves too little of the faces open around a ball, and the
gradient between two centres is steeper than that in the middle of the open part.

Two surfaces in a voxel are no plane. Where the gradients at the corners differ in direction,
their mean is weak, and shares fall off along them (a gap between walls), faces go over to the share itself:
right for walls along the axes, and on average for others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ssbtomo.kernels.transport.operator import DEVICE, KERNEL, Operator
from ssbtomo.kernels.transport.planes import cut
from ssbtomo.kernels.transport.team import Team, plane_sums

__all__ = ["Openings", "openings"]

_LEAST = 1e-3
"""Of its share a voxel leaves at least so much of each face open, lest it hang in the air."""
_FULL = 0.5
"""The gradient at a plane: a share of 1 falls to 0 over two voxels."""
_FLAT = 1e-9
"""Gradients and curvatures that count as none."""
_TIE = 1e-6
"""What keeps rounding errors from deciding how halves are rounded."""
_SUMS, _COUNTS, _MIXED, _GAPS, _WALLS = 0, 768, 1536, 1537, 1538
"""Where the columns of the sums begin: areas and numbers of faces by axis and code, those on
electrodes by half; and numbers of voxels."""


@dataclass(frozen=True, slots=True)
class Openings:
    """The open areas of the faces.

    Parameters
    ----------
    faces : ndarray of uint8, shape (3, Z + 2, area)
        For each axis a code of the face between each voxel and the next, 0 where it is shut.
    table : ndarray of float64, shape (3, 256)
        The mean open share of the faces of each code, by axis.
    gaps, walls : float
        Shares of the partly filled voxels that seem to hold a gap between two walls, or a
        wall between two gaps, narrower than about 1.5 voxels.
    """

    faces: NDArray[np.uint8]
    table: NDArray[np.float64]
    gaps: float
    walls: float


def openings(op: Operator, share: float, team: Team) -> Openings:
    """Return the open areas of all faces of a grid; 3 bytes per voxel.

    Parameters
    ----------
    op : Operator
        The finest grid; its table holds half the conducting share of each code.
    share : float
        The mean share of all voxels. Areas along the transport axis are made smaller where they would
        let a linear potential drive more current than that.
    team : Team
        Who does the work.

    Returns
    -------
    Openings
        The areas. They do not depend on the number of threads.
    """
    faces = team.storage.zeros((3, *op.codes.shape), np.uint8)
    sums = plane_sums(op.codes, _WALLS + 1)
    team.run(open_faces, op.codes, op, faces, sums)
    total = sums.sum(axis=0)
    counts = total[_COUNTS:_MIXED].reshape(3, 256)
    codes = np.arange(256) / 255
    table = np.where(counts > 0, total[:_COUNTS].reshape(3, 256) / np.maximum(counts, 0.5), codes)
    table[:, 0] = 0.0
    driven = float(counts[op.axis] @ table[op.axis])
    most = share * float(np.prod(op.size))
    if op.edges == (2.0, 2.0) and driven > most:
        table[op.axis] *= most / driven
    mixed = max(float(total[_MIXED]), 1.0)
    return Openings(faces, table, float(total[_GAPS]) / mixed, float(total[_WALLS]) / mixed)


@njit(**DEVICE)
def _has_ghosts(op: Operator, axis: int, end: int) -> bool:
    """Tell whether the ghosts at an end of an axis are voxels of their own."""
    return bool(op.wraps[axis]) or (axis == op.axis and op.edges[end] == 1.0)


@njit(**DEVICE)
def _shares(op: Operator, plane: int, out: NDArray[np.float64]) -> None:
    """Write the shares of a plane with its ghosts; those that are none mirror what is inside."""
    nz, ny, nx = op.size
    if plane == 0 and not _has_ghosts(op, 0, 0):
        plane = 1
    if plane == nz + 1 and not _has_ghosts(op, 0, 1):
        plane = nz
    pitch, codes, table = op.pitch, op.codes[plane], op.table
    for at in range(out.size):
        out[at] = min(2.0 * table[codes[at]], 1.0)
    left, right = int(not _has_ghosts(op, 2, 0)), nx + int(_has_ghosts(op, 2, 1))
    for j in range(ny + 2):
        out[j * pitch] = out[j * pitch + left]
        out[j * pitch + nx + 1] = out[j * pitch + right]
    above, below = int(not _has_ghosts(op, 1, 0)), ny + int(_has_ghosts(op, 1, 1))
    for i in range(nx + 2):
        out[i] = out[above * pitch + i]
        out[(ny + 1) * pitch + i] = out[below * pitch + i]


@njit(**DEVICE)
def _gradients(
    planes: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    at: int,
    pitch: int,
    corners: NDArray[np.float64],
) -> None:
    """Write the gradients at the corners of a voxel, each from the eight voxels around."""
    corners[:] = 0.0
    for c in range(8):
        for o in range(8):
            k, j, i = (c >> 2) + (o >> 2), (c >> 1 & 1) + (o >> 1 & 1), (c & 1) + (o & 1)
            spot = at + (j - 1) * pitch + i - 1
            plane = planes[0] if k == 0 else (planes[1] if k == 1 else planes[2])
            value = 0.25 * plane[spot]
            corners[c, 0] += value if o >> 2 else -value
            corners[c, 1] += value if o >> 1 & 1 else -value
            corners[c, 2] += value if o & 1 else -value


@njit(**DEVICE)
def _judge(corners: NDArray[np.float64], normal: NDArray[np.float64]) -> tuple[float, float]:
    """Write the unit mean of gradients; return how far they are no plane's, and the curvature.

    The first is the product of two: what of the squared gradients is not along their mean (to a high power,
    as around a curved surface some is), and how weak the mean is. The second is the second derivative of the
    shares along the gradients.
    """
    length = 0.0
    for a in range(3):
        normal[a] = 0.125 * corners[:, a].sum()
        length += normal[a] * normal[a]
    length = np.sqrt(length)
    along = whole = curved = 0.0
    for a in range(3):
        for b in range(3):
            energy = second = 0.0
            for c in range(8):
                energy += corners[c, a] * corners[c, b]
                second += corners[c, a] * (1.0 if c >> (2 - b) & 1 else -1.0)
            along += normal[a] * energy * normal[b]
            curved += energy * second
            whole += energy if a == b else 0.0
    if length < _FLAT:
        return 1.0, curved
    for a in range(3):
        normal[a] /= length
    aligned = along / (length * length * whole)
    weak = 1.0 - min(length / _FULL, 1.0) ** 2
    return (1.0 - min(aligned, 1.0) ** 8) * weak, curved


@njit(**DEVICE)
def _open_voxel(
    share: float,
    corners: NDArray[np.float64],
    work: tuple[NDArray[np.float64], NDArray[np.float64]],
    counts: NDArray[np.float64],
) -> None:
    """Write the open shares of the faces of a voxel that is partly filled."""
    normal, sides = work
    doubt, curved = _judge(corners, normal)
    counts[_MIXED] += 1.0
    counts[_GAPS] += 1.0 if doubt > 0.5 and curved < -_FLAT else 0.0
    counts[_WALLS] += 1.0 if doubt > 0.5 and curved > _FLAT else 0.0
    flat = normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2] < 0.5
    if flat:
        sides[:] = share
        return
    cut(share, normal, sides)
    if curved >= -_FLAT:
        doubt = 0.0
    for side in range(6):
        mixed = (1.0 - doubt) * sides[side] + doubt * share
        sides[side] = max(mixed, _LEAST * share)


@njit(**DEVICE)
def _open_plane(
    op: Operator,
    planes: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    out: NDArray[np.float64],
    counts: NDArray[np.float64],
) -> None:
    """Write the open shares of the six faces of the voxels of a plane."""
    corners, normal, sides = np.empty((8, 3)), np.empty(3), np.empty(6)
    here = planes[1]
    for j in range(1, op.size[1] + 1):
        for at in range(j * op.pitch + 1, j * op.pitch + op.size[2] + 1):
            share = here[at]
            if share <= 0.0 or share >= 1.0:
                sides[:] = share
            else:
                _gradients(planes, at, op.pitch, corners)
                _open_voxel(share, corners, (normal, sides), counts)
            for side in range(6):
                out[side, at] = sides[side]


@njit(**DEVICE)
def _store(
    op: Operator,
    where: tuple[int, int, int, int],
    area: float,
    out: tuple[NDArray[np.uint8], NDArray[np.float64]],
) -> None:
    """Write the code of a face, and count it."""
    axis, k, at, index = where
    faces, sums = out
    to = at + (op.pitch if axis == 1 else int(axis == 2))
    if op.codes[k, at] == 0 or op.codes[k + int(axis == 0), to] == 0:
        return
    code = max(1, int(np.floor(255.0 * area + 0.5 + _TIE)))
    faces[axis, k, at] = code
    part = 0.5 if axis == op.axis and (index == 0 or index == op.size[axis]) else 1.0
    sums[_SUMS + 256 * axis + code] += part * area
    sums[_COUNTS + 256 * axis + code] += part


@njit(**DEVICE)
def _mean(op: Operator, axis: int, index: int, pair: tuple[float, float]) -> float:
    """Return the area of a face from those that its two voxels leave open.

    On the side of a box there is one voxel only.
    """
    if not op.wraps[axis]:
        if index == 0:
            return pair[1]
        if index == op.size[axis]:
            return pair[0]
    return 0.5 * (pair[0] + pair[1])


@njit(**KERNEL)
def open_faces(
    op: Operator, faces: NDArray[np.uint8], sums: NDArray[np.float64], near: int, far: int
) -> None:
    """Write the codes of the faces after each voxel and before the first ones.

    Parameters
    ----------
    op : Operator
        The finest grid.
    faces : ndarray of uint8, shape (3, Z + 2, area)
        Written.
    sums : ndarray of float64, shape (Z + 2, columns)
        Sums of each plane, written; see `_SUMS`.
    near, far : int
        Planes to write, from `near` to ``far - 1``; the first also those before it.
    """
    _, ny, nx = op.size
    area = op.codes.shape[1]
    shares = (np.empty(area), np.empty(area), np.empty(area))
    here, there = np.zeros((6, area)), np.zeros((6, area))
    ignored = np.zeros(sums.shape[1])
    for k in range(near - 1, far):
        if k == near - 1:
            _open_at(op, k, shares, (here, ignored))
        _open_at(op, k + 1, shares, (there, sums[k + 1] if k + 1 < far else ignored))
        for j in range(1, ny + 1):
            for at in range(j * op.pitch + 1, j * op.pitch + nx + 1):
                if k >= near or k == 0:
                    pair = (here[1, at], there[0, at])
                    _store(op, (0, k, at, k), _mean(op, 0, k, pair), (faces, sums[k]))
        if k >= near:
            _store_plane(op, k, here, (faces, sums[k]))
        here, there = there, here


@njit(**DEVICE)
def _open_at(
    op: Operator,
    plane: int,
    shares: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    out: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """Do `_open_plane` for a plane, or for that which it is joined to."""
    if op.wraps[0]:
        plane = 1 + (plane - 1) % op.size[0]
    if 1 <= plane <= op.size[0]:
        _shares(op, plane - 1, shares[0])
        _shares(op, plane, shares[1])
        _shares(op, plane + 1, shares[2])
        _open_plane(op, shares, out[0], out[1])


@njit(**DEVICE)
def _store_plane(
    op: Operator,
    k: int,
    here: NDArray[np.float64],
    out: tuple[NDArray[np.uint8], NDArray[np.float64]],
) -> None:
    """Write the faces of a plane along Y and X."""
    _, ny, nx = op.size
    pitch = op.pitch
    for j in range(ny + 1):
        before = j if j or not op.wraps[1] else ny
        after = j + 1 if j < ny or not op.wraps[1] else 1
        for i in range(1, nx + 1):
            pair = (here[3, before * pitch + i], here[2, after * pitch + i])
            _store(op, (1, k, j * pitch + i, j), _mean(op, 1, j, pair), out)
    for j in range(1, ny + 1):
        for i in range(nx + 1):
            before = i if i or not op.wraps[2] else nx
            after = i + 1 if i < nx or not op.wraps[2] else 1
            pair = (here[5, j * pitch + before], here[4, j * pitch + after])
            _store(op, (2, k, j * pitch + i, i), _mean(op, 2, i, pair), out)
