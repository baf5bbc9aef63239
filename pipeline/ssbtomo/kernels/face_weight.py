"""Weight of a voxel face: the component across it of the normal of the interface there."""

from __future__ import annotations

import numpy as np

from ssbtomo.kernels.compiling import njit

__all__ = ["FIXED_POINT", "Vector", "face_weight"]

FIXED_POINT = 2**20
"""Units per voxel face: weights are stored as integers of this resolution."""

Vector = tuple[float, float, float]
_MOST_SCALED = 1.5  # the curvature of a ball of three voxels asks for 1.4


@njit(nogil=True, cache=True)
def face_weight(
    near: Vector, far: Vector, axis: int, at: tuple[int, int, int], shape: tuple[int, int, int]
) -> int:
    """Return |n . e| of a face, in fixed point.

    In the outermost layer of voxels the interface goes on to the end of the volume, half a
    voxel beyond the last face across it; the faces along the end stand for that part too.

    Parameters
    ----------
    near, far : tuple of float
        Normals at the voxels before and after the face, of any length.
    axis : int
        The axis across which the face lies.
    at : tuple of int
        The voxel before the face.
    shape : tuple of int
        Of the block.

    Returns
    -------
    int
        Units of 1 / `FIXED_POINT`.
    """
    normal = _between(near, far, axis)
    squares = (normal[0] * normal[0], normal[1] * normal[1], normal[2] * normal[2])
    total = squares[0] + squares[1] + squares[2]
    if total == 0.0:
        return FIXED_POINT
    factor = 1.0
    for k in range(3):
        if k != axis and (at[k] == 0 or at[k] == shape[k] - 1):
            factor += 0.5 * min(squares[k] / max(total - squares[k], 1e-30), 1.0)
    return int(np.rint(np.sqrt(squares[axis] / total) * factor * FIXED_POINT))


@njit(nogil=True, cache=True)
def _between(near: Vector, far: Vector, axis: int) -> Vector:
    """Return the normal halfway between two voxels on either side of a face.

    Along a line through a curved interface the part of the normal across the line changes
    little, and the part along it evenly: on a sphere exactly so, if the vectors have the
    length of the radius. Both are scaled to one length across the line and added; their bare
    sum would make balls too small, by 0.17 / R**2.
    """
    across_near, across_far = 0.0, 0.0
    for k in range(3):
        if k != axis:
            across_near += near[k] * near[k]
            across_far += far[k] * far[k]
    scale_near, scale_far = _scale(across_far, across_near), _scale(across_near, across_far)
    return (
        near[0] * scale_near + far[0] * scale_far,
        near[1] * scale_near + far[1] * scale_far,
        near[2] * scale_near + far[2] * scale_far,
    )


@njit(nogil=True, cache=True)
def _scale(goal: float, square: float) -> float:
    """Return the factor to a given squared length, 1 where that is less or far more."""
    if square == 0.0 or goal <= square:
        return 1.0
    factor = float(np.sqrt(goal / square))
    return max(min(factor, _MOST_SCALED**2 / factor), 1.0)
