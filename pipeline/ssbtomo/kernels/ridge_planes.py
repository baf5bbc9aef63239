"""Planes through the floors of valleys, from those around that run the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crack_points import Points, around, ball_size
from ssbtomo.kernels.least_axis import least_direction

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mean_normals", "ridge_planes"]

_ALIKE = 0.7  # least cosine to the normal of the voxel itself
_LEVEL = 0.85  # least cosine to the mean normal
_NEAR = (2.0, 1.2)  # heights in voxel edges above the first and the second plane, at most
_COVER = (
    0.9  # least number of voxels by the area of the disc; sheets of ridge voxels are some two thick
)


def ridge_planes(
    points: Points,
    groups: NDArray[np.int32],
    ridges: tuple[NDArray[np.float32], NDArray[np.float32]],
    radii: NDArray[np.float32],
    span: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Fit a plane to the floors of valleys around some ridge voxels.

    Parameters
    ----------
    points : Points
        The ridge voxels.
    groups : ndarray of int32, shape (n,)
        The connected sheet of each.
    ridges : tuple of ndarray of float32
        Normal and way to the floor (n, 4), and weight (n,), of each.
    radii : ndarray of float32, shape (n,)
        Radius in µm of the ball around each.
    span : tuple of int
        The first of the points, and the one after the last.

    Returns
    -------
    normals : ndarray of float32, shape (span, 3)
        The largest component positive; axes of one voxel lie in the plane.
    heights : ndarray of float32
        Height in µm of each voxel above its plane.
    held : ndarray of bool
        Whether enough voxels lie on it.

    Notes
    -----
    Voxels whose normals agree give a mean normal; of those that agree with it, the ones whose
    floors lie within 2 voxel edges of it, then within 1.2 of the plane through them, count.
    So planes are told apart where sheets cross, and ridges of noise beside a sheet drop out.
    """
    start, stop = span
    z, y, x = points.steps
    most = float(radii[start:stop].max(initial=0))
    room = min(ball_size((z, y, x), most), len(groups)) + 1
    found = np.empty(room, dtype=np.int64)
    normals = np.zeros((stop - start, 3), dtype=np.float32)
    heights = np.zeros(stop - start, dtype=np.float32)
    held = np.zeros(stop - start, dtype=np.bool_)
    _fit(points, (groups, *ridges, radii), (start, found), (normals, heights, held))
    return normals, heights, held


def mean_normals(
    points: Points,
    groups: NDArray[np.int32],
    normals: NDArray[np.float32],
    radius: float,
    span: tuple[int, int],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean normal of the points around each that run about as it does, and their share.

    Parameters
    ----------
    points : Points
        The list.
    groups : ndarray of int32, shape (n,)
        The connected sheet of each.
    normals : ndarray of float32, shape (n, 3)
        Of each.
    radius : float
        In µm.
    span : tuple of int
        The first of the points, and the one after the last.

    Returns
    -------
    means : ndarray of float32, shape (span, 3)
        The largest component positive.
    shares : ndarray of float32
        How many of all points around they are.
    """
    start, stop = span
    z, y, x = points.steps
    found = np.empty(min(ball_size((z, y, x), radius), len(groups)) + 1, dtype=np.int64)
    means = np.zeros((stop - start, 3), dtype=np.float32)
    ones = np.ones(len(groups), dtype=np.float32)
    shares = np.zeros(stop - start, dtype=np.float32)
    _mean(points, (groups, normals, ones), radius, (start, found), (means, shares))
    return means, shares


@njit(nogil=True, cache=True)
def _mean(points, fields, radius, work, results):  # type: ignore[no-untyped-def]
    start, found = work
    means, shares = results
    normal = np.empty(3)
    for row in range(len(means)):
        near = found[: around(points, start + row, radius, found)]
        shares[row] = _turned(points, start + row, near, fields, normal) / near.size
        for j in range(3):
            means[row, j] = normal[j]


@njit(nogil=True, cache=True)
def _turned(points, point, near, fields, normal):  # type: ignore[no-untyped-def]
    """Write the mean normal of the voxels that run about as a voxel does; return their weight."""
    groups, ways, weights = fields
    sums = np.zeros(6)
    for other in near:
        cosine = 0.0
        for j in range(3):
            cosine += ways[other, j] * ways[point, j]
        if groups[other] != groups[point] or abs(cosine) < _ALIKE:
            continue
        a, b, c, weight = ways[other, 0], ways[other, 1], ways[other, 2], weights[other]
        sums[0] += weight * a * a
        sums[1] += weight * b * b
        sums[2] += weight * c * c
        sums[3] += weight * a * b
        sums[4] += weight * a * c
        sums[5] += weight * b * c
    least_direction((-sums[0], -sums[1], -sums[2], -sums[3], -sums[4], -sums[5]), normal)
    return sums[0] + sums[1] + sums[2]


@njit(nogil=True, cache=True)
def _gather(points, point, near, fields, plane):  # type: ignore[no-untyped-def]
    """Add up the floors near a plane: weight, sums, products; and count them."""
    groups, ways, weights = fields
    normal, height, limit, sums = plane
    sums[:] = 0.0
    count = 0
    place = np.empty(3)
    for other in near:
        cosine, up = 0.0, -height
        for j in range(3):
            cosine += ways[other, j] * normal[j]
            place[j] = (points.places[other, j] - points.places[point, j]) * points.steps[j]
            place[j] += ways[other, 3] * ways[other, j]
            up += place[j] * normal[j]
        if groups[other] != groups[point] or abs(cosine) < _LEVEL or abs(up) > limit:
            continue
        count += 1
        sums[0] += weights[other]
        for j in range(3):
            sums[1 + j] += weights[other] * place[j]
            sums[4 + j] += weights[other] * place[j] * place[j]
        sums[7] += weights[other] * place[0] * place[1]
        sums[8] += weights[other] * place[0] * place[2]
        sums[9] += weights[other] * place[1] * place[2]
    return count


@njit(nogil=True, cache=True)
def _plane(points, sums, normal):  # type: ignore[no-untyped-def]
    """Write the normal of the plane through what was added up; return its height."""
    mean = sums[1:4] / sums[0]
    own = sums[4:7] / sums[0] - mean * mean
    d = sums[7] / sums[0] - mean[0] * mean[1]
    e = sums[8] / sums[0] - mean[0] * mean[2]
    f = sums[9] / sums[0] - mean[1] * mean[2]
    far = 1e4 * (own.sum() + 1e-12)
    for j in range(3):
        if points.shape[j] == 1:
            own[j] += far
    least_direction((own[0], own[1], own[2], d, e, f), normal)
    return mean[0] * normal[0] + mean[1] * normal[1] + mean[2] * normal[2]


@njit(nogil=True, cache=True)
def _fit(points, fields, work, results):  # type: ignore[no-untyped-def]
    groups, ways, weights, radii = fields
    start, found = work
    normals, heights, held = results
    edge = points.steps.prod() ** (1 / 3)
    strip = (points.shape == 1).any()
    normal, sums = np.empty(3), np.empty(10)
    ridges = (groups, ways, weights)
    for row in range(heights.size):
        point = start + row
        near = found[: around(points, point, radii[point], found)]
        _turned(points, point, near, ridges, normal)
        height = 0.0
        for j in range(3):
            height += ways[point, 3] * ways[point, j] * normal[j]
        count = 0
        for k in range(2):
            count = _gather(points, point, near, ridges, (normal, height, _NEAR[k] * edge, sums))
            if count < 4:
                break
            height = _plane(points, sums, normal)
        radius = radii[point] / edge
        most = 2 * radius if strip else np.pi * radius * radius
        held[row] = count >= max(_COVER * most, 4)
        heights[row] = -height
        for j in range(3):
            normals[row, j] = normal[j]
