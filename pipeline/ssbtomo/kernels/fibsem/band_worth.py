"""What bands of spatial frequency are worth, where the structure moves by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
import scipy.optimize
from numpy.typing import NDArray

from ssbtomo.kernels.fibsem.rings import RINGS, rings_of
from ssbtomo.kernels.fibsem.slice_pair import Pair, faded_spectra, high_pass_of, overlap, turns

__all__ = ["BandScores", "BandTiles", "band_gains", "band_scores", "band_tiles"]

_PER_BAND = 2  # rings: a band is half an octave
_BANDS = RINGS // _PER_BAND
_TILES = 4  # along an axis

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BandTiles:
    """What bands say of shifts in each tile of the plane; those of consecutive pairs add.

    Parameters
    ----------
    answers : ndarray of float, shape (bands, 2, tiles)
        Scores of the bands along y and x: by how much a shift would make the slices more alike.
    slope : ndarray of float, shape (bands,)
        How much the scores of both axes answer to a shift, all tiles together.
    """

    answers: Floats
    slope: Floats

    def __add__(self, other: BandTiles) -> BandTiles:
        return BandTiles(self.answers + other.answers, self.slope + other.slope)


@dataclass(frozen=True, slots=True)
class BandScores:
    """How what bands say scatters over the plane; those of several runs of slices add.

    Parameters
    ----------
    scatter : ndarray of float, shape (bands, bands)
        Covariance of the bands' scores, from the tiles of a slice.
    slope : ndarray of float, shape (bands,)
        How much the scores answer to a shift.
    samples : int
        Tiles, less the means taken off.
    """

    scatter: Floats
    slope: Floats
    samples: int

    def __add__(self, other: BandScores) -> BandScores:
        return BandScores(
            self.scatter + other.scatter, self.slope + other.slope, self.samples + other.samples
        )


def band_tiles(
    first: NDArray[Any],
    second: NDArray[Any],
    weights: Floats,
    shift: Floats,
    *,
    high_pass: float = 0.0,
) -> BandTiles:
    """Tell what each band of frequency says of a shift, in each part of the plane.

    Parameters
    ----------
    first, second : ndarray, shape (Y, X)
        Slices.
    weights : ndarray of float, shape (RINGS,)
        With which rings are added up within a band.
    shift : ndarray of float, shape (2,)
        Of the pair.
    high_pass : float
        As of `ssbtomo.kernels.fibsem.slice_shift.coarse_shift`.

    Returns
    -------
    BandTiles
        Of this pair. The peak is about 120 bytes per pixel.
    """
    pair = Pair.of(first, second, shift)
    parts = overlap(first, second, pair.whole)
    one, two = faded_spectra(*parts)
    turn = turns(pair, 0.5 * (shift - pair.whole))
    rings = rings_of(pair)
    amplitude = np.sqrt(weights[rings] * high_pass_of(pair, high_pass))
    fields = (one * turn * amplitude, two * np.conj(turn) * amplitude)
    bands = rings // _PER_BAND
    # a wave longer than a tile has no scatter over tiles that could be seen
    short = 2.0 ** (-0.5 - (_BANDS - np.arange(_BANDS)) / 2) * min(parts[0].shape) >= _TILES * 0.99
    used = np.flatnonzero((np.bincount(bands.ravel(), amplitude.ravel(), _BANDS) > 0) & short)
    answers = np.zeros((_BANDS, 2, _TILES**2))
    slope = np.zeros(_BANDS)
    along = [np.broadcast_to(2 * np.pi * k, bands.shape) for k in (pair.rows, pair.columns)]
    for band in used.tolist():
        low = _Low.of(parts[0].shape, 0.5 ** ((_BANDS - band) / 2))
        inside = low.cut(bands) == band
        within = [np.where(inside, low.cut(field), 0) for field in fields]
        p, q = (low.image(field) for field in within)
        for axis in (0, 1):
            k = low.cut(along[axis])
            p_slope, q_slope = (low.image(1j * k * field) for field in within)
            # against each other: what is the same in both cancels at the rims of tiles, too
            answers[band, axis] = _tile_sums(p * q_slope - p_slope * q) * low.share
            slope[band] += 2 * float((p_slope * q_slope).sum()) * low.share
    return BandTiles(answers, slope)


def band_scores(tiles: BandTiles) -> BandScores:
    """Tell by how much the answer of each band scatters over the plane, and with which others.

    The drift is common to a slice; what moves apart in its tiles is the structure (and noise). An
    edge that moves tells all high frequencies the same, so that a band's own scatter says too
    little of what it adds to others.

    Parameters
    ----------
    tiles : BandTiles
        Of a run of consecutive pairs, added up. Places are sums of steps, and what errs in one step
        and goes back in the next, as the noise of a slice does, errs in none: the longer the run,
        the more its scatter is that of places.

    Returns
    -------
    BandScores
        Of this run.
    """
    away = tiles.answers - tiles.answers.mean(axis=2, keepdims=True)
    scatter = np.einsum("aij,bij->ab", away, away) * (_TILES**2 / (_TILES**2 - 1))
    return BandScores(scatter, tiles.slope, 2 * (_TILES**2 - 1))


def band_gains(scores: BandScores) -> Floats:
    """Return the factors to weights with which the shift of a slice is known best.

    The best linear unbiased combination of the bands that takes none of them negatively.

    Parameters
    ----------
    scores : BandScores
        Of as many runs as there are.

    Returns
    -------
    ndarray of float, shape (RINGS,)
        To multiply weights with.
    """
    told = (scores.slope > 0) & (np.diag(scores.scatter) > 0)
    gains = np.zeros(_BANDS)
    if not told.any():
        return np.ones(RINGS)
    size = np.sqrt(np.diag(scores.scatter)[told])
    alike = scores.scatter[np.ix_(told, told)] / np.outer(size, size)
    # few samples make any bands alike by chance
    chance = min(1.0, len(size) / max(scores.samples, 1))
    alike = (1 - chance) * alike + chance * np.eye(len(size))
    root = np.linalg.cholesky(alike)
    found, _ = scipy.optimize.nnls(root.T, np.linalg.solve(root, scores.slope[told] / size))
    gains[told] = found / size
    return np.repeat(gains, _PER_BAND) if gains.any() else np.ones(RINGS)


@dataclass(frozen=True, slots=True)
class _Low:
    """The low frequencies of a spectrum, whose images need fewer pixels."""

    rows: int
    columns: int
    full: tuple[int, int]
    size: tuple[int, int]

    @classmethod
    def of(cls, shape: tuple[int, ...], reach: float) -> _Low:
        """Keep what lies below `reach` cycles per pixel along either axis."""
        counts = [min(int(reach * n) + 1, (n - 1) // 2) for n in shape]
        # products of two images hold twice their frequencies: thrice leaves the lower half right
        size = [
            min(int(scipy.fft.next_fast_len(3 * c + 1)), n)
            for c, n in zip(counts, shape, strict=True)
        ]
        return cls(counts[0], counts[1], (shape[0], shape[1]), (size[0], size[1]))

    @property
    def share(self) -> float:
        """The pixels of an image over those of the slice."""
        return self.size[0] * self.size[1] / (self.full[0] * self.full[1])

    def cut(self, spectrum: NDArray[Any]) -> NDArray[Any]:
        rest = spectrum[self.full[0] - self.rows :, : self.columns + 1]
        return np.concatenate([spectrum[: self.rows + 1, : self.columns + 1], rest])

    def image(self, cut: NDArray[Any]) -> Floats:
        spectrum = np.zeros((self.size[0], self.size[1] // 2 + 1), np.complex128)
        spectrum[: self.rows + 1, : self.columns + 1] = cut[: self.rows + 1]
        spectrum[self.size[0] - self.rows :, : self.columns + 1] = cut[self.rows + 1 :]
        return np.asarray(scipy.fft.irfft2(spectrum, s=self.size))


def _tile_sums(field: Floats) -> Floats:
    rows, columns = (np.arange(_TILES) * size // _TILES for size in field.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(field, rows, 0), columns, 1)).ravel()
