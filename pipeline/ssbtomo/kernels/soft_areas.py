"""Contact areas from volume fractions instead of labels: the length of their gradients.

By the co-area formula the gradient's length, summed over the volume, is the area of a level
set averaged over all levels. A blurred surface has less area than a sharp one where it is
curved, and where a third phase meets it; how much less is measured by blurring it more.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.normals import Window
from ssbtomo.units import Spacing

__all__ = ["SoftCounts", "soft_areas", "soft_areas_from_counts", "soft_counts", "soft_margin"]

_UNITS = 2**24
_SLAB = 32
_REACH = 3
_BLURS = (0.7, 1.4)
_ACROSS = (1 / 6, 4 / 6, 1 / 6)
_OWN_VARIANCE = 1 / 3
_BEYOND = 0.02
_NO_THIRD = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class SoftCounts:
    """Fixed-point sums that add over blocks, for each pair of phases.

    Parameters
    ----------
    gradients : ndarray of int64, shape (3, pairs)
        Of the fractions as they are, blurred once more, and blurred twice as much.
    mixed : ndarray of int64, shape (pairs,)
        Products of the two fractions: how wide the interfaces are.
    third : ndarray of int64, shape (pairs,)
        Products of the two fractions and what they lack to 1: whether another phase meets
        the interfaces.
    """

    gradients: NDArray[np.int64]
    mixed: NDArray[np.int64]
    third: NDArray[np.int64]

    def __add__(self, other: SoftCounts) -> SoftCounts:
        return SoftCounts(
            self.gradients + other.gradients, self.mixed + other.mixed, self.third + other.third
        )


def soft_margin(spacing: Spacing) -> tuple[int, int, int]:
    """Return the voxels that `soft_counts` needs around the owned ones.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.

    Returns
    -------
    tuple of int
        Along (Z, Y, X).
    """
    z, y, x = (len(taps) // 2 + 1 for taps in _taps(spacing, _BLURS[-1]))
    return z, y, x


def soft_counts(
    fractions: NDArray[np.number], spacing: Spacing, *, inner: Window | None = None
) -> SoftCounts:
    """Sum the gradients of volume fractions, for each pair of phases.

    Estimator: the length of ``b grad a - a grad b`` for each pair of phases a, b; central
    differences, averaged across the axis by 1 : 4 : 1 so that the operator blurs alike in
    all directions. Bias after `soft_areas_from_counts`: see there. Holds 40 bytes per
    phase and voxel, of 32 slices with their margin.

    Parameters
    ----------
    fractions : ndarray, shape (phases, Z, Y, X)
        Share of each phase in each voxel of a block with its `soft_margin`, cut only at the
        true ends of the volume: uint8 (255 for the whole voxel) or float (1).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    inner : tuple of slice, optional
        The owned voxels; all of them if not given.

    Returns
    -------
    SoftCounts
        Over any partition of a volume into blocks they sum to those of the whole.

    Raises
    ------
    InputDataError
        If a value is not a fraction.
    """
    shape = fractions.shape[1:]
    owned = inner or tuple(slice(0, size) for size in shape)
    margin = soft_margin(spacing)
    pairs = len(fractions) * (len(fractions) - 1) // 2
    none = np.zeros(pairs, dtype=np.int64)
    total = SoftCounts(np.zeros((3, pairs), dtype=np.int64), none, none)
    for low in range(owned[0].start, owned[0].stop, _SLAB):
        slab = (slice(low, min(low + _SLAB, owned[0].stop)), *owned[1:])
        total += _count_slab(_framed(fractions, slab, margin), spacing, margin)
    return total


def soft_areas_from_counts(counts: SoftCounts, spacing: Spacing) -> NDArray[np.float64]:
    """Turn the sums of a whole volume into the area of each pair.

    More blur of known width tells how the area falls: with the square of the width by
    curvature, and with the width itself where another phase meets the interface. The width
    that the fractions have themselves follows from how mixed they are. So the area without
    any blur is extrapolated; the linear part only if there is a third phase.

    Bias, measured, for blurs with a standard deviation of 0.5 to 2 of the largest voxel edge:
    planes of any orientation within 0.2 % (0.4 % at 2 : 1, 1 % at 4 : 1); balls within 0.5 %
    from a radius of 4 voxels and 2.5 blurs on; the three areas of a ball cut by a plane
    within 1 % from a radius of 15 voxels and 10 blurs on, 3 % from 7 blurs on. Sharper
    fractions at 2 : 1 read up to 2 % too large, at 4 : 1 up to 10 %: then take labels. Noise
    adds area: denoise first.

    Parameters
    ----------
    counts : SoftCounts
        Sums over all blocks.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.

    Returns
    -------
    ndarray of float64, shape (pairs,)
        Square micrometres, for ``combinations(phases, 2)``.

    References
    ----------
    .. [1] A. M. Svane, *Adv. Appl. Probab.* 46 (2014) 35 (grey-value estimators),
       doi:10.1239/aap/1396360102.
    """
    voxel = float(np.prod(spacing))
    areas = counts.gradients / _UNITS * (voxel / min(spacing))
    mixed = counts.mixed / _UNITS * voxel
    width = np.divide(mixed, areas[0], out=np.zeros_like(mixed), where=areas[0] > 0)
    own = np.pi * width**2 + _OWN_VARIANCE * float(np.mean(np.square(spacing)))
    first, second = (_added_variance(spacing, blur) for blur in _BLURS)
    found = np.zeros_like(mixed)
    for row, variance in enumerate(own):
        if counts.third[row] > _NO_THIRD * counts.mixed[row]:
            levels = variance + np.array([0.0, first, second])
            terms = np.stack([np.ones(3), np.sqrt(levels), levels], axis=1)
            found[row] = np.linalg.solve(terms, areas[:, row])[0]
        else:
            found[row] = areas[0, row] + (areas[0, row] - areas[1, row]) * variance / first
    return np.maximum(found, 0.0)


def soft_areas(fractions: NDArray[np.number], spacing: Spacing) -> NDArray[np.float64]:
    """Measure the contact areas of a whole volume of fractions.

    Parameters
    ----------
    fractions : ndarray, shape (phases, Z, Y, X)
        Share of each phase in each voxel; uint8 (of 255) or float.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.

    Returns
    -------
    ndarray of float64, shape (pairs,)
        Square micrometres, for ``combinations(phases, 2)``.
    """
    return soft_areas_from_counts(soft_counts(fractions, spacing), spacing)


def _taps(spacing: Spacing, blur: float) -> list[NDArray[np.float64]]:
    """Return the weights of a blur along each axis; its width in largest voxel edges."""
    found = []
    for edge in spacing:
        sigma = blur * max(spacing) / edge
        reach = int(np.ceil(_REACH * sigma - 1e-6))
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        found.append(weights / weights.sum())
    return found


def _added_variance(spacing: Spacing, blur: float) -> float:
    """Return the mean over the axes of the variance that a blur adds."""
    found = []
    for taps, edge in zip(_taps(spacing, blur), spacing, strict=True):
        offsets = np.arange(len(taps)) - len(taps) // 2
        found.append(float((taps * offsets**2).sum()) * edge**2)
    return float(np.mean(found))


def _framed(
    fractions: NDArray[np.number], slab: Window, margin: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Return a slab with its margin, as fractions; beyond the end what is inside, mirrored.

    It is mirrored at the last value, so that a slope goes on as a slope: no normal bends.
    """
    window, frame = [], [(0, 0)]
    for part, size, reach in zip(slab, fractions.shape[1:], margin, strict=True):
        window.append(slice(max(part.start - reach, 0), min(part.stop + reach, size)))
        frame.append((max(reach - part.start, 0), max(part.stop + reach - size, 0)))
    values = _as_fractions(fractions[(slice(None), *window)])
    return np.pad(values, frame, mode="reflect", reflect_type="odd")


def _as_fractions(values: NDArray[np.number]) -> NDArray[np.float32]:
    if values.dtype == np.uint8:
        return values.astype(np.float32) / np.float32(255)
    shares: NDArray[np.float32] = values.astype(np.float32)
    if not (np.all(shares >= -_BEYOND) and np.all(shares <= 1 + _BEYOND)):
        raise InputDataError(
            f"the fractions range from {np.min(shares):.4g} to {np.max(shares):.4g}, not 0 to 1",
            hint="give the share of each phase in each voxel: float 0 to 1, or uint8 0 to 255",
        )
    return shares


def _count_slab(
    shares: NDArray[np.float32], spacing: Spacing, margin: tuple[int, int, int]
) -> SoftCounts:
    z, y, x = (slice(reach, -reach) for reach in margin)
    pairs = list(combinations(range(len(shares)), 2))
    levels = [shares, *(_blurred(shares, _taps(spacing, blur)) for blur in _BLURS)]
    gradients = [_lengths(level, pairs, spacing, (z, y, x)) for level in levels]
    inside = np.clip(shares[:, z, y, x], 0, 1)
    mixed, third = [], []
    for a, b in pairs:
        both = inside[a] * inside[b]
        rest = np.maximum(np.float32(1) - inside[a] - inside[b], np.float32(0))
        mixed.append(_fixed(both))
        third.append(_fixed(both * rest))
    return SoftCounts(
        np.array(gradients, dtype=np.int64).reshape(3, -1),
        np.array(mixed, dtype=np.int64),
        np.array(third, dtype=np.int64),
    )


def _fixed(values: NDArray[np.float32]) -> int:
    """Sum in fixed point, so that no order of summation changes a bit."""
    return int(np.rint(values.astype(np.float64) * _UNITS).astype(np.int64).sum())


def _blurred(shares: NDArray[np.float32], taps: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    for axis, weights in enumerate(taps, start=1):
        shares = ndi.correlate1d(shares, weights, axis=axis, mode="nearest")
    return shares


def _lengths(
    shares: NDArray[np.float32], pairs: list[tuple[int, int]], spacing: Spacing, core: Window
) -> list[int]:
    """Sum the length of ``b grad a - a grad b`` over the core, for each pair."""
    smooth, slopes = [], []
    for share in shares:
        value, slope = _slopes(share, spacing)
        smooth.append(value[core])
        slopes.append([part[core] for part in slope])
    sums = []
    for a, b in pairs:
        squares = np.zeros(smooth[a].shape, dtype=np.float32)
        for along_a, along_b in zip(slopes[a], slopes[b], strict=True):
            part = smooth[b] * along_a - smooth[a] * along_b
            squares += part * part
        sums.append(_fixed(np.sqrt(squares)))
    return sums


def _slopes(
    share: NDArray[np.float32], spacing: Spacing
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """Return the fractions, and their gradient times the smallest voxel edge; both smooth."""

    def across(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        smooth: NDArray[np.float32] = ndi.correlate1d(values, _ACROSS, axis=axis, mode="nearest")
        return smooth

    over_y, over_x = across(share, 1), across(share, 2)
    over_yx = across(over_y, 2)
    flat = (over_yx, across(over_x, 0), across(over_y, 0))
    slopes = []
    for axis, (values, edge) in enumerate(zip(flat, spacing, strict=True)):
        step = 0.5 * min(spacing) / edge
        slopes.append(ndi.correlate1d(values, [-step, 0.0, step], axis=axis, mode="nearest"))
    return across(over_yx, 0), slopes
