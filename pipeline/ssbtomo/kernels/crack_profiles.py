"""Grey values along lines across sheets: what they lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["profiles", "value_at"]


def profiles(
    image: NDArray[Any],
    spacing: Spacing,
    places: NDArray[np.int64],
    ways: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    level: float,
) -> NDArray[np.float32]:
    """Integrate across a sheet what its grey values lack.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values of a part, with enough around it.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    places : ndarray of int64, shape (n, 3)
        Where in `image` the profiles have their middle, to the voxel.
    ways : tuple of ndarray of float32
        Normals (n, 3); heights in µm of the places above the middle; half lengths in µm.
    level : float
        Grey value of a sheet so wide that its middle is not blurred.

    Returns
    -------
    ndarray of float32
        ∫ (background - image) ds / (background - level) in µm, the background being the mean at
        the two ends of the profile; ``nan`` if it does not differ from `level` or leaves the image.
    """
    found = np.full(len(places), np.nan, dtype=np.float32)
    grey = np.asarray(image, dtype=np.float32)
    _integrate(grey, (np.asarray(spacing), voxel_edge(spacing)), (places, *ways), level, found)
    return found


@njit(nogil=True, cache=True)
def value_at(grey, z, y, x):  # type: ignore[no-untyped-def]
    """Return the value of an image between voxels.

    Parameters
    ----------
    grey : ndarray of float32, shape (Z, Y, X)
        The image.
    z, y, x : float
        The place, in voxels.

    Returns
    -------
    float
        Linear between the eight voxels around; `nan` outside.
    """
    nz, ny, nx = grey.shape
    if z < -0.5 or y < -0.5 or x < -0.5 or z > nz - 0.5 or y > ny - 0.5 or x > nx - 0.5:
        return np.nan
    z, y, x = min(max(z, 0.0), nz - 1.0), min(max(y, 0.0), ny - 1.0), min(max(x, 0.0), nx - 1.0)
    a, b, c = int(z), int(y), int(x)
    d, e, f = min(a + 1, nz - 1), min(b + 1, ny - 1), min(c + 1, nx - 1)
    u, v, w = z - a, y - b, x - c
    near = (grey[a, b, c] * (1 - w) + grey[a, b, f] * w) * (1 - v)
    near += (grey[a, e, c] * (1 - w) + grey[a, e, f] * w) * v
    far = (grey[d, b, c] * (1 - w) + grey[d, b, f] * w) * (1 - v)
    far += (grey[d, e, c] * (1 - w) + grey[d, e, f] * w) * v
    return near * (1 - u) + far * u


@njit(nogil=True, cache=True)
def _integrate(grey, sizes, ways, level, found):  # type: ignore[no-untyped-def]
    spacing, edge = sizes
    places, normals, heights, halves = ways
    stride = 0.5 * edge
    for row in range(found.size):
        steps = int(halves[row] / stride)
        ground, count, total, number = 0.0, 0, 0.0, 0
        for k in range(-steps - 4, steps + 5):
            way = k * stride - heights[row]
            value = value_at(
                grey, places[row, 0] + way * normals[row, 0] / spacing[0],
                places[row, 1] + way * normals[row, 1] / spacing[1],
                places[row, 2] + way * normals[row, 2] / spacing[2],
            )  # fmt: skip
            if np.isnan(value):
                continue
            if abs(k) > steps:
                ground += value
                count += 1
            else:
                total += value
                number += 1
        if count > 0 and number == 2 * steps + 1:
            ground /= count
            if ground != level:
                found[row] = (ground * number - total) * stride / (ground - level)
