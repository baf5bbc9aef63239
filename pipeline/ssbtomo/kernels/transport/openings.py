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

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.operator import DEVICE, FACES, KERNEL, Operator
from ssbtomo.kernels.transport.planes import cut
from ssbtomo.kernels.transport.team import Team, plane_sums

__all__ = ["opened"]

_MANY_GAPS, _MANY_WALLS = 0.25, 0.05
"""Shares of the partly filled voxels from which on two surfaces in them are spoken of: what
gaps conduct is off by some percent, and walls that leak by much more."""
_LEAST = 1e-3
"""Of its share a voxel leaves at least so much of each face open, lest it hang in the air."""
_FULL = 0.5
"""The gradient at a plane: a share of 1 falls to 0 over two voxels."""
_WEAK = 0.3
"""A gradient that no plane has, but for those that cut off less than a hundredth."""
_FLAT = 1e-9
"""Gradients and curvatures that count as none."""
_TIE = 1e-6
"""What keeps rounding errors from deciding how halves are rounded."""
_SUMS, _COUNTS, _MIXED, _GAPS, _WALLS = 0, 768, 1536, 1537, 1538
"""Where the columns of the sums begin: areas and numbers of faces by axis and code, those on
electrodes by half; and numbers of voxels."""


def opened(op: Operator, share: float, team: Team) -> tuple[Operator, tuple[str, ...]]:
    """Let the faces of a grid conduct over their open areas; 3 bytes per voxel.

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
    op : Operator
        The same with faces. They do not depend on the number of threads.
    doubts : tuple of str
        What is said where many voxels hold two surfaces.
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
    return op._replace(mode=FACES, faces=faces, opening=table), _doubts(total)


def _doubts(total: NDArray[np.float64]) -> tuple[str, ...]:
    """Say how many of the voxels that are partly filled hold two surfaces."""
    mixed = max(float(total[_MIXED]), 1.0)
    gaps, walls = float(total[_GAPS]) / mixed, float(total[_WALLS]) / mixed
    doubts = []
    if gaps > _MANY_GAPS:
        doubts.append(
            f"{gaps:.0%} of the partly filled voxels lie in gaps of about a voxel: what these "
            "conduct is uncertain by some percent"
        )
    if walls > _MANY_WALLS:
        doubts.append(
            f"{walls:.0%} of the partly filled voxels lie in walls of about a voxel, through which "
            "fractions leak: the effective conductivity may be too high by ten percent and more"
        )
    return tuple(doubts)


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
        out[at] = 2.0 * table[codes[at]] if codes[at] < 255 else 1.0
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
    work: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> None:
    """Write the gradients at the corners of a voxel, each from the eight voxels around."""
    around, corners = work
    for j in range(3):
        for i in range(3):
            spot = at + (j - 1) * pitch + i - 1
            around[3 * j + i] = 0.25 * planes[0][spot]
            around[3 * j + i + 9] = 0.25 * planes[1][spot]
            around[3 * j + i + 18] = 0.25 * planes[2][spot]
    for c in range(8):
        v = around[9 * (c >> 2) + 3 * (c >> 1 & 1) + (c & 1) :]
        corners[c, 0] = (v[9] + v[10] + v[12] + v[13]) - (v[0] + v[1] + v[3] + v[4])
        corners[c, 1] = (v[3] + v[4] + v[12] + v[13]) - (v[0] + v[1] + v[9] + v[10])
        corners[c, 2] = (v[1] + v[4] + v[10] + v[13]) - (v[0] + v[3] + v[9] + v[12])


@njit(**DEVICE)
def _judge(corners: NDArray[np.float64], normal: NDArray[np.float64]) -> tuple[float, float, float]:
    """Write the unit mean of gradients; return its length, what is along it, and the curvature.

    The second is the share of the squared gradients, the third the second derivative of the shares
    along the gradients.
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
        return 0.0, 0.0, curved
    for a in range(3):
        normal[a] /= length
    return length, min(along / (length * length * whole), 1.0), curved


@njit(**DEVICE)
def _open_voxel(
    share: float,
    corners: NDArray[np.float64],
    work: tuple[NDArray[np.float64], NDArray[np.float64]],
    counts: NDArray[np.float64],
) -> None:
    """Write the open shares of the faces of a voxel that is partly filled."""
    normal, sides = work
    length, aligned, curved = _judge(corners, normal)
    counts[_MIXED] += 1.0
    if length < _WEAK:
        counts[_GAPS if curved < 0.0 else _WALLS] += 1.0
    if length == 0.0:
        sides[:] = share
        return
    cut(share, normal, sides)
    # Around a curved surface some is not along the mean: hence the high power.
    doubt = (1.0 - aligned**8) * (1.0 - min(length / _FULL, 1.0) ** 2)
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
    """Write the open shares of the six faces of the voxels of a plane, joined sides included."""
    _, ny, nx = op.size
    pitch = op.pitch
    around, corners, normal, sides = np.empty(27), np.empty((8, 3)), np.empty(3), np.empty(6)
    here = planes[1]
    for side in range(6):
        out[side] = here
    for j in range(1, ny + 1):
        for at in range(j * pitch + 1, j * pitch + nx + 1):
            if 0.0 < here[at] < 1.0:
                _gradients(planes, at, pitch, (around, corners))
                _open_voxel(here[at], corners, (normal, sides), counts)
                for side in range(6):
                    out[side, at] = sides[side]
    _join_sides(op, out)


@njit(**DEVICE)
def _join_sides(op: Operator, out: NDArray[np.float64]) -> None:
    """Copy what voxels leave open to the ghosts of the sides that they are joined to."""
    _, ny, nx = op.size
    pitch = op.pitch
    if op.wraps[1]:
        for i in range(1, nx + 1):
            out[3, i] = out[3, ny * pitch + i]
            out[2, (ny + 1) * pitch + i] = out[2, pitch + i]
    if op.wraps[2]:
        for j in range(1, ny + 1):
            out[5, j * pitch] = out[5, j * pitch + nx]
            out[4, j * pitch + nx + 1] = out[4, j * pitch + 1]


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
def _store_row(
    op: Operator,
    where: tuple[int, int, int],
    pair: tuple[NDArray[np.float64], NDArray[np.float64]],
    out: tuple[NDArray[np.uint8], NDArray[np.float64]],
) -> None:
    """Write the codes of the faces after a row of voxels, from its first ghost on, and count them.

    A face has the mean of the areas that its two voxels leave open; on the side of a box there is one
    voxel only.
    """
    axis, k, j = where
    at, size, end = j * op.pitch, op.size[2] + 1, op.size[axis]
    to = at + (op.pitch if axis == 1 else int(axis == 2))
    here = op.codes[k, at : at + size]
    there = op.codes[k + int(axis == 0), to : to + size]
    near, far = pair[0][at : at + size], pair[1][to : to + size]
    codes, base = out[0][axis, k, at : at + size], _SUMS + 256 * axis
    areas, counts = out[1][base : base + 256], out[1][base + _COUNTS : base + _COUNTS + 256]
    joined, driven = bool(op.wraps[axis]), axis == op.axis
    for i in range(int(axis < 2), size):
        if here[i] == 0 or there[i] == 0:
            continue
        index = k if axis == 0 else (j if axis == 1 else i)
        area = 0.5 * (near[i] + far[i])
        if not joined and index == 0:
            area = far[i]
        elif not joined and index == end:
            area = near[i]
        code = max(1, int(255.0 * area + 0.5 + _TIE))
        part = 0.5 if driven and index in (0, end) else 1.0
        codes[i] = code
        areas[code] += part * area
        counts[code] += part


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
    area = op.codes.shape[1]
    shares = (np.empty(area), np.empty(area), np.empty(area))
    here, there = np.zeros((6, area)), np.zeros((6, area))
    ignored = np.zeros(sums.shape[1])
    _open_at(op, near - 1, shares, (here, ignored))
    for k in range(near - 1, far):
        _open_at(op, k + 1, shares, (there, sums[k + 1] if k + 1 < far else ignored))
        out = (faces, sums[k])
        if k >= near or k == 0:
            for j in range(1, op.size[1] + 1):
                _store_row(op, (0, k, j), (here[1], there[0]), out)
        if k >= near:
            for j in range(op.size[1] + 1):
                _store_row(op, (1, k, j), (here[3], here[2]), out)
                if j > 0:
                    _store_row(op, (2, k, j), (here[5], here[4]), out)
        here, there = there, here
