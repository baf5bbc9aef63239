"""Sharp volume fractions of a phase from a blurred and noisy image of it."""

from __future__ import annotations

import math
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import AxisError, InputDataError

__all__ = ["cut_cubes", "sharpened_fractions", "smooth_fractions"]

_SMOOTH = 0.7
"""Standard deviation of the smoothing against noise, in voxels."""
_LEVELS = (0.2, 0.8)
"""Grey levels between which the surface is looked for."""
_PURE = 0.1
"""What is closer to 0 or 1 than this counts as pure where noise was cut off."""
_REACH = 0.87
"""Half the diagonal of a voxel: planes farther off do not cut it."""
_FAR = 2.0
"""Heights above the surface that are told apart, in voxels."""
_STEPS = 8
_SPREAD = 1.0
"""Smoothing of what is left over against noise, in voxels, beside that by the blur itself."""
_LABEL_STEPS = 4
_LABEL_SPREAD = 0.8
"""The same for labels, which have no noise and tell no more than a few steps find."""
_FLAT = 0.02
"""Slopes of the height below which there is no direction."""
_WIDTHS = (0.2, 2.5)
"""Blur that is looked for, in voxels."""
_STAIRCASE = 0.3
"""Standard deviation of a box of a voxel, of which labels are a sample, in voxels."""
_LAYERS = 24
"""Layers from which a fraction is made: those of all smoothings and slopes one after the other."""
_SLAB = 2**24
"""Voxels that are worked on at once, about."""
_BOX = 96
"""Voxels along the edges of the box in which it is looked for."""


def sharpened_fractions(soft: NDArray[Any], blur: float | None = None) -> NDArray[np.float32]:
    """Turn a blurred, noisy image of one phase into sharp volume fractions.

    First the image is smoothed; each voxel near the surface is cut by the plane that the local
    grey value and gradient tell, and every other voxel is full or empty. The level of the surface is
    that for which the total volume is that of the image, which blur does not change. The blur is then measured:
    it is the Gaussian that makes these fractions most like the image. At last the fractions are made such
    that, blurred, they are the image: the height of each voxel above the surface is moved by what the image
    has left over, blurred once more (a Gauss-Newton step for the least squares of a smooth surface), eight times.
    Few steps, and the smoothness of heights, keep noise out; gaps between two walls open as far as their grey value tells.

    Noise is averaged out if it is left in: give values below 0 and above 1 as they are. Where they were cut
    off, voxels within 0.1 of 0 and 1 count as pure.

    Blurred fractions conduct across walls and thin films: lattices of spheres (16 to 24 voxels per cell, solid share
    up to a half, blur of 0.5 to 1 voxel, noise of 5 %) conduct too well by 1 to 10 %, and within 0.8 % when
    sharpened. Noise in one gap of a quarter of a voxel changes a single cell of 16 voxels by up to 1.3 %.
    Not for phases with pores below the voxel, whose fractions are meant.

    Parameters
    ----------
    soft : ndarray of float, or uint8 from 0 to 255, shape (Z, Y, X)
        Share of the phase in each voxel as the image shows it: (grey - grey of the others) /
        (grey of the phase - grey of the others), or the probability of the phase.
    blur : float, optional
        Standard deviation of the blur, in voxels; measured if not given, to 0.05 voxels where
        surfaces are farther apart than two of it.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        From 0 to 1; for `fractions` of `ssbtomo.kernels.transport.solve`. About 50 bytes per
        voxel are used meanwhile.

    Raises
    ------
    AxisError
        If the image is no volume.
    InputDataError
        If a value is not finite, or the blur is no positive number.

    Examples
    --------
    >>> ramp = np.repeat([0.0, 0.0, 0.1, 0.6, 1.0, 1.0], 16).reshape(6, 4, 4)
    >>> [round(float(share), 1) for share in sharpened_fractions(ramp)[:, 0, 0]]
    [0.0, 0.0, 0.0, 0.7, 1.0, 1.0]
    """
    values = _checked(soft)
    if blur is not None and not 0 < blur < np.inf:
        raise InputDataError(
            f"the blur is {blur!r} voxels",
            hint="give its standard deviation in voxels, or None to have it measured",
        )
    smooth = _blurred(values, _SMOOTH)
    width = _blur_of(values, _cut_once(values, smooth)) if blur is None else float(blur)
    return _refined(values, smooth, width, _STEPS, _SPREAD)


def smooth_fractions(inside: NDArray[Any]) -> NDArray[np.float32]:
    """Lay a smooth surface through the staircase of a phase, and return the volume fractions below it.

    `sharpened_fractions` of labels as an image: the surface whose fractions, blurred by a voxel, are
    most like the labels.

    Labels of insulating spheres on lattices (16 to 24 voxels per cell, solid share 0.1 to 0.5) conduct
    0.8 to 20 % too poorly; with these fractions they are within 2.3 % where gaps are wider than
    two and a half voxels and from -5.4 to +8.6 % where they are narrower (root mean square 1.1 and 3.5 %, no bias).
    What thresholds or blur did to labels stays in them. Films and necks of one voxel are thinned or torn.

    Parameters
    ----------
    inside : ndarray of bool, shape (Z, Y, X)
        Where the phase is.

    Returns
    -------
    ndarray of float32, shape (Z, Y, X)
        From 0 to 1; for `fractions` of `ssbtomo.kernels.transport.solve`. Beside these 4 bytes per voxel
        about 50 for each voxel of a slab of 16 million and 24 layers on both its sides are used meanwhile; the
        slabs leave no trace.

    Raises
    ------
    AxisError
        If it is no volume.

    Examples
    --------
    >>> steps = np.arange(12)[:, None, None] < 3 + np.arange(12)[:, None] // 3 + np.zeros(4)
    >>> bool(abs(smooth_fractions(steps).sum() - steps.sum()) < 0.02 * steps.sum())
    True
    """
    if inside.ndim != 3 or inside.size == 0:
        raise AxisError(f"the shape {inside.shape} is not that of a volume (Z, Y, X)")
    planes, area = inside.shape[0], inside.shape[1] * inside.shape[2]
    depth = max(_LAYERS, _SLAB // area)
    result = np.empty(inside.shape, np.float32)
    for start in range(0, planes, depth):
        near, stop = max(start - _LAYERS, 0), min(start + depth, planes)
        values = inside[near : min(stop + _LAYERS, planes)].astype(np.float32)
        smooth = _blurred(values, _SMOOTH)
        found = _refined(values, smooth, _STAIRCASE, _LABEL_STEPS, _LABEL_SPREAD)
        result[start:stop] = found[start - near : stop - near]
    return result


def _blurred(values: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """Return an image blurred by a Gaussian."""
    from scipy.ndimage import gaussian_filter

    found: NDArray[np.float32] = gaussian_filter(values, width, mode="reflect")
    return found


def _slopes(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return the central differences along the three axes."""
    from scipy.ndimage import correlate1d

    central = np.array([-0.5, 0.0, 0.5], np.float32)
    return [correlate1d(values, central, axis=axis, mode="reflect") for axis in range(3)]


def _cut_once(values: NDArray[np.float32], smooth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the fractions that planes at one grey level give, of the volume of the image."""
    from scipy.optimize import brentq

    total = _total(values, smooth)
    slopes = _slopes(smooth)
    steep = np.sqrt(sum(np.square(slope) for slope in slopes)) + np.float32(1e-9)
    # Planes farther than half a diagonal from a voxel's centre do not cut it, at any level.
    near = np.abs(smooth - 0.5) < (_LEVELS[1] - 0.5) + _REACH * steep
    result: NDArray[np.float32] = (smooth > 0.5).astype(np.float32)
    normals = np.sort([np.abs(slope[near] / steep[near]) for slope in slopes], axis=0)
    grey, steep = smooth[near].astype(np.float64), steep[near].astype(np.float64)
    missing = total - float(result[~near].sum(dtype=np.float64))

    def surplus(level: float) -> float:
        return float(cut_cubes((grey - level) / steep, normals).sum()) - missing

    low, high = _LEVELS
    if surplus(low) <= 0 or surplus(high) >= 0:
        level = low if surplus(low) <= 0 else high
    else:
        level = brentq(surplus, low, high, xtol=1e-5)
    result[near] = cut_cubes((grey - level) / steep, normals)
    return result


def _blur_of(values: NDArray[np.float32], sharp: NDArray[np.float32]) -> float:
    """Return the width of the Gaussian that makes sharp fractions most like an image."""
    from scipy.optimize import minimize_scalar

    starts = product(*(range(0, size, _BOX) for size in sharp.shape))
    boxes = [tuple(slice(at, at + _BOX) for at in start) for start in starts]
    box = max(boxes, key=lambda box: np.count_nonzero((sharp[box] > 0) & (sharp[box] < 1)))
    seen, made = values[box], sharp[box]

    def misfit(width: float) -> float:
        return float(np.square(seen - _blurred(made, width)).sum(dtype=np.float64))

    return float(
        minimize_scalar(misfit, bounds=_WIDTHS, method="bounded", options={"xatol": 0.01}).x
    )


def _refined(
    values: NDArray[np.float32],
    smooth: NDArray[np.float32],
    width: float,
    steps: int,
    spread: float,
) -> NDArray[np.float32]:
    """Return the fractions that, blurred, are most like an image, found in some steps.

    A surface that rises by a height changes the image by the height times a Gaussian across it, of the
    blur and the voxel: the best height is what is left over, weighted by that Gaussian, over its square's integral.
    """
    from scipy.special import ndtri

    across = math.hypot(width, 1 / math.sqrt(12))
    scale = math.hypot(across, _SMOOTH)
    # Beside a plane the smoothed image is the integral of a Gaussian of this width.
    height = np.clip(scale * ndtri(np.clip(smooth, 1e-4, 1 - 1e-4)), -_FAR, _FAR)
    for _ in range(steps):
        rest = values - _blurred(_cut(height), width)
        height += np.float32(2 * math.sqrt(math.pi) * across) * _blurred(
            rest, math.hypot(width, spread)
        )
        np.clip(height, -_FAR, _FAR, out=height)
    return _cut(height)


def _cut(height: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the shares below a surface of voxels at some height above it.

    Where heights have no slope, between two walls, the share is that of a plane along the faces.
    """
    slopes = _slopes(height)
    near = np.abs(height) < _REACH
    result: NDArray[np.float32] = (height > 0).astype(np.float32)
    normals = np.abs([slope[near] for slope in slopes])
    steep = np.sqrt(np.square(normals).sum(axis=0))
    flat = steep < _FLAT
    normals = np.where(flat, [[1.0], [0.0], [0.0]], normals / np.where(flat, 1, steep))
    result[near] = cut_cubes(height[near], normals)
    return result


def cut_cubes(distance: NDArray[Any], normals: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of unit cubes on one side of planes.

    Parameters
    ----------
    distance : ndarray of float, shape (n,)
        Distance of each cube's centre from its plane, positive inside.
    normals : ndarray of float, shape (3, n)
        Components of the planes' normals, not negative; their order does not matter.

    Returns
    -------
    ndarray of float64, shape (n,)
        From 0 to 1: a signed sum of cubes over the corners. Components below 1e-3 are taken
        as 1e-3.
    """
    edges = np.maximum(np.asarray(normals, np.float64), 1e-3)
    span = edges.sum(axis=0)
    depth = np.clip(np.asarray(distance, np.float64) + span / 2, 0, span)
    total = depth**3
    for count in (1, 2, 3):
        for chosen in combinations(edges, count):
            total += (-1) ** count * np.maximum(depth - sum(chosen), 0) ** 3
    share: NDArray[np.float64] = np.clip(total / (6 * edges.prod(axis=0)), 0, 1)
    return share


def _checked(soft: NDArray[Any]) -> NDArray[np.float32]:
    """Return the values as float32, or say what is wrong with them."""
    if soft.ndim != 3 or soft.size == 0:
        raise AxisError(f"the shape {soft.shape} is not that of a volume (Z, Y, X)")
    scale = np.float32(1 / 255 if soft.dtype == np.uint8 else 1)
    values = soft.astype(np.float32) * scale
    if not np.isfinite(values).all():
        raise InputDataError(
            "the soft image holds values that are not finite",
            hint="give the share of the phase in each voxel, 0 where it is not",
        )
    return values


def _total(values: NDArray[np.float32], smooth: NDArray[np.float32]) -> float:
    """Return the volume of the phase in voxels."""
    if values.min() < 0 or values.max() > 1:
        return float(values.sum(dtype=np.float64))
    clear = np.where(smooth < _PURE, 0, np.where(smooth > 1 - _PURE, 1, values))
    return float(clear.sum(dtype=np.float64))
