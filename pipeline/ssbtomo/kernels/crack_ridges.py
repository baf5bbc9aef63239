"""Sheets in grey values: valleys that are dark, or bright, on both sides, at several scales."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crack_profiles import value_at
from ssbtomo.kernels.derivatives import gradient_weights
from ssbtomo.kernels.filters import gaussian_weights, weighted_sum
from ssbtomo.kernels.least_axis import least_direction
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RidgeRules", "Ridges", "curvature_weights", "find_ridges"]

Margin = tuple[int, int, int]
Window = tuple[slice, slice, slice]

_PLANE = 0.6  # largest curvature along a sheet, as a share of that across it
_SEAM = 0.9  # the same for the third direction where two sheets cross
_BOTH = 0.4  # least rise on either side, as a share of what the curvature promises
_ASIDE = 2.2  # standard deviations from the middle at which the sides are looked at
_BEYOND = 1.0  # how far the valley's floor may lie from a voxel, in steps across it
_CLEAR = 8.0  # signal to noise from which the smallest scale is taken
_SHEET, _DEEP = 1, 2
_HALF = 0.5  # share of the depth asked for that a sheet's shallow parts need
_LUCK = 3.0  # standard deviations by which the smallest of many values lies below the mean
_CUT = 4.0  # standard deviations at which Gaussians end


@dataclass(frozen=True, slots=True)
class RidgeRules:
    """At what scales sheets are looked for, and what is taken for one.

    Parameters
    ----------
    scales : tuple of float
        Standard deviations in µm of the Gaussians, ascending.
    noise : float
        Standard deviation of the noise of the image.
    bright : bool
        Whether sheets are brighter than what is around them.
    low : float
        Least signal to noise of a sheet's voxel.
    depth : float
        Least depth of a sheet, smoothed, in grey values: second derivative times squared scale.
        Keeps out gaps between grains of slightly different grey.
    """

    scales: tuple[float, ...]
    noise: float
    bright: bool = False
    low: float = 4.5
    depth: float = 0.0

    def halo(self, spacing: Spacing) -> Margin:
        """Return the voxels that are needed beyond a block, per axis.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.

        Returns
        -------
        tuple of int
            Four standard deviations of the widest Gaussian, and the way to the sides.
        """
        widest = max(self.scales)
        z, y, x = (math.ceil((_CUT + _ASIDE) * widest / edge) + 3 for edge in spacing)
        return z, y, x


@dataclass(frozen=True, slots=True, eq=False)
class Ridges:
    """Voxels on the middle of sheets.

    Parameters
    ----------
    places : ndarray of int64, shape (n,)
        Linear indexes in the part.
    scores : ndarray of uint8, shape (n,)
        Ten times signal to noise, 255 at most.
    strengths : ndarray of float32, shape (n,)
        Grey value times µm that the sheet lacks, if it is thin.
    plain : ndarray of bool, shape (n,)
        False where the third direction alone is level: a crossing, or a rod.
    deep : ndarray of bool, shape (n,)
        Whether the sheet is as deep as asked; all are at least half as deep.
    ways : ndarray of float32, shape (n, 4)
        Normal, and how far in µm along it the floor of the valley lies from the voxel.
    extreme : float
        Darkest (brightest) smoothed value of the part, less what noise adds to an extreme.
    """

    places: NDArray[np.int64]
    scores: NDArray[np.uint8]
    strengths: NDArray[np.float32]
    plain: NDArray[np.bool_]
    deep: NDArray[np.bool_]
    ways: NDArray[np.float32]
    extreme: float


def curvature_weights(sigma: float) -> NDArray[np.float32]:
    """Return the taps of the second derivative of a Gaussian, cut at four standard deviations.

    Parameters
    ----------
    sigma : float
        Standard deviation in voxels; towards 0 they become 1, -2, 1.

    Returns
    -------
    ndarray of float32
        An odd number of symmetric weights; they give 0 on ramps and 1 on x²/2.
    """
    radius = max(math.ceil(_CUT * sigma), 1)
    offsets = np.arange(-radius, radius + 1.0)
    if sigma < 0.3:
        taps = np.where(offsets == 0, -2.0, np.where(np.abs(offsets) == 1, 1.0, 0.0))
        return taps.astype(np.float32)
    bell = np.exp(-0.5 * (offsets / sigma) ** 2)
    taps = (offsets**2 / sigma**2 - 1) * bell
    taps -= bell * taps.sum() / bell.sum()
    return np.asarray(taps * 2 / (taps @ offsets**2), dtype=np.float32)


def find_ridges(image: NDArray[Any], spacing: Spacing, rules: RidgeRules, core: Window) -> Ridges:
    """Find the voxels on the middle of sheets in a part of an image.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values of the part and `RidgeRules.halo` around it.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    rules : RidgeRules
        Scales, noise, dark or bright.
    core : tuple of slice
        Where the part lies in `image`.

    Returns
    -------
    Ridges
        In the order of the volume; the same for any part that a voxel is in.

    Notes
    -----
    At each scale the Hessian of the smoothed image gives the direction of largest curvature.
    A voxel is on a sheet where that stands out of the noise, the other curvatures are
    small, the floor of the valley along that direction passes within a voxel, and the
    image rises on both sides: at an edge, which has curvature too, it does not. Of the
    scales the smallest with a signal to noise of 8 speaks, else that with the largest.
    Memory: 80 bytes per voxel of `image`.
    """
    sign = np.float32(-1 if rules.bright else 1)
    grey = np.ascontiguousarray(image, dtype=np.float32) * sign
    shape = grey[core].shape
    best = np.zeros(shape, dtype=np.float32)
    strength, kinds = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.uint8)
    ways = np.zeros((*shape, 4), dtype=np.float32)
    bounds = np.array([(side.start, side.stop) for side in core])
    endless = np.array([size == 1 for size in image.shape])
    extreme = math.inf
    for scale in rules.scales:
        fields, deviation = _curvatures(grey, spacing, scale)
        least = float(fields[0][core].min()) + _LUCK * rules.noise * _noise_gain(spacing, scale)
        extreme = min(extreme, least)
        limits = np.array([rules.low, rules.noise * deviation, scale, rules.depth])
        _mark(fields, (bounds, np.asarray(spacing), endless), limits, (best, strength, kinds, ways))
    places = np.flatnonzero(best)
    scores = np.minimum(10 * best.ravel()[places], 255).astype(np.uint8)
    kind = kinds.ravel()[places]
    return Ridges(
        places,
        scores,
        strength.ravel()[places],
        (kind & _SHEET) > 0,
        (kind & _DEEP) > 0,
        ways.reshape(-1, 4)[places],
        extreme * float(sign),
    )


def _noise_gain(spacing: Spacing, scale: float) -> float:
    """Return the standard deviation that white noise keeps when it is smoothed."""
    taps = [gaussian_weights(scale / edge) for edge in spacing]
    return math.sqrt(math.prod(float(weights @ weights) for weights in taps))


def _curvatures(
    grey: NDArray[np.float32], spacing: Spacing, scale: float
) -> tuple[tuple[NDArray[np.float32], ...], float]:
    """Return the smoothed image, its gradient and Hessian, and the noise gain of the latter."""
    widths = [scale / edge for edge in spacing]
    smooth = [gaussian_weights(width) for width in widths]
    steep = [
        (gradient_weights(w) / np.float32(e)).astype(np.float32)
        for w, e in zip(widths, spacing, strict=True)
    ]
    bent = [
        (curvature_weights(w) / np.float32(e * e)).astype(np.float32)
        for w, e in zip(widths, spacing, strict=True)
    ]
    gains = [
        math.sqrt(
            math.prod(float((bent if k == axis else smooth)[k] @ (bent if k == axis else smooth)[k])
                      for k in range(3))
        )
        for axis in range(3)
    ]  # fmt: skip
    zero, one, two = (weighted_sum(grey, taps[0], 0) for taps in (smooth, steep, bent))
    flat = weighted_sum(zero, smooth[1], 1)
    rise = weighted_sum(zero, steep[1], 1)
    ahead = weighted_sum(one, smooth[1], 1)
    fields = (
        weighted_sum(flat, smooth[2], 2),
        weighted_sum(ahead, smooth[2], 2),
        weighted_sum(rise, smooth[2], 2),
        weighted_sum(flat, steep[2], 2),
        weighted_sum(weighted_sum(two, smooth[1], 1), smooth[2], 2),
        weighted_sum(weighted_sum(zero, bent[1], 1), smooth[2], 2),
        weighted_sum(flat, bent[2], 2),
        weighted_sum(weighted_sum(one, steep[1], 1), smooth[2], 2),
        weighted_sum(ahead, steep[2], 2),
        weighted_sum(rise, steep[2], 2),
    )
    return fields, max(gains)


@njit(nogil=True, cache=True)
def _mark(fields, place, limits, results):  # type: ignore[no-untyped-def]
    bounds, spacing, endless = place
    low, noise, scale, depth = limits
    best, strength, kinds, found = results
    normal = np.empty(3)
    for z in range(bounds[0, 0], bounds[0, 1]):
        for y in range(bounds[1, 0], bounds[1, 1]):
            for x in range(bounds[2, 0], bounds[2, 1]):
                here = (z - bounds[0, 0], y - bounds[1, 0], x - bounds[2, 0])
                if best[here] >= _CLEAR:
                    continue
                first, sheet = _first(fields, (z, y, x), endless, (low * noise, normal))
                ratio = first / noise
                if ratio <= best[here] or first * scale * scale < _HALF * depth:
                    continue
                floor = _floor(fields, (z, y, x), (first, scale), (spacing, normal))
                if np.isfinite(floor):
                    best[here] = ratio
                    strength[here] = first * scale**3 * np.sqrt(2 * np.pi)
                    for j in range(3):
                        found[here][j] = normal[j]
                    found[here][3] = floor
                    kinds[here] = _SHEET * sheet + _DEEP * (first * scale * scale >= depth)


@njit(nogil=True, cache=True)
def _first(fields, here, endless, asked):  # type: ignore[no-untyped-def]
    """Return the curvature across a sheet (0 where there is none), and whether it is no crossing."""
    limit, normal = asked
    a, b, c = (
        -np.float64(fields[4][here]),
        -np.float64(fields[5][here]),
        -np.float64(fields[6][here]),
    )
    if -(a + b + c) < 0.5 * limit:
        return 0.0, False
    d, e, f = (
        -np.float64(fields[7][here]),
        -np.float64(fields[8][here]),
        -np.float64(fields[9][here]),
    )
    z, y, x = 1.0 - endless[0], 1.0 - endless[1], 1.0 - endless[2]
    a, b, c, d, e, f = a * z, b * y, c * x, d * z * y, e * z * x, f * y * x
    first = -least_direction((a, b, c, d, e, f), normal)
    if first < limit:
        return 0.0, False
    rest = -(a + b + c) - first
    square = a * a + b * b + c * c + 2 * (d * d + e * e + f * f) - first * first
    gap = np.sqrt(max(2 * square - rest * rest, 0.0))
    second, third = (rest + gap) / 2, (rest - gap) / 2
    sheet = max(abs(second), abs(third)) <= _PLANE * first
    if not sheet and not (second > 0 and abs(third) <= _SEAM * first):
        return 0.0, False
    return first, sheet


@njit(nogil=True, cache=True)
def _floor(fields, here, found, ways):  # type: ignore[no-untyped-def]
    """Return how far the floor of a valley is; `inf` if too far, or if it does not rise on both sides."""
    first, scale = found
    spacing, normal = ways
    floor, step = 0.0, 0.0
    for j in range(3):
        floor -= fields[1 + j][here] * normal[j] / first
        step = max(step, abs(normal[j]) * spacing[j])
    if abs(floor) > _BEYOND * step:
        return np.inf
    smooth = fields[0]
    for side in (-1, 1):
        way = side * _ASIDE * scale + floor
        z = here[0] + way * normal[0] / spacing[0]
        y = here[1] + way * normal[1] / spacing[1]
        x = here[2] + way * normal[2] / spacing[2]
        # a side outside the volume does not speak: it is not a number
        if value_at(smooth, z, y, x) - smooth[here] < _BOTH * first * scale * scale:
            return np.inf
    return floor
