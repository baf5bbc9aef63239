"""The direction of the smallest eigenvalue of a symmetric matrix, inside compiled loops."""

from __future__ import annotations

import numpy as np

from ssbtomo.kernels.compiling import njit

__all__ = ["least_direction"]


@njit(nogil=True, cache=True)
def least_direction(entries, normal):  # type: ignore[no-untyped-def]
    """Return the smallest eigenvalue of a symmetric matrix, and write its direction.

    Parameters
    ----------
    entries : tuple of float
        zz, yy, xx, zy, zx, yx.
    normal : ndarray of float, shape (3,)
        Written to; the largest component is positive.

    Returns
    -------
    float
        The eigenvalue.
    """
    a, b, c, d, e, f = entries
    # the smallest root of the characteristic equation, by its angle
    mean = (a + b + c) / 3
    off = d * d + e * e + f * f
    p = np.sqrt(((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2 + 2 * off) / 6) + 1e-300
    u, v, w = (a - mean) / p, (b - mean) / p, (c - mean) / p
    r, s, t = d / p, e / p, f / p
    half = (u * (v * w - t * t) - r * (r * w - t * s) + s * (r * t - v * s)) / 2
    angle = np.arccos(min(max(half, -1.0), 1.0)) / 3
    value = mean + 2 * p * np.cos(angle + 2 * np.pi / 3)
    a, b, c = a - value, b - value, c - value
    _kernel_of((a, b, c, d, e, f), normal)
    return value


@njit(nogil=True, cache=True)
def _kernel_of(entries, normal):  # type: ignore[no-untyped-def]
    """Write the direction at right angles to all rows: the longest of their cross products."""
    a, b, c, d, e, f = entries
    best = 0.0
    normal[0], normal[1], normal[2] = 1.0, 0.0, 0.0
    for k in range(3):
        if k == 0:
            z, y, x = d * f - e * b, e * d - a * f, a * b - d * d
        elif k == 1:
            z, y, x = d * c - e * f, e * e - a * c, a * f - d * e
        else:
            z, y, x = b * c - f * f, f * e - d * c, d * f - b * e
        size = z * z + y * y + x * x
        if size > best:
            best = size
            normal[0], normal[1], normal[2] = z, y, x
    _point_up(normal, np.sqrt(best) if best > 0 else 1.0)


@njit(nogil=True, cache=True)
def _point_up(normal, size):  # type: ignore[no-untyped-def]
    """Divide a vector by its length, so that its largest component is positive."""
    k = 0
    for j in range(1, 3):
        if abs(normal[j]) > abs(normal[k]) * (1 + 1e-9):
            k = j
    if normal[k] < 0:
        size = -size
    for j in range(3):
        normal[j] /= size
