"""Segment: grey values to phases, and the variants that the ranges come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ssbtomo import io
from ssbtomo.errors import PhaseMissingError
from ssbtomo.model import Phase, Range
from ssbtomo.model import Segment as Section
from ssbtomo.palette import phase_colors
from ssbtomo.segment.volumes import Method, Segmentation, Segmenter
from ssbtomo.stages.desk import Desk, Facts, clipped

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
    version: ClassVar[int] = 2

    section: Section
    range: Range
    phases: tuple[Phase, ...]

    @property
    def parameters(self) -> dict[str, Any]:
        """All that decides the stage's result beside its inputs."""
        return {
            **self.section.model_dump(mode="json"),
            "shift": self.range.shift,
            "phases": [phase.model_dump(mode="json") for phase in self.phases],
        }

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""
        return 3.0 + itemsize if self.section.method == "labels" else 18.0 + itemsize

    def __call__(self, desk: Desk) -> Facts:
        """Write ``phases.ome.zarr`` and the variants; return thresholds and tables."""
        image = np.asarray(io.ome_zarr.open_array(desk.grey)[:, :, :])
        method = self.section.method
        if method == "labels":
            return self._labelled(desk, image)
        return self._thresholded(desk, image, method)

    def _labelled(self, desk: Desk, image: NDArray[Any]) -> Facts:
        values = [phase.value for phase in self.phases]
        present = np.unique(image)
        strange = sorted(set(present.tolist()) - set(values))
        if strange:
            raise PhaseMissingError(
                f"{desk.name}: the scan holds the values {_few(present)}, and no phase has the "
                f"value {_few(strange)}",
                hint="give every value a phase: phases: [{name: void, value: 0}, ...]",
            )
        labels = np.zeros(image.shape, np.uint8)
        for label, value in enumerate(values):
            labels[image == value] = label
        self._all_present(desk, labels)
        self._write(desk, labels, None)
        counts = {"grey": present.tolist(), "count": [int((image == v).sum()) for v in present]}
        return {
            "variants": [],
            "stores": ["phases"],
            "tables": {"histogram": counts},
            "warnings": [],
        }

    def _thresholded(self, desk: Desk, image: NDArray[Any], method: Method) -> Facts:
        segmenter = Segmenter.prepare(
            image, desk.spacing, len(self.phases),
            method=method, thresholds=self.section.thresholds,
            repair=self.section.repair, smallest_object=self.section.smallest_object,
            cancelled=desk.cancelled,
        )  # fmt: skip
        found = segmenter.segment()
        labels = found.labels
        shifted = dict(self._variants())
        self._all_present(desk, labels)
        fractions = [float((labels == k).mean()) for k in range(len(self.phases))]
        self._write(desk, labels, None)
        del labels
        for done, (variant, shift) in enumerate(shifted.items(), start=1):
            desk.check_cancelled()
            desk.tell(done, len(shifted) + 1)
            self._write(desk, segmenter.labels(shift), variant)
        return {
            "variants": list(shifted),
            "stores": ["phases"],
            "warnings": list(found.warnings),
            "thresholds": list(found.thresholds),
            "fractions": fractions,
            "tables": self._tables(found, image),
        }

    def _all_present(self, desk: Desk, labels: NDArray[np.uint8]) -> None:
        counts = np.bincount(labels.ravel(), minlength=len(self.phases))
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

    def _write(self, desk: Desk, labels: NDArray[np.uint8], variant: str | None) -> None:
        draft = "phases" if variant is None else f"variant-{variant.replace(' ', '-')}"
        path = desk.draft(draft)
        colors = phase_colors((phase.name, phase.role) for phase in self.phases)
        names = {phase.name: label for label, phase in enumerate(self.phases)}
        sink = io.ome_zarr.create(
            path, desk.shape, np.dtype(np.uint8), desk.spacing, kind="labels",
            block=clipped(desk.block, desk.shape), phases=names, colors=colors,
            attributes={"roles": {phase.name: phase.role for phase in self.phases}},
        )  # fmt: skip
        for block in desk.grid:
            sink[block.core] = labels[block.core]
        if variant is None:
            io.ome_zarr.finish(path, engine=desk.engine)
        desk.publish(draft, None if variant is None else variant_store(desk, variant))

    def _tables(self, found: Segmentation, image: NDArray[Any]) -> dict[str, Any]:
        counts, edges = _drawn_histogram(image)
        names = [phase.name for phase in self.phases]
        chosen, means = found.thresholds, found.class_means
        steps = [self.range.shift * (b - a) for a, b in pairwise(means)]
        return {
            "histogram": {
                "grey": (0.5 * (edges[1:] + edges[:-1])).tolist(),
                "count": counts.tolist(),
            },
            "thresholds": {
                "between": [f"{a}|{b}" for a, b in pairwise(names)],
                "threshold": [float(t) for t in chosen],
                "low": [float(t - s) for t, s in zip(chosen, steps, strict=True)],
                "high": [float(t + s) for t, s in zip(chosen, steps, strict=True)],
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
        how = {
            "multi-otsu": "multi-level Otsu thresholds of the global histogram [@liao2001]",
            "gaussian-mixture": "a Gaussian mixture fitted to the global histogram [@dempster1977]",
            "thresholds": "thresholds given by the user",
        }[self.section.method]
        values = ", ".join(f"{t:.5g}" for t in facts["thresholds"])
        repair = (
            " The partial-volume film that blurred edges leave between a dark and a bright phase "
            "was removed by flooding the gradient magnitude from confident voxels [@vincent1991]; "
            "surfaces then lie half-way between the grey values of the two phases beside them, "
            "corrected for what the blur of the labels does to curved surfaces."
        )
        small = (
            f" Pieces below {self.section.smallest_object} voxels were given to their surroundings."
        )
        spread = (
            f" The range of every number is its smallest and largest value while each threshold "
            f"is moved by {self.range.shift:.0%} of the distance between the mean grey values of "
            "its two phases [@pietsch2018]."
        )
        return (
            f"{len(self.phases)} phases were segmented with {how} ({values})."
            + (repair if self.section.repair else "")
            + (small if self.section.smallest_object else "")
            + (spread if self.range.shift else "")
        )

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentences cite."""
        keys = {"multi-otsu": ("liao2001",), "gaussian-mixture": ("dempster1977",)}
        repaired = ("vincent1991",) if self.section.repair else ()
        ranged = ("pietsch2018",) if self.range.shift else ()
        return (*keys.get(self.section.method, ()), *repaired, *ranged)


def _drawn_histogram(image: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count grey values in bins that are whole numbers wide for whole numbers."""
    low, high = float(image.min()), float(image.max())
    if image.dtype.kind in "iu":
        width = max(1, -(-int(high - low + 1) // _BINS))
        edges = np.arange(low - 0.5, high + width + 0.5, width)
    else:
        edges = np.linspace(low, high, _BINS + 1)
    counts = np.zeros(edges.size - 1, np.int64)
    for part in image:  # slice by slice: a histogram of the whole would copy it as float64
        counts += np.histogram(part, bins=edges)[0]
    return counts, edges


def _few(values: Any) -> str:
    shown = [f"{value:g}" for value in list(values)[:8]]
    return ", ".join(shown) + (", ..." if len(values) > 8 else "")
