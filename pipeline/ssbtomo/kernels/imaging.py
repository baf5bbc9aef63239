"""What an instrument made of the phases: their grey values, blur and noise, told by residuals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.counter_noise import correlated_noise
from ssbtomo.kernels.filters import gaussian, gaussian_halo, gaussian_weights

__all__ = [
    "Imaging",
    "ResidualCounts",
    "count_residuals",
    "imaged",
    "imaging_from",
    "neighbours_alike",
]

Floats = NDArray[np.float64]
Window = tuple[slice, slice, slice]
Sigma = tuple[float, float, float]

_STEPS = 512  # per smallest contrast: residuals are counted as whole numbers, so that they add
_DEEP = 0.005  # of the smallest contrast: how far the blurred labels are from their phase
_FEWEST = 400  # deep voxels, below which a phase tells nothing of its own
_LONGEST = 3.0  # voxels: noise that is alike over longer distances is not modelled


@dataclass(frozen=True, slots=True)
class Imaging:
    """How labels become grey values.

    Parameters
    ----------
    means : ndarray of float64, shape (n,)
        Grey value of each phase, rising.
    blur : tuple of float
        Standard deviation of the point-spread function in voxels along (Z, Y, X).
    sds : ndarray of float64, shape (n,)
        Standard deviation of the noise in each phase.
    correlation : tuple of float
        Standard deviation of the smoothing that the noise has, in voxels along (Z, Y, X).
    """

    means: Floats
    blur: Sigma
    sds: Floats
    correlation: Sigma

    @property
    def halo(self) -> tuple[int, int, int]:
        """Voxels of labels that a grey value depends on."""
        return gaussian_halo(self.blur)


@dataclass(frozen=True, slots=True)
class ResidualCounts:
    """Sums over voxels that are deep in a phase, of what the image has and the model has not.

    Parameters
    ----------
    voxels, sums, squares : ndarray of int64, shape (n,)
        Of each phase; residuals in 512ths of the smallest contrast.
    pairs, products, pair_squares : ndarray of int64, shape (3,)
        Of neighbours along (Z, Y, X), both deep in one phase; squares of the first.
    """

    voxels: NDArray[np.int64]
    sums: NDArray[np.int64]
    squares: NDArray[np.int64]
    pairs: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    products: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))
    pair_squares: NDArray[np.int64] = field(default_factory=lambda: np.zeros(3, np.int64))

    def __add__(self, other: ResidualCounts) -> ResidualCounts:
        return ResidualCounts(
            self.voxels + other.voxels, self.sums + other.sums, self.squares + other.squares,
            self.pairs + other.pairs, self.products + other.products,
            self.pair_squares + other.pair_squares,
        )  # fmt: skip


def count_residuals(
    image: NDArray[Any],
    labels: NDArray[np.uint8],
    means: Floats,
    blur: Sigma,
    *,
    inner: Window | None = None,
) -> ResidualCounts:
    """Compare an image with its blurred labels, where these are flat.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values.
    labels : ndarray of uint8, shape (Z, Y, X)
        Phases; 255 for none.
    means : ndarray of float64
        Grey value of each phase.
    blur : tuple of float
        Standard deviation of the blur in voxels along (Z, Y, X).
    inner : tuple of slice, optional
        The owned voxels; the rest is a halo of `gaussian_halo` and a voxel more.

    Returns
    -------
    ResidualCounts
        Integers that add over blocks. 14 bytes per voxel.
    """
    table = np.zeros(256, np.float32)
    table[: means.size] = means
    model = gaussian(table[labels], blur)
    contrast = _contrast(means)
    owned = inner or tuple(slice(0, size) for size in labels.shape)
    bounds = np.array([[part.start, part.stop] for part in owned], np.int64)
    counts = np.zeros((3, means.size), np.int64), np.zeros((3, 3), np.int64)
    values = np.ascontiguousarray(image, np.float32)
    _count((values, labels, model), table, (contrast, _DEEP, _STEPS), bounds, counts)
    return ResidualCounts(*counts[0], *counts[1])


def imaging_from(counts: ResidualCounts, means: Floats, blur: Sigma) -> Imaging:
    """Read grey values and noise off the residuals.

    Parameters
    ----------
    counts : ResidualCounts
        Of the whole volume.
    means : ndarray of float64
        Grey values that they were counted with.
    blur : tuple of float
        Standard deviation of the blur in voxels along (Z, Y, X).

    Returns
    -------
    Imaging
        A phase with fewer than 400 deep voxels keeps its grey value, and has the noise of all.
    """
    step = _contrast(means) / _STEPS
    enough = counts.voxels >= _FEWEST
    share = np.maximum(counts.voxels, 1)
    offsets = np.where(enough, counts.sums / share, 0.0)
    variances = np.maximum(counts.squares / share - (counts.sums / share) ** 2, 0.0)
    known = int(counts.voxels[enough].sum())
    pooled = float((variances * counts.voxels)[enough].sum()) / known if known else 0.0
    sds = np.sqrt(np.where(enough, variances, pooled)) * step
    shown = means + offsets * step
    if (np.argsort(shown) != np.argsort(means)).any():
        shown = means
    return Imaging(shown, blur, sds, _correlation(counts))


def _contrast(means: Floats) -> float:
    """Return the smallest distance between two different grey values."""
    gaps = np.diff(np.unique(means))
    return float(gaps.min()) if gaps.size else 1.0


def _correlation(counts: ResidualCounts) -> Sigma:
    """Return the smoothing that makes neighbours as alike as they are."""
    widths = np.arange(0.2, _LONGEST, 0.01)
    likeness = [neighbours_alike(width) for width in widths]
    found = []
    for products, squares in zip(counts.products, counts.pair_squares, strict=True):
        alike = float(products) / float(squares) if squares > 0 else 0.0
        found.append(float(np.interp(alike, likeness, widths)) if alike > likeness[0] else 0.0)
    z, y, x = found
    return z, y, x


def neighbours_alike(sigma: float) -> float:
    """Return how correlated neighbours in smoothed white noise are.

    Parameters
    ----------
    sigma : float
        Standard deviation in voxels of the Gaussian, as its taps have it.

    Returns
    -------
    float
        About exp(-1 / (4 sigma²)); less below a voxel, where taps are few.
    """
    taps = gaussian_weights(sigma).astype(np.float64)
    return float(taps[1:] @ taps[:-1] / (taps @ taps))


def imaged(
    labels: NDArray[np.uint8], model: Imaging, first: tuple[int, int, int], seed: int, inner: Window
) -> NDArray[np.float32]:
    """Make the image that an instrument would make of labels.

    Parameters
    ----------
    labels : ndarray of uint8, shape (Z, Y, X)
        Phases of a box with a halo of `Imaging.halo`, cut only at the ends of the volume.
    model : Imaging
        The instrument.
    first : tuple of int
        Voxel of the volume that is the first of `inner`.
    seed : int
        Of the noise.
    inner : tuple of slice
        The voxels that are wanted.

    Returns
    -------
    ndarray of float32
        Grey values; decided by seed and place alone. 20 bytes per voxel.
    """
    means = model.means.astype(np.float32)
    clean = np.ascontiguousarray(gaussian(means[labels], model.blur)[inner])
    z, y, x = clean.shape
    noise = correlated_noise(first, (z, y, x), seed, model.correlation)
    noise *= np.interp(clean, model.means, model.sds).astype(np.float32)
    clean += noise
    return clean


@njit(nogil=True, cache=True)
def _count(images, table, rules, bounds, sums):  # type: ignore[no-untyped-def]
    image, labels, model = images
    totals, pairs = sums
    contrast, deep, steps = rules
    reach, scale = np.float32(deep * contrast), steps / contrast
    size = labels.shape
    ends = (size[0], size[1], size[2])
    for z in range(bounds[0, 0], bounds[0, 1]):
        for y in range(bounds[1, 0], bounds[1, 1]):
            for x in range(bounds[2, 0], bounds[2, 1]):
                label = labels[z, y, x]
                if label >= totals.shape[1] or abs(model[z, y, x] - table[label]) > reach:
                    continue
                here = np.int64(np.rint((image[z, y, x] - table[label]) * scale))
                totals[0, label] += 1
                totals[1, label] += here
                totals[2, label] += here * here
                for axis in range(3):
                    c, b, a = z + (axis == 0), y + (axis == 1), x + (axis == 2)
                    if c >= ends[0] or b >= ends[1] or a >= ends[2]:
                        continue
                    if labels[c, b, a] != label or abs(model[c, b, a] - table[label]) > reach:
                        continue
                    there = np.int64(np.rint((image[c, b, a] - table[label]) * scale))
                    pairs[0, axis] += 1
                    pairs[1, axis] += here * there
                    pairs[2, axis] += here * here
