"""A plane through a voxel: what it cuts off, and how much of each face it leaves open."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.operator import DEVICE

__all__ = ["cut"]

_STEEP = 1e-3
"""Components of a normal that are smaller are taken for this, where volumes are computed."""
_CLOSE = 1e-12
"""Volume at which the position of a plane is good enough."""
_STEPS = 20


@njit(**DEVICE)
def _square(value: float) -> float:
    return value * value if value > 0.0 else 0.0


@njit(**DEVICE)
def _section(depth: float, one: float, two: float) -> float:
    """Return the share of a unit square beyond a line, from its depth beyond the corner."""
    whole = one + two
    if depth >= whole:
        return 1.0
    part = _square(depth) - _square(depth - one) - _square(depth - two)
    return float(max(part / (2.0 * one * two), 0.0))


@njit(**DEVICE)
def _depth(share: float, a: float, b: float, c: float) -> float:
    """Return how deep a plane lies in a unit cube that leaves at most half of it on its side.

    Newton's method, from below: the share is a convex function of the depth, so that it overshoots once
    at most.
    """
    product = a * b * c
    two = product / min(a, b, c)
    depth = max(np.cbrt(6.0 * product * share), np.sqrt(2.0 * two * share), share * max(a, b, c))
    for _ in range(_STEPS):
        volume = section = 0.0
        for term in range(7):
            rest = depth - a * (term & 1) - b * (term >> 1 & 1) - c * (term >> 2)
            if rest > 0.0:
                sign = -1.0 if term in (1, 2, 4) else 1.0
                volume += sign * rest * rest * rest
                section += sign * rest * rest
        excess = volume / (6.0 * product) - share
        if abs(excess) < _CLOSE or section <= 0.0:
            break
        depth -= excess * 2.0 * product / section
    return float(depth)


@njit(**DEVICE)
def cut(share: float, normal: NDArray[np.float64], sides: NDArray[Any]) -> None:
    """Write the open share of the six faces of a voxel that a plane cuts.

    Parameters
    ----------
    share : float
        Share of the voxel on the side that conducts.
    normal : ndarray of float64, shape (3,)
        Unit normal of the plane, towards that side.
    sides : ndarray, shape (6,)
        Open shares of the near and the far face along each axis, written.
    """
    a = max(abs(normal[0]), _STEEP)
    b = max(abs(normal[1]), _STEEP)
    c = max(abs(normal[2]), _STEEP)
    depth = _depth(min(share, 1.0 - share), a, b, c)
    if share > 0.5:
        depth = a + b + c - depth
    for axis in range(3):
        one = b if axis == 0 else a
        two = b if axis == 2 else c
        along = a if axis == 0 else (b if axis == 1 else c)
        tilt = normal[axis] if abs(normal[axis]) < _STEEP else np.copysign(along, normal[axis])
        middle = depth - 0.5 * along
        sides[2 * axis] = _section(middle - 0.5 * tilt, one, two)
        sides[2 * axis + 1] = _section(middle + 0.5 * tilt, one, two)
