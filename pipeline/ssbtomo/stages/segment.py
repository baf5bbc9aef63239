"""Segment: grey values to phases, and the variants that the ranges come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ssbtomo import io
from ssbtomo.blocks import Markers, Sink, Source, halo_map, tally
from ssbtomo.blocks.histogram import grey_summary
from ssbtomo.errors import PhaseMissingError
from ssbtomo.kernels.histogram import Histogram, count_grey
from ssbtomo.model import Phase, Range
from ssbtomo.model import Segment as Section
from ssbtomo.palette import phase_colors
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.regular import Regular
from ssbtomo.segment.segmentation import Segmentation
from ssbtomo.segment.volumes import Method, Segmenter
from ssbtomo.stages.corrected import corrected, correction_facts, correction_table
from ssbtomo.stages.costs import Work
from ssbtomo.stages.desk import Desk, Facts
from ssbtomo.stages.imaged_again import imaged_again
from ssbtomo.stages.label_values import count_values, few, relabelled
from ssbtomo.stages.laps import Laps, steps_of
from ssbtomo.stages.low_absorbing import answer, places_of
from ssbtomo.stages.segment_words import cited_of_segmentation, said_of_segmentation
from ssbtomo.stages.trained import classifying_bytes, section_parameters, segment_trained

__all__ = ["Segment", "variant_store"]

_BINS = 256  # of the histogram that is drawn


def variant_store(desk: Desk, variant: str) -> Path:
    """Return where the labels of a variant are kept.

    Parameters
    ----------
    desk : Desk
        The sample.
    variant : str
        Such as ``"threshold 1 up"``.

    Returns
    -------
    pathlib.Path
        The OME-Zarr folder.
    """
    return desk.work / "variants" / f"{variant.replace(' ', '-')}.ome.zarr"


_ASKED_BYTES = 75.0  # where lithium and void are asked about: smoothing inside the class
_BLOCK_BYTES = 26.0  # per voxel of a block in flight with its halo


Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """Give each voxel its phase, at the chosen thresholds and at shifted ones.

    Parameters
    ----------
    section : ssbtomo.model.Segment
        The recipe's section.
    range : ssbtomo.model.Range
        How far the thresholds are shifted for the ranges.
    phases : tuple of ssbtomo.model.Phase
        The phases, darkest first.
    """

    name: ClassVar[str] = "segment"
    version: ClassVar[int] = 8

    section: Section
    range: Range
    phases: tuple[Phase, ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """All that decides the stage's result beside its inputs."""
        return {
            **section_parameters(self.section),
            "shift": self.range.shift,
            "repeats": self.range.repeats,
            "phases": [phase.model_dump(mode="json") for phase in self.phases],
        }

    @property
    def regular(self) -> Regular | None:
        """How voxels near a threshold are decided, where that is asked for."""
        section = self.section
        if section.regularise == "none":
            return None
        return Regular(
            section.regularise, section.potts_strength, section.potts_sweeps, section.band
        )

    @property
    def repeats(self) -> int:
        """How often the labels are imaged and segmented again."""
        return self.range.repeats if self.range.shift > 0 else 0

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""
        repaired = self.section.repair and self.section.method not in ("labels", "trained")
        return 0.5 if repaired else 0.0  # the faces of 128³ blocks; more where they are smaller

    def in_flight(self, itemsize: int) -> tuple[float, float]:
        """Return the bytes per voxel of a block, and of a slab, that a task holds."""
        if self.section.method == "labels":
            return 4.0 * itemsize, 0.0
        asked = places_of(self.phases, self.section.lithium) is not None
        if self.section.method == "trained":
            return max(classifying_bytes(len(self.phases)), _ASKED_BYTES * asked), 0.0
        return _ASKED_BYTES if asked else _BLOCK_BYTES, 0.0

    @property
    def variants(self) -> int:
        """How many variants there will be: thresholds moved, imaged again, or drawn."""
        if self.section.method == "labels" or self.range.shift == 0:
            return 0
        asked = places_of(self.phases, self.section.lithium) is not None
        if self.section.method == "trained":
            return self.range.draws + 2 * asked
        return 2 * (len(self.phases) - 1) + 2 * asked + self.range.repeats

    def expected(self, shape: Shape, itemsize: int) -> list[Work]:
        """Return the parts of the stage's work: thresholds and labels, then each variant."""
        if self.section.method in ("labels", "trained"):
            return [Work(f"segment.{self.section.method}", float(np.prod(shape)))]
        return self.steps(shape, self.variants - self.repeats)

    def steps(self, shape: Shape, moved: int) -> list[Work]:
        """Return the steps of a segmentation by thresholds; see `ssbtomo.stages.laps.steps_of`."""
        asked = places_of(self.phases, self.section.lithium) is not None
        return steps_of(self.section, shape, moved, self.repeats, asked=asked)

    def __call__(self, desk: Desk) -> Facts:
        """Write ``phases.ome.zarr`` and the variants; return thresholds and tables."""
        facts = self._segmented(desk)
        told = correction_facts(self.section, desk)
        if told:
            facts["tables"]["corrections"] = correction_table(told["corrections"])
        return facts | told

    def _segmented(self, desk: Desk) -> Facts:
        image = io.ome_zarr.open_array(desk.grey)
        method = self.section.method
        try:
            if method == "labels":
                return self._labelled(desk, image)
            if method == "trained":
                return self._trained(desk, image)
            places = places_of(self.phases, self.section.lithium)
            if places is not None:
                return answer(self, desk, image, places, method)
            return self._thresholded(desk, image, method)
        finally:
            desk.clear_scratch()

    def _labelled(self, desk: Desk, image: Source) -> Facts:
        values = tuple(phase.value for phase in self.phases if phase.value is not None)
        kernel = partial(count_values, wanted=values)
        counts: dict[float, int] = {}
        for part in tally(kernel, image, desk.grid, desk.engine):
            for value, count in part.items():
                counts[value] = counts.get(value, 0) + count
        present = sorted(counts)
        strange = sorted(set(present) - set(values))
        if strange:
            raise PhaseMissingError(
                f"{desk.name}: the scan holds the values {few(present)}, and no phase has the "
                f"value {few(strange)}",
                hint="give every value a phase: phases: [{name: void, value: 0}, ...]",
            )
        if self.section.corrections is None:
            self.all_present(desk, [counts.get(value, 0) for value in values])
        with self.store(desk, None) as (sink, markers):
            relabel = partial(relabelled, values=values)
            halo_map(relabel, image, sink, desk.grid, desk.engine, markers=markers)
            if self.section.corrections is not None:
                self.all_present(desk, self.count(desk, sink))
        table = {"grey": present, "count": [counts[value] for value in present]}
        return {
            "variants": [],
            "stores": ["phases"],
            "tables": {"histogram": table},
            "warnings": [],
        }

    def _trained(self, desk: Desk, image: Source) -> Facts:
        counts, facts = segment_trained(
            desk, image, self.section, self.phases, varied=self.range.shift > 0
        )
        shown = tuple(Phase.model_validate(phase) for phase in facts.get("phases", []))
        stage = replace(self, phases=shown or self.phases)
        if self.section.corrections is not None:  # the classifier counted what it said itself
            counts = stage.count(desk, io.ome_zarr.open_array(desk.store("phases")))
            facts["fractions"] = [count / float(np.prod(desk.shape)) for count in counts]
        stage.all_present(desk, counts)
        return facts

    def _thresholded(self, desk: Desk, image: Source, method: Method) -> Facts:
        bench = Bench(desk.grid, desk.engine, desk.allocate)
        laps = Laps(desk.tell, self.expected(desk.shape, 1))
        histogram = grey_summary(image, desk.grid, desk.engine).check()
        segmenter = Segmenter.prepare(
            image, desk.spacing, len(self.phases),
            method=method, thresholds=self.section.thresholds,
            repair=self.section.repair, regular=self.regular, smallest_object=self.section.smallest_object,
            histogram=histogram, bench=bench, cancelled=desk.cancelled,
        )  # fmt: skip
        shifted = dict(self._variants())
        with self.store(desk, None) as (sink, markers):
            found = segmenter.segment(sink=sink, markers=markers)
            counts = self.count(desk, sink)
            self.all_present(desk, counts)
        laps()
        for variant, shift in shifted.items():
            desk.check_cancelled()
            with self.store(desk, variant) as (sink, markers):
                segmenter.labels(shift, sink=sink, markers=markers)
            laps()
        again, offsets, warnings = imaged_again(self, desk, segmenter, bench, laps)
        return {
            "variants": [*shifted, *again],
            "costs": laps.costs,
            "place_offsets": offsets,
            "stores": ["phases"],
            "warnings": [*found.warnings, *warnings],
            "thresholds": list(found.thresholds),
            "variance_share": found.variance_share,
            "film_limit_um": found.film_limit_voxels * min(desk.spacing)
            if found.repaired
            else None,
            "fractions": [count / float(np.prod(desk.shape)) for count in counts],
            "tables": self.tables(found, histogram),
        }

    def count(self, desk: Desk, labels: Source) -> list[int]:
        """Count the voxels of each phase.

        Parameters
        ----------
        desk : Desk
            The sample.
        labels : Source
            Its labels.

        Returns
        -------
        list of int
            By label.
        """
        kernel = partial(_count_labels, phases=len(self.phases))
        parts = tally(kernel, labels, desk.grid, desk.engine)
        return [int(count) for count in np.sum(parts, axis=0)]

    def all_present(self, desk: Desk, counts: list[int]) -> None:
        """Make sure that each phase has a voxel.

        Parameters
        ----------
        desk : Desk
            The sample.
        counts : list of int
            Voxels of each phase.

        Raises
        ------
        PhaseMissingError
            If one has none.
        """
        absent = [p.name for p, n in zip(self.phases, counts, strict=True) if n == 0]
        if absent:
            raise PhaseMissingError(
                f"{desk.name}: no voxel belongs to the phase {absent[0]!r}",
                hint="list only the phases that the scan shows, from dark to bright",
            )

    def _variants(self) -> Iterator[tuple[str, tuple[int, float]]]:
        """Yield each threshold moved down and up by the stated share, alone."""
        if self.range.shift == 0:
            return
        for k in range(len(self.phases) - 1):
            for word, sign in (("down", -1), ("up", 1)):
                yield f"threshold {k + 1} {word}", (k, sign * self.range.shift)

    @contextmanager
    def store(self, desk: Desk, variant: str | None) -> Iterator[tuple[Sink, Markers]]:
        """Give a store to write labels to, with its markers; then put it in its place.

        Parameters
        ----------
        desk : Desk
            The sample.
        variant : str or None
            Of the segmentation; ``None`` for the chosen one.

        Yields
        ------
        sink : Sink
            What is written.
        markers : Markers
            Of its finished blocks.
        """
        draft = "phases" if variant is None else f"variant-{variant.replace(' ', '-')}"
        colors = phase_colors((phase.name, phase.role) for phase in self.phases)
        names = {phase.name: label for label, phase in enumerate(self.phases)}
        sink, markers = desk.marked_draft(
            draft, desk.shape, np.uint8, desk.spacing, kind="labels", phases=names, colors=colors,
            attributes={"roles": {phase.name: phase.role for phase in self.phases}},
        )  # fmt: skip
        yield corrected(sink, self.section, self.phases, desk), markers
        if variant is None:
            io.ome_zarr.finish(sink.path, engine=desk.engine)
        desk.publish(draft, None if variant is None else variant_store(desk, variant))

    def tables(self, found: Segmentation, histogram: Histogram) -> dict[str, Any]:
        """Table the histogram, the thresholds and the grey values of the phases.

        Parameters
        ----------
        found : Segmentation
            What was found.
        histogram : Histogram
            Of the volume.

        Returns
        -------
        dict
            Columns by table.
        """
        counts, grey = _drawn(histogram)
        names = [phase.name for phase in self.phases]
        chosen, means = found.thresholds, found.class_means
        steps = [self.range.shift * (b - a) for a, b in pairwise(means)]
        return {
            "histogram": {
                "grey": grey.tolist(),
                "count": counts.tolist(),
            },
            "thresholds": {
                "between": [f"{a}|{b}" for a, b in pairwise(names)],
                "threshold": [float(t) for t in chosen],
                "low": [float(t - s) for t, s in zip(chosen, steps, strict=True)],
                "high": [float(t + s) for t, s in zip(chosen, steps, strict=True)],
                "separability": list(found.separability),
                "variance_share": [found.variance_share] * len(chosen),
            },
            "phase_grey": {
                "phase": names,
                "mean": [float(v) for v in means],
                "sd": [float(v) for v in found.class_sds],
            },
        }

    def methods(self, facts: Facts) -> str:
        """Say what the step did, as sentences for a paper."""
        return said_of_segmentation(self.section, facts, len(self.phases))

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentences cite."""
        return cited_of_segmentation(self.section)


def _drawn(histogram: Histogram) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Join bins to at most 256, whole numbers wide for whole numbers; return their centres."""
    group = -(-histogram.counts.size // _BINS)
    firsts = np.arange(0, histogram.counts.size, group)
    counts: NDArray[np.int64] = np.add.reduceat(histogram.counts, firsts)
    centres = np.asarray(histogram.low + histogram.width * (firsts + 0.5 * group), np.float64)
    return counts, centres


def _count_labels(
    labels: Any, *, inner: tuple[slice, slice, slice], phases: int
) -> NDArray[np.int64]:
    return count_grey(np.asarray(labels)[inner], -0.5, 1.0, phases + 1)[:phases]  # 255: no phase
