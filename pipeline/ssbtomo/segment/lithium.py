"""Lithium or void: told apart where the data can, one class with bounds where they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Markers, Sink, Source
from ssbtomo.blocks.components import Wanted, find_components
from ssbtomo.blocks.histogram import grey_summary
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.histogram import Histogram
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.evidence import Channel, Look, Volume
from ssbtomo.segment.inputs import check_source
from ssbtomo.segment.low_absorbing import Study, study
from ssbtomo.segment.modes import flat_modes
from ssbtomo.segment.segmentation import Segmentation
from ssbtomo.segment.volumes import Method, Segmenter, Shift
from ssbtomo.units import Spacing, check_spacing

__all__ = ["Ask", "Face", "LowAbsorbing", "split_tables"]

State = Literal["clear", "split", "merged"]
Face = tuple[int, int]

_CLEAR = 6.0  # d' of single voxels at which the histogram alone parts two phases


@dataclass(frozen=True, slots=True)
class Ask:
    """What may tell lithium from void.

    Parameters
    ----------
    split : {"auto", "never"}
        Whether they may be told apart at all.
    limit : float
        The d' of single voxels below which grey values do not split the class.
    intensity : bool
        Whether grey values may split it.
    evidence : tuple of Channel
        Registered maps, a reference scan, the fringe.
    electrode : tuple of int, optional
        Axis and side (0, 1) of the face that is lithium metal.
    prior : float
        Log odds for lithium where the class is joined to that face, against it where enclosed.
    """

    split: Literal["auto", "never"] = "auto"
    limit: float = 1.5
    intensity: bool = True
    evidence: tuple[Channel, ...] = ()
    electrode: Face | None = None
    prior: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class LowAbsorbing:
    """A volume whose lithium and void were asked about; labels for any shift follow.

    Parameters
    ----------
    segmenter : Segmenter
        Of all phases if `state` is ``"clear"``, else of the phases with the two as one.
    state : {"clear", "split", "merged"}
        Whether the grey values alone part the two; a posterior does; or nothing can.
    study : Study
        What the channels show.
    places : tuple of int
        Label of void and of lithium among all phases.
    ask : Ask
        What was asked.
    joined : Source or None
        Where the class is joined to the electrode, for the prior.
    """

    segmenter: Segmenter
    state: State
    study: Study
    places: tuple[int, int]
    ask: Ask
    joined: Source | None = None

    @classmethod
    def prepare(  # noqa: PLR0913 - the parameters of the recipe's section
        cls,
        image: Any,
        spacing: Spacing,
        phases: int,
        places: tuple[int, int],
        ask: Ask,
        *,
        bench: Bench,
        method: Method = "multi-otsu",
        thresholds: Sequence[float] | None = None,
        histogram: Histogram | None = None,
        **options: Any,
    ) -> LowAbsorbing:
        """Segment with the two as one, and study what tells them apart.

        Parameters
        ----------
        image : Source
            Grey values, (Z, Y, X).
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.
        phases : int
            Number of phases, with both.
        places : tuple of int
            Label of void and of lithium: neighbours.
        ask : Ask
            What may tell them apart.
        bench : Bench
            Where the blocks are worked on; its stores are ``merged``, ``joined`` (uint8) and
            those of `Segmenter.prepare`.
        method, thresholds, histogram : object
            As for `Segmenter.prepare`.
        **options : object
            Of `Segmenter.prepare`: ``repair``, ``smallest_object``, ``cancelled``.

        Returns
        -------
        LowAbsorbing
            The same for any cut.

        Raises
        ------
        InputDataError
            If there are no other phases, the two are no neighbours, or evidence has another shape.
        """
        _check(phases, places, ask, image)
        spacing = check_spacing(spacing)
        counts = histogram or grey_summary(image, bench.grid, bench.engine).check()
        first = min(places)
        cuts = _cuts(image, spacing, phases, (counts, thresholds), bench)
        merged = None if cuts is None else cuts[:first] + cuts[first + 1 :]
        options |= {"histogram": counts, "bench": bench}
        few = _segmenter(image, spacing, phases - 1, (method, merged), options)
        labels = bench.allocate("merged", np.dtype(np.uint8))
        few.labels(sink=labels)
        look: Look = "bright" if places[1] > places[0] else "dark"
        found = study(
            Volume(check_source(image), labels, first, spacing),
            [Channel("grey", look), *ask.evidence], bench, limit=ask.limit,
        )  # fmt: skip
        if not ask.intensity:
            found = replace(
                found, judged=(replace(found.judged[0], counts=False), *found.judged[1:])
            )
        state = _state(found, ask, several=cuts is not None)
        if state == "clear":
            every = _segmenter(image, spacing, phases, (method, cuts), options)
            return cls(every, state, found, places, ask)
        joined = _joined(labels, first, ask, bench) if state == "split" else None
        return cls(few, state, found, places, ask, joined)

    @property
    def warning(self) -> str:
        """What a reader of the numbers must know; empty if the two are clearly apart."""
        value, limit = self.study.dprime, self.ask.limit
        if self.state == "clear":
            return ""
        if self.state == "split":
            by = ", ".join(f"{i.channel.kind} (d' {i.dprime:.2g})" for i in self.study.used)
            return f"lithium and void were told apart by {by}; grey values alone: d' = {value:.2g}"
        why = (
            "they were not to be split" if self.ask.split == "never"
            else f"below the limit of {limit:g}" if value < limit
            else "grey values were not to be used"
        )  # fmt: skip
        return (
            f"lithium and void cannot be told apart (d' = {value:.2g}, {why}): they are one class, "
            "and numbers of either are bounds"
        )

    def segment(
        self,
        *,
        sink: Sink,
        markers: Markers | None = None,
        chance: Sink | None = None,
    ) -> Segmentation:
        """Label the volume and say what the labels rest on.

        Parameters
        ----------
        sink : Sink
            Filled with labels: of all phases, or with the two as one if `state` is ``"merged"``.
        markers : Markers, optional
            Where finished blocks are marked.
        chance : Sink, optional
            If `state` is ``"split"``, filled with the probability of lithium times 255 (uint8).

        Returns
        -------
        Segmentation
            Thresholds are those between the classes of grey value that were used.
        """
        warnings = (self.warning,) if self.warning else ()
        if self.state != "split":
            found = self.segmenter.segment(sink=sink, markers=markers)
        else:
            scratch = self.segmenter.bench.allocate("merged-again", np.dtype(np.uint8))
            found = self.segmenter.segment(sink=scratch)
            self._split(self._merged(None), sink, markers, chance=chance)
        return replace(found, labels=sink, warnings=(*found.warnings, *warnings))

    def labels(
        self,
        shift: Shift | None = None,
        *,
        lean: int = 0,
        sink: Sink,
        markers: Markers | None = None,
    ) -> None:
        """Label the volume with a shifted threshold, or with uncertain voxels given to one side.

        Parameters
        ----------
        shift : tuple of (int, float), optional
            As for `Segmenter.places`.
        lean : {-1, 0, 1}
            1 makes all that is uncertain lithium, -1 void; only where they were split.
        sink : Sink
            Filled with labels.
        markers : Markers, optional
            Where finished blocks are marked.
        """
        if self.state != "split":
            self.segmenter.labels(shift, sink=sink, markers=markers)
            return
        self._split(self._merged(shift), sink, markers, lean=lean)

    def _merged(self, shift: Shift | None) -> tuple[Sink, Sink]:
        """Label with the two as one: its surface half-way from void, and half-way from lithium."""
        first, means = min(self.places), self.segmenter.means
        grey, gap = self.study.judged[0], means[first + 1] - means[first]
        sides = grey.classes.dark, grey.classes.bright
        found = []
        for name, bright in (("void", not grey.bright), ("lithium", grey.bright)):
            offsets = np.zeros(means.size - 1)
            if grey.counts:
                offsets[first] = np.clip((sides[bright] - means[first]) / (2 * gap), -0.25, 0.25)
            moved = replace(self.segmenter, offsets=tuple(offsets.tolist()))
            sink = self.segmenter.bench.allocate(f"merged-{name}", np.dtype(np.uint8))
            moved.labels(shift, sink=sink)
            found.append(sink)
        return found[0], found[1]

    def _split(
        self,
        merged: tuple[Sink, Sink],
        sink: Sink,
        markers: Markers | None,
        *,
        lean: int = 0,
        chance: Sink | None = None,
    ) -> None:
        prior = None if self.joined is None else (self.joined, self.ask.prior)
        self.study.split(
            split_tables(self.places), sink, self.segmenter.bench, merged=merged, joined=prior,
            lean=lean * (self.study.band + 1e-6), chance=chance, markers=markers,
        )  # fmt: skip


def split_tables(places: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return what becomes of each merged label where it is void, and where it is lithium.

    Parameters
    ----------
    places : tuple of int
        Label of void and of lithium among all phases.

    Returns
    -------
    tuple of ndarray of uint8, shape (256,)
        255 stays.
    """
    first = min(places)
    table = np.arange(256)
    table[first + 1 : 255] += 1
    void, lithium = table.astype(np.uint8), table.astype(np.uint8)
    void[first], lithium[first] = places
    return void, lithium


def _check(phases: int, places: tuple[int, int], ask: Ask, image: Source) -> None:
    if phases < 3 or abs(places[0] - places[1]) != 1:
        raise InputDataError(
            "lithium and void can be asked about only beside other phases, and next to each other",
            hint="name void, lithium and at least one more phase, from dark to bright",
        )
    for channel in ask.evidence:
        shape = None if channel.source is None else tuple(channel.source.shape)
        if shape is not None and shape != tuple(image.shape):
            raise InputDataError(
                f"the {channel.kind} has the shape {shape}, the scan {tuple(image.shape)}",
                hint="register and resample it to the scan's voxels first",
            )


def _cuts(
    image: Source,
    spacing: Spacing,
    phases: int,
    known: tuple[Histogram, Sequence[float] | None],
    bench: Bench,
) -> list[float] | None:
    """Return the thresholds that are given, or lie half-way between as many peaks as phases."""
    counts, given = known
    if given is not None:
        return list(given)
    peaks = flat_modes(image, counts, spacing, bench)
    middles: list[float] = ((peaks[1:] + peaks[:-1]) / 2).tolist()
    return middles if peaks.size == phases else None


def _segmenter(
    image: Source,
    spacing: Spacing,
    phases: int,
    how: tuple[Method, Sequence[float] | None],
    options: dict[str, Any],
) -> Segmenter:
    method, cuts = how
    if cuts is None:
        return Segmenter.prepare(image, spacing, phases, method=method, **options)
    found = Segmenter.prepare(
        image, spacing, phases, method="thresholds", thresholds=cuts, **options
    )
    return replace(found, method=method)  # surfaces lie half-way, as with its own thresholds


def _state(found: Study, ask: Ask, *, several: bool) -> State:
    if ask.split == "never":
        return "merged"
    clear = several and found.dprime >= max(_CLEAR, ask.limit) and ask.intensity
    if clear and not ask.evidence and not ask.prior:
        return "clear"
    return "split" if found.used else "merged"


def _joined(labels: Source, first: int, ask: Ask, bench: Bench) -> Source | None:
    """Mark where the class is joined to the electrode (2), enclosed (3), or neither (1)."""
    if ask.electrode is None or not ask.prior:
        return None
    found = find_components(labels, bench.grid, bench.engine, Wanted(first))
    touches = found.table.touches(bench.grid.shape)
    axis, side = ask.electrode
    values = np.where(touches[:, axis, side], 2, np.where(touches.any(axis=(1, 2)), 1, 3)).astype(
        np.uint8
    )
    sink = bench.allocate("joined", np.dtype(np.uint8))
    found.paint(labels, values, sink, bench.engine)
    return sink
