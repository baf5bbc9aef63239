"""The drift of a stack that is larger than memory: pairs of slices are tasks, their sums add."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.slice_tasks import chunks_of, members_of, read_slice
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.fibsem.band_worth import BandScores, band_gains, band_scores, band_tiles
from ssbtomo.kernels.fibsem.drift import Drift, drift_of
from ssbtomo.kernels.fibsem.rings import RingSums, ring_sums, ring_weights
from ssbtomo.kernels.fibsem.slice_pair import Pair
from ssbtomo.kernels.fibsem.slice_shift import coarse_shift, correlation, refined_shift

__all__ = ["Aligning", "align_slices"]

_RUNS, _RUN = 12, 8  # runs that tell what bands are worth, and the pairs of each
_UNLIKE = 0.5  # share of the usual correlation below which two slices are unlike
_ROUNDS = 3  # of the template of a region

Floats = NDArray[np.float64]
Marked = Callable[[str], Markers | None]


@dataclass(frozen=True, slots=True)
class Aligning:
    """How the drift is found.

    Parameters
    ----------
    region : tuple of int or None
        First row, one after the last, first column, one after the last, in the first slice, of
        something that does not change from slice to slice: all are then aligned to its mean
        image, and errors do not add up.
    high_pass : float
        Standard deviation in pixels of the blur that is subtracted before; 0 for none.
    template : int
        Slices before and after whose median each slice is aligned to at the end; 0 for none.
    test : bool
        Leave a stack that is aligned already as it is.
    """

    region: tuple[int, int, int, int] | None = None
    high_pass: float = 0.0
    template: int = 0
    test: bool = True


@dataclass(frozen=True, slots=True)
class _Found:
    """What a task found of its pairs."""

    shifts: Floats
    sigmas: Floats
    correlations: Floats
    sums: RingSums


def align_slices(
    source: Source,
    good: NDArray[np.int64],
    aligning: Aligning,
    engine: Engine,
    *,
    marked: Marked = lambda name: None,
) -> Drift:
    """Find by how much the slices of a stack drifted.

    Neighbours are compared by plain cross-correlation, then by a correlation with the weights of
    Hannan and Thomson, which the coherence of all neighbours tells. Without a mark, bands of
    frequency in which the structure moves alike are then taken for what they are worth together.

    Parameters
    ----------
    source : Source
        The stack.
    good : ndarray of int
        Slices to be used, rising.
    aligning : Aligning
        How.
    engine : Engine
        Where the tasks run; each holds two slices and about 100 bytes per pixel of one.
    marked : callable, optional
        Gives the markers of a pass by its name.

    Returns
    -------
    Drift
        The places of the slices, the same bits for any engine. Slices that are unlike both
        their neighbours are left out, too.

    Raises
    ------
    InputDataError
        If fewer than two slices can be used, or the region is not in them.
    """
    if len(good) < 2:
        raise InputDataError(
            f"{len(good)} of {source.shape[0]} slices can be used, and alignment needs two",
            hint="look at the flagged slices; is this a FIB-SEM stack along z?",
        )
    find = _Finder(source, good, aligning, engine, marked)
    steps, alike = find.coarse("coarse")
    odd = _unlike(alike)
    if odd.any() and len(good) - odd.sum() >= 2:
        good = good[~odd]
        find = _Finder(source, good, aligning, engine, marked)
        steps, _ = find.coarse("coarse-again")
    if aligning.region is None:
        found, weights = find.neighbours(steps, None)
        if aligning.template:
            found = find.medians(found, weights)
    else:
        found = find.fiducial(steps)
    return drift_of(
        source.shape[0], good, found.shifts, found.sigmas, found.correlations, test=aligning.test
    )


@dataclass(frozen=True, slots=True)
class _Finder:
    source: Source
    good: NDArray[np.int64]
    aligning: Aligning
    engine: Engine
    marked: Marked

    def coarse(self, name: str) -> tuple[Floats, Floats]:
        task = partial(_coarse, source=self.source, good=self.good, high=self.aligning.high_pass)
        found = np.concatenate(self._run(task, len(self.good) - 1, name))
        return found[:, :2], found[:, 2]

    def neighbours(self, steps: Floats, window: _Window | None) -> tuple[_Found, Floats]:
        found = self._pairs(steps, None, window, "coherence")
        weights = ring_weights(found.sums)
        found = self._pairs(found.shifts, weights, window, "refined")
        weights = ring_weights(found.sums)
        if window is None:  # the structure moves by itself; a mark does not
            weights = weights * self.gains(found.shifts, weights)
        return self._pairs(found.shifts, weights, window, "refined-again"), weights

    def gains(self, steps: Floats, weights: Floats) -> Floats:
        """Return what bands are worth, from runs of pairs all over the stack."""
        last = max(len(steps) - _RUN, 0)
        chosen = np.unique(np.linspace(0, last, min(_RUNS, last // _RUN + 1)).astype(np.int64))
        task = partial(
            _worth, source=self.source, good=self.good, steps=steps, weights=weights,
            chosen=chosen, high=self.aligning.high_pass,
        )  # fmt: skip
        told = self._run(task, len(chosen), "worth")
        return band_gains(reduce(add, told))

    def _pairs(
        self, steps: Floats, weights: Floats | None, window: _Window | None, name: str
    ) -> _Found:
        task = partial(
            _pairs, source=self.source, good=self.good, steps=steps, weights=weights,
            window=window, high=self.aligning.high_pass,
        )  # fmt: skip
        return _joined(self._run(task, len(steps), name))

    def medians(self, found: _Found, weights: Floats) -> _Found:
        """Correct each place by what the median of its aligned neighbours says."""
        places = _places(found.shifts)
        task = partial(
            _to_median, source=self.source, good=self.good, places=places,
            weights=weights, reach=self.aligning.template,
            high=self.aligning.high_pass,
        )  # fmt: skip
        moved = places + np.concatenate(self._run(task, len(self.good), "median"))
        return _Found(np.diff(moved, axis=0), found.sigmas, found.correlations, found.sums)

    def fiducial(self, steps: Floats) -> _Found:
        """Align all slices to the mean image of the region."""
        window = _Window.of(self.aligning, _places(steps), self.source.shape)
        found, _ = self.neighbours(steps, window)
        places = _places(found.shifts)
        sigmas = np.zeros_like(places)
        weights = ring_weights(found.sums)
        for number in range(_ROUNDS):
            window = _Window.of(self.aligning, places, self.source.shape)
            common: dict[str, Any] = {"source": self.source, "good": self.good, "places": places,
                                      "window": window}  # fmt: skip
            task = partial(_summed, **common)
            template = sum(self._run(task, len(places), f"mean-{number}")) / len(places)
            against = partial(_to_template, template=template, weights=weights,
                              high=self.aligning.high_pass, **common)  # fmt: skip
            told = self._run(against, len(places), f"template-{number}")
            places, sigmas = (np.concatenate([pair[n] for pair in told]) for n in (0, 1))
            weights = ring_weights(_added([pair[2] for pair in told]))
        return _Found(np.diff(places, axis=0), sigmas[1:], found.correlations, found.sums)

    def _run(self, task: Callable[[int], Any], count: int, name: str) -> list[Any]:
        return list(self.engine.map(task, chunks_of(count), markers=self.marked(name)))


@dataclass(frozen=True, slots=True)
class _Window:
    """A part of the plane that follows the slices by whole pixels."""

    corners: NDArray[np.int64]
    shape: tuple[int, int]

    @classmethod
    def of(cls, aligning: Aligning, places: Floats, shape: tuple[int, ...]) -> _Window:
        assert aligning.region is not None
        top, bottom, left, right = aligning.region
        size = (bottom - top, right - left)
        if min(top, left) < 0 or min(size) < 16 or bottom > shape[1] or right > shape[2]:
            raise InputDataError(
                f"the region {list(aligning.region)} is not in slices of {shape[1]} x {shape[2]} "
                "pixels, or less than 16 pixels wide",
                hint="region: [first row, one after the last, first column, one after the last]",
            )
        corners = np.rint(places).astype(np.int64) + np.array([top, left])
        limit = np.array([shape[1] - size[0], shape[2] - size[1]])
        return cls(np.clip(corners, 0, limit), size)

    def cut(self, image: NDArray[Any], number: int) -> NDArray[Any]:
        y, x = (int(n) for n in self.corners[number])
        part: NDArray[Any] = image[y : y + self.shape[0], x : x + self.shape[1]]
        return part


def _places(steps: Floats) -> Floats:
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def _unlike(alike: Floats) -> NDArray[np.bool_]:
    """Tell which slices are unlike the ones before and after, where those are like others."""
    low = np.pad(alike < _UNLIKE * float(np.median(alike)), 1)
    both = low[:-1] & low[1:]
    both[0] = low[1] and not low[2] if len(alike) > 1 else False
    both[-1] = low[-2] and not low[-3] if len(alike) > 1 else False
    return np.asarray(both)


def _coarse(chunk: int, *, source: Source, good: NDArray[np.int64], high: float) -> Floats:
    members = members_of(chunk, len(good) - 1)
    first = read_slice(source, good[members.start])
    found = []
    for number in members:
        second = read_slice(source, good[number + 1])
        shift = coarse_shift(first, second, high_pass=high)
        found.append((*shift, correlation(first, second, shift)))
        first = second
    return np.array(found)


def _pairs(
    chunk: int,
    *,
    source: Source,
    good: NDArray[np.int64],
    steps: Floats,
    weights: Floats | None,
    window: _Window | None,
    high: float,
) -> _Found:
    """Refine the shifts of neighbours where there are weights, and sum their spectra."""
    members = members_of(chunk, len(steps))
    first = read_slice(source, good[members.start])
    shifts, sigmas, correlations, sums = [], [], [], []
    for number in members:
        second = read_slice(source, good[number + 1])
        a, b, moved = first, second, np.zeros(2)
        if window is not None:
            a, b = window.cut(first, number), window.cut(second, number + 1)
            moved = (window.corners[number + 1] - window.corners[number]).astype(float)
        shift, sigma = steps[number] - moved, np.full(2, np.inf)
        pair = Pair.of(a, b, shift)
        if weights is not None:
            shift, sigma = refined_shift(pair, weights, shift, high_pass=high)
        sums.append(ring_sums(pair, shift))
        correlations.append(correlation(a, b, shift))
        shifts.append(shift + moved)
        sigmas.append(sigma)
        first = second
    return _Found(np.array(shifts), np.array(sigmas), np.array(correlations), _added(sums))


def _worth(
    chunk: int,
    *,
    source: Source,
    good: NDArray[np.int64],
    steps: Floats,
    weights: Floats,
    chosen: NDArray[np.int64],
    high: float,
) -> BandScores:
    """Add up what the bands of some runs of pairs say."""
    found = []
    for begin in chosen[list(members_of(chunk, len(chosen)))].tolist():
        first, said = read_slice(source, good[begin]), []
        for number in range(begin, min(begin + _RUN, len(steps))):
            second = read_slice(source, good[number + 1])
            said.append(band_tiles(first, second, weights, steps[number], high_pass=high))
            first = second
        found.append(band_scores(reduce(add, said)))
    return reduce(add, found)


def _summed(
    chunk: int, *, source: Source, good: NDArray[np.int64], places: Floats, window: _Window
) -> Floats:
    """Add up the region of some slices, brought to the place of the first slice."""
    total = np.zeros(window.shape)
    for number in members_of(chunk, len(good)):
        image = window.cut(read_slice(source, good[number]), number)
        total += _moved(image, places[number] - _rest(window, number))
    return total


def _rest(window: _Window, number: int) -> Floats:
    """Return the whole pixels that the window moved, since the first slice."""
    return np.asarray(window.corners[number] - window.corners[0], np.float64)


def _to_template(
    chunk: int,
    *,
    source: Source,
    good: NDArray[np.int64],
    places: Floats,
    window: _Window,
    template: Floats,
    weights: Floats,
    high: float,
) -> tuple[Floats, Floats, RingSums]:
    shifts, sigmas, sums = [], [], []
    for number in members_of(chunk, len(good)):
        image = window.cut(read_slice(source, good[number]), number)
        rest = _rest(window, number)
        pair = Pair.of(template, image, places[number] - rest)
        shift, sigma = refined_shift(pair, weights, places[number] - rest, high_pass=high)
        sums.append(ring_sums(pair, shift))
        shifts.append(shift + rest)
        sigmas.append(sigma)
    return np.array(shifts), np.array(sigmas), _added(sums)


def _to_median(
    chunk: int,
    *,
    source: Source,
    good: NDArray[np.int64],
    places: Floats,
    weights: Floats,
    reach: int,
    high: float,
) -> Floats:
    found = []
    for number in members_of(chunk, len(good)):
        near = [n for n in range(number - reach, number + reach + 1)
                if n != number and 0 <= n < len(good)]  # fmt: skip
        template = np.median(
            [_moved(read_slice(source, good[n]), places[n] - places[number]) for n in near], axis=0
        )
        pair = Pair.of(template, read_slice(source, good[number]), np.zeros(2))
        found.append(refined_shift(pair, weights, np.zeros(2), high_pass=high)[0])
    return np.array(found)


def _moved(image: NDArray[Any], by: Floats) -> NDArray[np.float32]:
    """Bring content that lies `by` pixels too far back."""
    moved: NDArray[np.float32] = scipy.ndimage.shift(
        np.asarray(image, np.float32), -by, order=3, mode="nearest"
    )
    return moved


def _added(sums: list[RingSums]) -> RingSums:
    return reduce(add, sums)


def _joined(parts: list[_Found]) -> _Found:
    shifts, sigmas, correlations = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("shifts", "sigmas", "correlations")
    )
    return _Found(shifts, sigmas, correlations, _added([part.sums for part in parts]))
