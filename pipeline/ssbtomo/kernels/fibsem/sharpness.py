"""How sharp a slice is: the steepness of its edges, without what noise adds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.fibsem.slice_state import slice_properties

__all__ = ["slice_sharpness"]

_SIGMA = 1.0  # pixels
_OF_NOISE = 1 / (4 * np.pi * _SIGMA**4)  # square of the gradient that unit white noise leaves


def slice_sharpness(image: NDArray[Any]) -> float:
    """Measure how steep the edges of a slice are.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        A slice.

    Returns
    -------
    float
        Root mean square of the gradient after a Gaussian of one pixel, over the contrast
        (spread between the 5th and 95th percentile), in 1/pixel; 0 for a slice without contrast.

    Notes
    -----
    The share that white noise adds is taken off, with the noise of `slice_properties`. The number
    also grows with the length of edges per area: compare slices of one stack with those around
    them, not two samples.
    """
    from scipy import ndimage as ndi

    values = np.asarray(image, np.float32)
    if min(values.shape) < 3:
        return 0.0
    _, contrast, _, noise, _ = slice_properties(values)
    if contrast <= 0:
        return 0.0
    squares = ndi.gaussian_gradient_magnitude(values, _SIGMA).astype(np.float64) ** 2
    left = float(squares.mean()) - _OF_NOISE * noise**2
    return float(np.sqrt(max(left, 0.0)) / contrast)
