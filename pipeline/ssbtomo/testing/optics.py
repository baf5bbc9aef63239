"""From ideal grey values to what an instrument gives: blur, noise, rings, curtains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["CtOptics", "FibSemOptics"]

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CtOptics:
    """X-ray tomography: blurred by the optics, correlated noise, 16-bit values.

    Parameters
    ----------
    greys : mapping of str to float
        Grey value of each phase. The default sets lithium well apart from void, as phase
        contrast can; see `low_contrast` for absorption.
    blur : float
        Standard deviation of the point-spread function in voxels.
    noise : float
        Standard deviation of the noise in grey values, at the grey value of the electrolyte.
    shot : float
        Share of the noise variance that grows with the grey value; the rest is constant.
    correlation : float
        Standard deviation in voxels of the blur that the noise has from reconstruction.
    rings : float
        Standard deviation of ring artefacts in grey values.
    cupping : float
        Share by which the middle of a slice is darker than its edge.
    """

    modality: ClassVar[str] = "xct"

    greys: Mapping[str, float] = field(
        default_factory=lambda: {"void": 500, "lithium": 1500, "electrolyte": 2500, "active": 3600}
    )
    blur: float = 0.8
    noise: float = 130.0
    shot: float = 0.4
    correlation: float = 0.5
    rings: float = 0.0
    cupping: float = 0.0

    @classmethod
    def low_contrast(cls) -> CtOptics:
        """Return absorption contrast: lithium one noise level above void, as in reality."""
        return cls(greys={"void": 500, "lithium": 600, "electrolyte": 2500, "active": 3600})

    def render(self, grey: Grey, rng: np.random.Generator) -> NDArray[Any]:
        """Return the image of ideal grey values.

        Parameters
        ----------
        grey : ndarray of float32, shape (Z, Y, X)
            Grey values with partial volume; overwritten.
        rng : numpy.random.Generator
            Source of the noise.

        Returns
        -------
        ndarray of uint16, shape (Z, Y, X)
            The image.
        """
        from scipy import ndimage as ndi

        ndi.gaussian_filter(grey, self.blur, output=grey, mode="nearest", truncate=4.0)
        noise = _noise(grey.shape, self.noise, (self.correlation,) * 3, rng)
        noise *= _shot(grey, self.greys["electrolyte"], self.shot)
        grey += noise
        radius = _radius(grey.shape)
        if self.cupping:
            rim = float(radius.max())
            grey *= (1 - self.cupping * (1 - (radius / rim) ** 2)).astype(np.float32)
        if self.rings:
            bins = radius.astype(np.int64)
            for number in range(len(grey)):
                profile = self.rings * rng.standard_normal(int(bins.max()) + 1)
                grey[number] += profile.astype(np.float32)[bins]
        return _integers(grey, np.uint16)


@dataclass(frozen=True, slots=True)
class FibSemOptics:
    """Serial sectioning: sharp in the slice, white noise, flicker and curtains, 8-bit values.

    Parameters
    ----------
    greys : mapping of str to float
        Grey value of each phase.
    blur : float
        Standard deviation in voxels of the blur within a slice.
    noise : float
        Standard deviation of the noise in grey values, at the grey value of the electrolyte.
    shot : float
        Share of the noise variance that grows with the grey value.
    flicker : float
        Standard deviation of the brightness from slice to slice, in grey values.
    curtains : float
        Standard deviation of the stripes along y, in grey values.
    """

    modality: ClassVar[str] = "fib-sem"

    greys: Mapping[str, float] = field(
        default_factory=lambda: {"void": 35, "lithium": 65, "electrolyte": 105, "active": 190}
    )
    blur: float = 0.6
    noise: float = 9.0
    shot: float = 0.6
    flicker: float = 0.0
    curtains: float = 0.0

    def render(self, grey: Grey, rng: np.random.Generator) -> NDArray[Any]:
        """Return the image of ideal grey values.

        Parameters
        ----------
        grey : ndarray of float32, shape (Z, Y, X)
            Grey values with partial volume; overwritten.
        rng : numpy.random.Generator
            Source of the noise.

        Returns
        -------
        ndarray of uint8, shape (Z, Y, X)
            The image.
        """
        from scipy import ndimage as ndi

        ndi.gaussian_filter(grey, (0.0, self.blur, self.blur), output=grey, mode="nearest")
        noise = _noise(grey.shape, self.noise, (0.0, 0.0, 0.0), rng)
        noise *= _shot(grey, self.greys["electrolyte"], self.shot)
        grey += noise
        slices, _, width = grey.shape
        if self.flicker:
            grey += (self.flicker * rng.standard_normal((slices, 1, 1))).astype(np.float32)
        if self.curtains:
            stripes = _noise((slices, 1, width), self.curtains, (0.0, 0.0, 1.0), rng)
            grey += stripes * np.linspace(0.6, 1.4, grey.shape[1], dtype=np.float32)[:, None]
        return _integers(grey, np.uint8)


def _noise(
    shape: tuple[int, ...], size: float, sigma: tuple[float, float, float], rng: np.random.Generator
) -> Grey:
    """Return Gaussian noise of standard deviation `size`, blurred by `sigma` voxels."""
    from scipy import ndimage as ndi

    noise = rng.standard_normal(shape, np.float32)
    for axis, width in enumerate(sigma):
        if width:
            ndi.gaussian_filter1d(noise, width, axis, output=noise, mode="reflect")
            offsets = np.arange(-round(4 * width), round(4 * width) + 1)
            weights = [math.exp(-0.5 * (k / width) ** 2) for k in offsets.tolist()]
            size = size * sum(weights) / math.sqrt(sum(w * w for w in weights))
    noise *= np.float32(size)
    return noise


def _shot(grey: Grey, reference: float, share: float) -> Grey:
    """Return the factor by which noise grows with the signal."""
    relative = np.maximum(grey, np.float32(0)) / np.float32(reference)
    return np.sqrt(np.float32(1 - share) + np.float32(share) * relative, dtype=np.float32)


def _radius(shape: tuple[int, ...]) -> NDArray[np.float64]:
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape[1:])
    return np.asarray(np.sqrt(y[:, None] ** 2 + x[None, :] ** 2))


def _integers(grey: Grey, dtype: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    top = np.iinfo(dtype).max
    return np.clip(np.rint(grey, out=grey), 0, top, out=grey).astype(dtype)
