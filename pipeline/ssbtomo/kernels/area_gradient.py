"""Surface areas as TauFactor's default method measures them: gradients of smoothed masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.normals import Window
from ssbtomo.units import Spacing

__all__ = ["GRADIENT_MARGIN", "gradient_areas", "gradient_sums"]

GRADIENT_MARGIN = 2
"""Voxels that `gradient_sums` needs around the owned ones."""

_UNITS = 2**24
_SIDE = float(np.exp(-0.5) / (1 + 2 * np.exp(-0.5)))
_MIDDLE = float(1 / (1 + 2 * np.exp(-0.5)))


def gradient_sums(
    labels: NDArray[np.integer],
    phases: Sequence[int],
    spacing: Spacing,
    *,
    inner: Window | None = None,
) -> NDArray[np.int64]:
    """Sum the gradient's length of the smoothed mask of each phase.

    Estimator: 3 x 3 x 3 Gaussian of one voxel, then central differences; at the ends of the
    volume the mask is mirrored and the difference one-sided. Bias: planes -0.9 to +1.3 %
    for cubic voxels, to +12 % at 4 : 1; balls -4 % at a radius of 4 voxels. Each phase's
    surface is measured alone: a contact is not. Holds 36 bytes per voxel, one phase at a time.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        A block with a margin of `GRADIENT_MARGIN` voxels inside the volume.
    phases : sequence of int
        The labels of the phases.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    inner : tuple of slice, optional
        The owned voxels; all of them if not given.

    Returns
    -------
    ndarray of int64, shape (phases,)
        Fixed-point sums over the owned voxels, for `gradient_areas`.

    Raises
    ------
    InputDataError
        If the volume is one voxel thick: it has no gradient.
    """
    if min(labels.shape) < 2:
        raise InputDataError(
            f"a volume of {labels.shape} voxels has no gradient along each axis",
            hint="take the estimator normals",
        )
    owned = inner or tuple(slice(0, size) for size in labels.shape)
    sums = np.zeros(len(phases), dtype=np.int64)
    for row, phase in enumerate(phases):
        smooth = (labels == phase).astype(np.float32)
        for axis in range(3):
            smooth = _smoothed(smooth, axis)
        squares = np.zeros(smooth[owned].shape, dtype=np.float32)
        for axis in range(3):
            step = _difference(smooth, axis)[owned] * np.float32(min(spacing) / spacing[axis])
            squares += step * step
        lengths = np.sqrt(squares).astype(np.float64)
        sums[row] = np.rint(lengths * _UNITS).astype(np.int64).sum()
    return sums


def gradient_areas(sums: NDArray[np.int64], spacing: Spacing) -> NDArray[np.float64]:
    """Turn the sums of a whole volume into the surface area of each phase.

    Parameters
    ----------
    sums : ndarray of int64, shape (phases,)
        As `gradient_sums` returned them, over all blocks.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.

    Returns
    -------
    ndarray of float64, shape (phases,)
        Square micrometres.
    """
    areas: NDArray[np.float64] = sums / _UNITS * (float(np.prod(spacing)) / min(spacing))
    return areas


def _smoothed(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Apply one axis of the Gaussian; voxels beyond the end mirror those inside."""
    moved = np.moveaxis(values, axis, 0)
    out = np.float32(_MIDDLE) * moved
    side = np.float32(_SIDE)
    out[1:] += side * moved[:-1]
    out[:-1] += side * moved[1:]
    out[0] += side * moved[1]
    out[-1] += side * moved[-2]
    return np.moveaxis(out, 0, axis)


def _difference(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Return central differences per voxel, one-sided at the ends."""
    moved = np.moveaxis(values, axis, 0)
    out = np.empty_like(moved)
    out[1:-1] = (moved[2:] - moved[:-2]) * np.float32(0.5)
    out[0] = moved[1] - moved[0]
    out[-1] = moved[-1] - moved[-2]
    return np.moveaxis(out, 0, axis)
