"""Curtains: the stripes that the ion beam leaves along its way, added and multiplied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

__all__ = ["Cleaned", "class_levels", "remove_curtains", "stripe_strength"]

_ROUNDS = 3
_SMOOTH = 1.5  # pixels of blur before a pixel is given to a class
_SURE = (
    1.4,
    2.0,
)  # power of the profile over that across: where curtains are believed, and in full
_LONG = 4.0  # windows along a curtain: of what hardly changes along it, over that of the rest
_BROAD = 48.0  # pixels: what is wider across is shading, not a curtain
_STRIPS = 24

Grey = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A slice without its curtains.

    Parameters
    ----------
    image : ndarray of float32, shape (Y, X)
        The slice.
    levels : ndarray of float, shape (classes,)
        Median grey value of each class.
    before, after : float
        Stripe strength, in grey values; see `stripe_strength`.
    bend : tuple of float
        Pixels by which the curtains lean and bow, from the middle to the far end.
    rows : int
        Charged rows that were levelled.
    """

    image: Grey
    levels: NDArray[np.float64]
    before: float
    after: float
    bend: tuple[float, float]
    rows: int


def remove_curtains(
    image: NDArray[Any],
    levels: NDArray[np.float64],
    *,
    length: float = 0.0,
    strength: float = 1.0,
    rows: bool = True,
) -> Cleaned:
    """Take curtains along y away, and spare what is structure.

    Every pixel is given to a class of grey values. What a pixel is off its class is averaged
    along the curtain over a window that is far longer than the structure, apart from pixels at
    the border of a class. A curtain adds to all classes (redeposition, detector) and scales them
    (thickness of the damage): both parts are fitted. The same done across the curtains tells how
    much of such a profile is structure and noise; only what exceeds it is taken away, so that a
    clean slice stays as it is.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        A slice.
    levels : ndarray of float, shape (classes,)
        Grey value of each class, roughly.
    length : float
        Pixels (standard deviation) of the window along a curtain; a tenth of the slice if 0.
    strength : float
        Share of the found curtains that is taken away.
    rows : bool
        Level rows, too, that stand out as charged ones do.

    Returns
    -------
    Cleaned
        The slice. The peak beside it is about 60 bytes per pixel.
    """
    original = np.asarray(image, np.float32)
    window = length or max(len(original) / 10, 8.0)
    clean = original.copy()
    charged = 0
    if rows:
        charged = _level_rows(clean, levels)
    levels = class_levels(clean, levels)
    before = stripe_strength(clean, levels)
    bend = (0.0, 0.0)
    base = clean.copy()
    for number in range(_ROUNDS):
        off, held, scale = _residual(base, clean, levels)
        if number < 2:
            bend = _bending(off, held)
        curtain = _profile(off, held, scale, window, bend)
        clean = base - np.float32(strength) * curtain
        levels = class_levels(clean, levels)
    after = stripe_strength(clean, levels)
    return Cleaned(clean, levels, before, after, bend, charged)


def class_levels(image: NDArray[Any], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median grey value of each class of a slice.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        A slice.
    start : ndarray of float, shape (classes,)
        Levels of the stack; those of classes that the slice hardly has are kept.

    Returns
    -------
    ndarray of float, shape (classes,)
        Rising.
    """
    smooth = scipy.ndimage.gaussian_filter(np.asarray(image, np.float32), _SMOOTH)
    levels = np.sort(np.asarray(start, np.float64))
    for _ in range(_ROUNDS):
        classes = _classes(smooth, levels)
        pure = _inside(classes)
        new = levels.copy()
        for number in range(len(levels)):
            chosen = smooth[(classes == number) & pure]
            if chosen.size >= 0.005 * smooth.size:
                new[number] = np.median(chosen)
        levels = np.sort(new)
    return np.asarray(levels)


def stripe_strength(image: NDArray[Any], levels: NDArray[np.float64]) -> float:
    """Return how strong the curtains of a slice are.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        A slice.
    levels : ndarray of float, shape (classes,)
        Grey values of its classes.

    Returns
    -------
    float
        Root mean square of the column profile of what pixels are off their class, in eight
        bands of rows, less that of the row profile (structure and noise alike); grey values.
    """
    values = np.asarray(image, np.float32)
    off, held, _ = _residual(values, values, levels)
    along = _band_power(off, held)
    across = _band_power(off.T, held.T)
    return float(np.sqrt(max(along - across, 0.0)))


def _band_power(off: Grey, held: Grey) -> float:
    bands = np.array_split(np.arange(len(off)), min(8, len(off)))
    powers = []
    for rows in bands:
        weight = held[rows].sum(axis=0)
        profile = _sharp((off[rows] * held[rows]).sum(axis=0) / np.maximum(weight, 1))
        known = weight > 0.1 * len(rows)
        if known.any():
            powers.append(float(np.median(profile[known] ** 2)) / 0.455)
    return float(np.mean(powers)) if powers else 0.0


def _classes(smooth: Grey, levels: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.digitize(smooth, (levels[1:] + levels[:-1]) / 2)


def _inside(classes: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which pixels have only their own class around them."""
    small = classes.astype(np.uint8)
    return np.asarray(
        scipy.ndimage.maximum_filter(small, 5) == scipy.ndimage.minimum_filter(small, 5)
    )


def _residual(
    base: Grey, clean: Grey, levels: NDArray[np.float64], *, sure: bool = True
) -> tuple[Grey, Grey, Grey]:
    """Return what `base` is off its classes, which pixels count, and their class's level.

    The classes are those of the slice as cleaned so far. A level is relative to the mean one.
    """
    smooth = scipy.ndimage.gaussian_filter(clean, _SMOOTH)
    classes = _classes(smooth, levels)
    pure = _inside(classes)
    level = levels[classes].astype(np.float32)
    off = base - level
    if sure and pure.any():
        limit = 4 * 1.4826 * float(np.median(np.abs(off[pure])))
        pure &= np.abs(off) <= max(limit, 1e-6)
    held = pure.astype(np.float32)
    span = max(float(levels[-1] - levels[0]), 1e-6)
    return off, held, ((level - np.float32(levels.mean())) / np.float32(span)).astype(np.float32)


def _sharp(profile: NDArray[Any]) -> NDArray[Any]:
    """Leave what is narrower than shading, along the last axis."""
    broad = scipy.ndimage.gaussian_filter1d(profile, _BROAD, axis=-1, mode="nearest")
    return np.asarray(profile - broad)


def _profile(off: Grey, held: Grey, scale: Grey, window: float, bend: tuple[float, float]) -> Grey:
    """Return the curtains of a slice: those parts of the windowed profile that stand out."""
    shift = _curve(len(off), bend)
    if any(bend):
        off, held, scale = (_slid(part, shift) for part in (off, held, scale))
    curtain = np.zeros_like(off)
    for length in (_LONG * window, window):  # what is the same all along first: it is known best
        rest = off - curtain
        added, factor = _fitted(rest, held, scale, length)
        crossing, other = _fitted(rest.T, held.T, scale.T, length)
        size, step = len(off), _strip(len(off), length)
        curtain += _raised(_kept(added, crossing), size, step)
        curtain += _raised(_kept(factor, other), size, step) * scale
    return _slid(curtain, -shift) if any(bend) else curtain


def _fitted(off: Grey, held: Grey, scale: Grey, window: float) -> tuple[Grey, Grey]:
    """Fit offset and factor of every column in a sliding window of rows, per strip of rows."""
    step = _strip(len(off), window)
    starts = np.arange(0, len(off), step)

    def added_up(values: Grey) -> Grey:
        found: Grey = np.add.reduceat(values, starts, axis=0)
        return found

    def smooth(values: NDArray[Any], broad: float = 0.0) -> Grey:
        sigmas = (window / step, broad)
        found: Grey = scipy.ndimage.gaussian_filter(values, sigmas, mode="nearest")
        return found

    scaled = held * scale
    weight, first, second = added_up(held), added_up(scaled), added_up(scaled * scale)
    flat = held * off
    right, turned = added_up(flat), added_up(flat * scale)
    shade = smooth(right, _BROAD) / np.maximum(smooth(weight, _BROAD), 1e-3)
    right, turned = smooth(right - weight * shade), smooth(turned - first * shade)
    damp = np.float32(2.0 * step / window)  # as if some pixels more were seen, without a curtain
    a, b, c = smooth(weight) + damp, smooth(first), smooth(second) + damp
    whole = a * c - b * b
    return (right * c - turned * b) / whole, (turned * a - right * b) / whole


def _strip(size: int, window: float) -> int:
    return max(min(int(window / 3), size // 8), 1)


def _raised(strips: Grey, size: int, step: int) -> Grey:
    """Interpolate a profile per strip to one per row."""
    starts = np.arange(0, size, step)
    middles = (starts + np.minimum(starts + step, size) - 1) / 2
    place = np.clip(np.interp(np.arange(size), middles, np.arange(len(strips))), 0, None)
    low = np.minimum(place.astype(np.int64), len(strips) - 1)
    high = np.minimum(low + 1, len(strips) - 1)
    part = (place - low).astype(np.float32)[:, None]
    return np.asarray(strips[low] * (1 - part) + strips[high] * part, np.float32)


def _kept(profile: Grey, crossing: Grey) -> Grey:
    """Damp a profile where it is no stronger than the one across, which holds no curtains."""
    idle = float(np.median(crossing**2)) / 0.455  # variance of what is not curtain
    here = float(np.median(profile**2)) / 0.455
    if idle <= 0:
        return profile
    sure = float(np.clip((here / idle - _SURE[0]) / (_SURE[1] - _SURE[0]), 0, 1))
    power = scipy.ndimage.gaussian_filter(profile**2, (0.7, 1.5), mode="nearest")
    gain = sure * np.clip(1 - idle / np.maximum(power, 1e-12), 0, 1)
    kept = profile * gain
    return np.asarray(kept - kept.mean(axis=1, keepdims=True), np.float32)  # no class moves


def _curve(height: int, bend: tuple[float, float]) -> NDArray[np.float64]:
    place = np.linspace(-1, 1, height)
    return bend[0] * place + bend[1] * (place**2 - 1 / 3)


def _slid(image: Grey, shift: NDArray[np.float64]) -> Grey:
    """Move each row by -shift, with cubics through four pixels."""
    width = image.shape[1]
    low = np.floor(shift).astype(np.int64)
    t = (shift - low).astype(np.float32)[:, None]
    columns = np.arange(width)[None, :] + low[:, None]
    rows = np.arange(len(image))[:, None]
    weights = (
        0.5 * t * (t * (2 - t) - 1), 1 + 0.5 * t * t * (3 * t - 5),
        0.5 * t * (1 + t * (4 - 3 * t)), 0.5 * t * t * (t - 1),
    )  # fmt: skip
    out = np.zeros_like(image)
    for by, weight in enumerate(weights, -1):
        out += weight * image[rows, np.clip(columns + by, 0, width - 1)]
    return out


def _bending(off: Grey, held: Grey) -> tuple[float, float]:
    """Find how the curtains lean and bow: where the strips of a slice add up best."""
    strips = np.array_split(np.arange(len(off)), min(_STRIPS, len(off)))
    profiles = np.stack(
        [_sharp((off[rows] * held[rows]).sum(axis=0) / np.maximum(held[rows].sum(axis=0), 1.0))
         for rows in strips]
    )  # fmt: skip
    spectrum = np.fft.rfft(profiles, axis=1)
    power = (np.abs(spectrum) ** 2).sum()
    turn = 2j * np.pi * np.fft.rfftfreq(profiles.shape[1])[None, :]
    place = 2 * np.array([rows.mean() for rows in strips])[:, None] / max(len(off) - 1, 1) - 1

    def energy(lean: float, bow: float) -> float:
        moved = spectrum * np.exp(turn * (lean * place + bow * (place**2 - 1 / 3)))
        return float((np.abs(moved.sum(axis=0)) ** 2).sum() - power)

    best, top = (0.0, 0.0), energy(0.0, 0.0)
    straight = top
    for step, reach in ((2.0, 6), (1.0, 1), (0.5, 1), (0.25, 1)):
        middle = best
        for lean in np.arange(-reach, reach + 1) * step + middle[0]:
            for bow in np.arange(-reach, reach + 1) * step + middle[1]:
                found = energy(float(lean), float(bow))
                if found > top:
                    best, top = (float(lean), float(bow)), found
    return best if top > 1.05 * max(straight, 0.0) + 0.05 * power else (0.0, 0.0)


def _level_rows(image: Grey, levels: NDArray[np.float64]) -> int:
    """Level, in place, single rows that are off as a whole; return how many."""
    if len(image) < 9:
        return 0
    calm = scipy.ndimage.median_filter(image, (5, 1))
    off, held, _ = _residual(image, calm, levels, sure=False)
    weight = held.sum(axis=1)
    middle = np.array([np.median(row[used > 0]) if used.any() else 0.0
                       for row, used in zip(off, held, strict=True)])  # fmt: skip
    apart = middle - scipy.ndimage.median_filter(middle, 9, mode="nearest")
    spread = 1.4826 * float(np.median(np.abs(apart)))
    noise = float(np.median(np.abs(off[held > 0]))) if held.any() else 0.0
    charged = (np.abs(apart) > max(6 * spread, 0.3 * noise)) & (weight > 0.1 * image.shape[1])
    if charged.mean() > 0.1:
        return 0
    image[charged] -= apart[charged, None].astype(np.float32)
    return int(charged.sum())
