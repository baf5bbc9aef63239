"""Labels drawn from class probabilities, alike in neighbouring voxels as real errors are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit

__all__ = ["COMMON", "drawn_labels"]

COMMON = 0.05
"""Share of the variance that all voxels of a draw have in common."""


def drawn_labels(
    probabilities: NDArray[np.uint8], noise: NDArray[np.float32], common: float
) -> NDArray[np.uint8]:
    """Draw one label for each voxel.

    Parameters
    ----------
    probabilities : ndarray of uint8, shape (classes, Z, Y, X)
        Of each class, darkest first, in steps of 1/255.
    noise : ndarray of float32, shape (Z, Y, X)
        Standard normal numbers, correlated as errors are.
    common : float
        A standard normal number, the same for the whole draw.

    Returns
    -------
    ndarray of uint8
        The first class with which the summed probabilities pass the level that the noise
        stands for (a Gaussian copula [1]_). Classes must be in the order of their grey values:
        then a level that rises moves every surface to its darker side.

    References
    ----------
    .. [1] G. Matheron et al., *SPE Annual Technical Conference*, 1987, doi:10.2118/16753-MS.
    """
    labels = np.empty(noise.shape, np.uint8)
    own, shared = math.sqrt(1 - COMMON), math.sqrt(COMMON) * common
    _draw(np.ascontiguousarray(probabilities), noise, own, shared, labels)
    return labels


@njit(nogil=True, cache=True)
def _draw(shares, noise, own, shared, labels):  # type: ignore[no-untyped-def]
    classes, nz, ny, nx = shares.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                total = 0
                for k in range(classes):
                    total += shares[k, z, y, x]
                value = own * noise[z, y, x] + shared
                level = total * 0.5 * (1.0 + math.erf(value / math.sqrt(2.0)))
                passed, label = 0, classes - 1
                for k in range(classes):
                    passed += shares[k, z, y, x]
                    if passed > level:
                        label = k
                        break
                labels[z, y, x] = label
