"""Segment: grey values to phases, and the variants that the ranges come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from ssbtomo.segment.segmentation import Segmentation
from ssbtomo.segment.variants import find_imaging, place_offsets, same_phases, segment_again
from ssbtomo.segment.volumes import Method, Segmenter
from ssbtomo.stages.desk import Desk, Facts
from ssbtomo.stages.trained import (
    classifying_bytes,
    section_parameters,
    segment_trained,
    training_sentence,
)

__all__ = ["Segment", "variant_store"]

_OTHER_PHASES = (
    "labels imaged with the blur and noise of the scan were segmented into other phases, {} times "
    "of {}: another scan of this sample may be, too, and the ranges do not hold that"
)
_BINS = 256  # of the histogram that is drawn
_SHOWN = 64  # values without a phase that a block tells of


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


_BLOCK_BYTES = 26.0  # per voxel of a block in flight with its halo


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
    version: ClassVar[int] = 4

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

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""
        repaired = self.section.repair and self.section.method not in ("labels", "trained")
        return 0.5 if repaired else 0.0  # the faces of 128³ blocks; more where they are smaller

    def in_flight(self, itemsize: int) -> tuple[float, float]:
        """Return the bytes per voxel of a block, and of a slab, that a task holds."""
        if self.section.method == "trained":
            return classifying_bytes(len(self.phases)), 0.0
        return _BLOCK_BYTES if self.section.method != "labels" else 4.0 * itemsize, 0.0

    def __call__(self, desk: Desk) -> Facts:
        """Write ``phases.ome.zarr`` and the variants; return thresholds and tables."""
        image = io.ome_zarr.open_array(desk.grey)
        method = self.section.method
        try:
            if method == "labels":
                return self._labelled(desk, image)
            if method == "trained":
                return self._trained(desk, image)
            return self._thresholded(desk, image, method)
        finally:
            desk.clear_scratch()

    def _labelled(self, desk: Desk, image: Source) -> Facts:
        values = tuple(phase.value for phase in self.phases if phase.value is not None)
        kernel = partial(_count_values, wanted=values)
        counts: dict[float, int] = {}
        for part in tally(kernel, image, desk.grid, desk.engine):
            for value, count in part.items():
                counts[value] = counts.get(value, 0) + count
        present = sorted(counts)
        strange = sorted(set(present) - set(values))
        if strange:
            raise PhaseMissingError(
                f"{desk.name}: the scan holds the values {_few(present)}, and no phase has the "
                f"value {_few(strange)}",
                hint="give every value a phase: phases: [{name: void, value: 0}, ...]",
            )
        self._all_present(desk, [counts.get(value, 0) for value in values])
        with self._store(desk, None) as (sink, markers):
            relabel = partial(_relabelled, values=values)
            halo_map(relabel, image, sink, desk.grid, desk.engine, markers=markers)
        table = {"grey": present, "count": [counts[value] for value in present]}
        return {
            "variants": [],
            "stores": ["phases"],
            "tables": {"histogram": table},
            "warnings": [],
        }

    def _trained(self, desk: Desk, image: Source) -> Facts:
        counts, facts = segment_trained(desk, image, self.section, self.phases)
        self._all_present(desk, counts)
        return facts

    def _thresholded(self, desk: Desk, image: Source, method: Method) -> Facts:
        bench = Bench(desk.grid, desk.engine, desk.allocate)
        histogram = grey_summary(image, desk.grid, desk.engine).check()
        segmenter = Segmenter.prepare(
            image, desk.spacing, len(self.phases),
            method=method, thresholds=self.section.thresholds,
            repair=self.section.repair, smallest_object=self.section.smallest_object,
            histogram=histogram, bench=bench, cancelled=desk.cancelled,
        )  # fmt: skip
        shifted = dict(self._variants())
        with self._store(desk, None) as (sink, markers):
            found = segmenter.segment(sink=sink, markers=markers)
            counts = self._counts(desk, sink)
            self._all_present(desk, counts)
        for done, (variant, shift) in enumerate(shifted.items(), start=1):
            desk.check_cancelled()
            desk.tell(done, len(shifted) + 1 + self._repeats)
            with self._store(desk, variant) as (sink, markers):
                segmenter.labels(shift, sink=sink, markers=markers)
        again, offsets, warnings = self._imaged_again(desk, segmenter, bench)
        return {
            "variants": [*shifted, *again],
            "place_offsets": offsets,
            "stores": ["phases"],
            "warnings": [*found.warnings, *warnings],
            "thresholds": list(found.thresholds),
            "variance_share": found.variance_share,
            "fractions": [count / float(np.prod(desk.shape)) for count in counts],
            "tables": self._tables(found, histogram),
        }

    @property
    def _repeats(self) -> int:
        return self.range.repeats if self.range.shift > 0 else 0

    def _imaged_again(
        self, desk: Desk, segmenter: Segmenter, bench: Bench
    ) -> tuple[list[str], list[float], list[str]]:
        """Image the labels and segment them again; return names, threshold offsets, warnings."""
        if not self._repeats:
            return [], [], []
        labels = io.ome_zarr.open_array(desk.store("phases"))
        imaging = find_imaging(segmenter, labels, desk.spacing, bench)
        offsets = place_offsets(segmenter, imaging)
        names = []
        for seed in range(self._repeats):
            desk.check_cancelled()
            again = segment_again(labels, imaging, segmenter, desk.spacing, bench, seed=seed)
            if not same_phases(again, imaging):
                continue
            names.append(f"imaged again {seed + 1}")
            with self._store(desk, names[-1]) as (sink, markers):
                again.labels(sink=sink, markers=markers)
        lost = self._repeats - len(names)
        return names, offsets, [_OTHER_PHASES.format(lost, self._repeats)] if lost else []

    def _counts(self, desk: Desk, labels: Source) -> list[int]:
        kernel = partial(_count_labels, phases=len(self.phases))
        parts = tally(kernel, labels, desk.grid, desk.engine)
        return [int(count) for count in np.sum(parts, axis=0)]

    def _all_present(self, desk: Desk, counts: list[int]) -> None:
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
    def _store(self, desk: Desk, variant: str | None) -> Iterator[tuple[Sink, Markers]]:
        """Give a store to write labels to, with its markers; then put it in its place."""
        draft = "phases" if variant is None else f"variant-{variant.replace(' ', '-')}"
        colors = phase_colors((phase.name, phase.role) for phase in self.phases)
        names = {phase.name: label for label, phase in enumerate(self.phases)}
        sink, markers = desk.marked_draft(
            draft, desk.shape, np.uint8, desk.spacing, kind="labels", phases=names, colors=colors,
            attributes={"roles": {phase.name: phase.role for phase in self.phases}},
        )  # fmt: skip
        yield sink, markers
        if variant is None:
            io.ome_zarr.finish(sink.path, engine=desk.engine)
        desk.publish(draft, None if variant is None else variant_store(desk, variant))

    def _tables(self, found: Segmentation, histogram: Histogram) -> dict[str, Any]:
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
        if self.section.method == "labels":
            return "The phases were given as labels."
        if self.section.method == "trained":
            return training_sentence(facts)
        how = {
            "multi-otsu": "multi-level Otsu thresholds of the global histogram [@liao2001]",
            "gaussian-mixture": "a Gaussian mixture fitted to the global histogram [@dempster1977]",
            "thresholds": "thresholds given by the user",
        }[self.section.method]
        values = ", ".join(f"{t:.5g}" for t in facts["thresholds"])
        repair = (
            " The partial-volume film that blurred edges leave between a dark and a bright phase "
            "was removed by flooding the gradient magnitude from confident voxels [@vincent1991]; "
            "surfaces then lie half-way between the grey values deep inside the two phases beside them, "
            "corrected for what the blur of the labels does to curved surfaces."
        )
        small = (
            f" Pieces below {self.section.smallest_object} voxels were given to their surroundings."
        )
        variance = (
            f" The variance between the classes is {facts['variance_share']:.1%} of the image's "
            "[@otsu1979]."
        )
        return (
            f"{len(self.phases)} phases were segmented with {how} ({values})."
            + (repair if self.section.repair else "")
            + (small if self.section.smallest_object else "")
            + variance
        )

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentences cite."""
        if self.section.method == "trained":
            return ("breiman2001",)
        keys = {"multi-otsu": ("liao2001",), "gaussian-mixture": ("dempster1977",)}
        repaired = ("vincent1991",) if self.section.repair else ()
        shown = () if self.section.method == "labels" else ("otsu1979",)
        return (*keys.get(self.section.method, ()), *repaired, *shown)


def _drawn(histogram: Histogram) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Join bins to at most 256, whole numbers wide for whole numbers; return their centres."""
    group = -(-histogram.counts.size // _BINS)
    firsts = np.arange(0, histogram.counts.size, group)
    counts: NDArray[np.int64] = np.add.reduceat(histogram.counts, firsts)
    centres = np.asarray(histogram.low + histogram.width * (firsts + 0.5 * group), np.float64)
    return counts, centres


def _count_values(
    image: Any, *, inner: tuple[slice, slice, slice], wanted: tuple[float, ...]
) -> dict[float, int]:
    """Count the values of a block: all that are wanted, and the smallest of the others."""
    values, counts = np.unique(np.asarray(image)[inner], return_counts=True)
    known = np.isin(values, wanted)
    kept = known | (np.cumsum(~known) <= _SHOWN)
    return dict(zip(values[kept].tolist(), counts[kept].tolist(), strict=True))


def _relabelled(image: Any, *, values: tuple[float, ...]) -> NDArray[np.uint8]:
    labels = np.zeros(np.shape(image), np.uint8)
    for label, value in enumerate(values):
        labels[image == value] = label
    return labels


def _count_labels(
    labels: Any, *, inner: tuple[slice, slice, slice], phases: int
) -> NDArray[np.int64]:
    return count_grey(np.asarray(labels)[inner], -0.5, 1.0, phases + 1)[:phases]  # 255: no phase


def _few(values: Any) -> str:
    shown = [f"{value:g}" for value in list(values)[:8]]
    return ", ".join(shown) + (", ..." if len(values) > 8 else "")
