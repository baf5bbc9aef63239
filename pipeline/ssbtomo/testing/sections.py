"""FIB-SEM stacks with known faults: drift, noise, curtains, blanked and charged slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["SectionFaults", "Sections", "evolving_phases", "section_slices"]


@dataclass(frozen=True, slots=True)
class SectionFaults:
    """What goes wrong while a block is sliced and imaged.

    Parameters
    ----------
    drift : float
        Standard deviation in pixels of the drift from slice to slice, a random walk in y and x.
    reach : float
        Pixels beyond which the walk is held.
    noise : float
        Standard deviation of the white noise in grey values.
    curtains : float
        Standard deviation of the curtains that are added, in grey values. Each slice has its own.
    scaled : float
        Standard deviation of the curtains that multiply, as a share.
    lean, bow : float
        Pixels by which curtains lean and bow between the middle and the far end of a slice.
    fading : float
        Share by which curtains grow (or fade, if negative) from the middle to the far end.
    flicker : float
        Standard deviation of the brightness from slice to slice, in grey values.
    blank : tuple of int
        Slices without an image.
    charged : tuple of int
        Slices that charging has spoiled: bright, with bands.
    """

    drift: float = 0.8
    reach: float = 40.0
    noise: float = 12.0
    curtains: float = 0.0
    scaled: float = 0.0
    lean: float = 0.0
    bow: float = 0.0
    fading: float = 0.0
    flicker: float = 0.0
    blank: tuple[int, ...] = ()
    charged: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sections:
    """A stack with faults, and what they are.

    Parameters
    ----------
    image : ndarray of uint8, shape (Z, Y, X)
        The slices as recorded.
    drift : ndarray of float, shape (Z, 2)
        Pixels (y, x) by which the content of each slice lies further than that of the first.
    still : ndarray of float32, shape (Z, Y, X)
        The same slices with the same noise, without curtains, flicker and spoiled slices.
    """

    image: NDArray[np.uint8]
    drift: NDArray[np.float64]
    still: NDArray[np.float32]


def evolving_phases(
    shape: tuple[int, int, int],
    *,
    scale: tuple[float, float, float] = (4.0, 6.0, 6.0),
    fractions: tuple[float, ...] = (0.27, 0.33, 0.40),
    seed: int = 0,
) -> NDArray[np.uint8]:
    """Make phases that change from slice to slice, by cutting a blurred noise at its quantiles.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    scale : tuple of float
        Standard deviation of the blur along (Z, Y, X), in voxels.
    fractions : tuple of float
        Volume fractions, darkest phase first.
    seed : int
        Of the noise.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        Labels from 0.
    """
    from scipy import ndimage as ndi

    rng = np.random.default_rng(seed)
    field = ndi.gaussian_filter(rng.standard_normal(shape, np.float32), scale, mode="wrap")
    cuts = np.quantile(field, np.cumsum(fractions)[:-1])
    labels: NDArray[np.uint8] = np.digitize(field, cuts).astype(np.uint8)
    return labels


def section_slices(
    grey: NDArray[Any], faults: SectionFaults | None = None, *, margin: int = 0, seed: int = 0
) -> Sections:
    """Image the slices of a block as a FIB-SEM with faults does.

    Parameters
    ----------
    grey : ndarray, shape (Z, Y + 2 margin, X + 2 margin)
        Ideal grey values of the slices; the margin is what drift brings into view.
    faults : SectionFaults, optional
        What goes wrong; drift and noise if absent.
    margin : int
        Pixels around the field of view.
    seed : int
        Of everything random.

    Returns
    -------
    Sections
        The stack and its truth.

    Raises
    ------
    InputDataError
        If the drift reaches beyond the margin.
    """
    from scipy import ndimage as ndi

    faults = SectionFaults() if faults is None else faults
    rng = np.random.default_rng(seed)
    slices = len(grey)
    reach = min(faults.reach, float(margin)) if faults.drift else 0.0
    if faults.drift and margin < 1:
        raise InputDataError(
            "slices that drift need a margin of some pixels around the field of view",
            hint="give the grey values of a wider field, and margin=40",
        )
    walk = np.cumsum(rng.normal(0.0, 1.0, (slices, 2)) * faults.drift, axis=0)
    walk = np.clip(walk - walk[0], -reach, reach)
    view = slice(margin, -margin) if margin else slice(None)
    still = np.stack(
        [ndi.shift(np.asarray(one, np.float32), by, order=3, mode="nearest")[view, view]
         if by.any() else np.asarray(one, np.float32)[view, view]
         for one, by in zip(grey, walk, strict=True)]
    )  # fmt: skip
    still += rng.normal(0.0, faults.noise, still.shape).astype(np.float32)
    image = still.copy()
    for one in image:
        _spoil(one, faults, rng)
    for index in faults.blank:
        image[index] = 3.0 + rng.normal(0.0, 1.0, image[index].shape)
    for index in faults.charged:
        bands = ndi.gaussian_filter1d(rng.standard_normal(image.shape[1]), 2.0)
        image[index] += 70.0 + 60.0 * (bands / bands.std())[:, None].astype(np.float32)
    return Sections(np.clip(np.rint(image), 0, 255).astype(np.uint8), walk, still)


def _spoil(image: NDArray[np.float32], faults: SectionFaults, rng: np.random.Generator) -> None:
    """Add curtains and flicker, in place."""
    from scipy import ndimage as ndi

    height, width = image.shape
    place = np.linspace(-1, 1, height)
    way = faults.lean * place + faults.bow * (place**2 - 1 / 3)
    far = int(np.abs(way).max()) + 2
    columns = np.arange(width)[None, :] + far + way[:, None]
    growth = (1 + faults.fading * place)[:, None]

    def stripes(size: float) -> NDArray[np.float32]:
        profile = ndi.gaussian_filter1d(rng.standard_normal(width + 2 * far), 1.0)
        profile = (profile - profile.mean()) * (size / profile.std())
        drawn = np.interp(columns.ravel(), np.arange(len(profile)), profile).reshape(columns.shape)
        return np.asarray(drawn * growth, np.float32)

    if faults.scaled:
        image *= 1 + stripes(faults.scaled)
    if faults.curtains:
        image += stripes(faults.curtains)
    if faults.flicker:
        image += np.float32(rng.normal(0.0, faults.flicker))
