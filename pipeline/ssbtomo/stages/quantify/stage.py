"""Quantify: every measure on the segmentation and on its variants, with ranges."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import Source
from ssbtomo.blocks.imaging import EveryOther
from ssbtomo.errors import PhaseMissingError
from ssbtomo.model import MEASURES, Phase, Range, Sample
from ssbtomo.model import Quantify as Section
from ssbtomo.results import Measurement
from ssbtomo.stages.costs import Work
from ssbtomo.stages.desk import Desk, Facts, write_json
from ssbtomo.stages.drawn import draw_variants
from ssbtomo.stages.low_absorbing import MERGED
from ssbtomo.stages.needs import Need
from ssbtomo.stages.quantify.anode import measure_anode
from ssbtomo.stages.quantify.bounds import bounded, read_as, readings
from ssbtomo.stages.quantify.connection import measure_connection
from ssbtomo.stages.quantify.contacts import measure_contacts
from ssbtomo.stages.quantify.correlation import measure_correlation
from ssbtomo.stages.quantify.crack_contacts import measure_crack_contacts
from ssbtomo.stages.quantify.crack_network import measure_cracks
from ssbtomo.stages.quantify.fractions import measure_fractions
from ssbtomo.stages.quantify.graded import measure_graded
from ssbtomo.stages.quantify.interfaces import measure_interfaces
from ssbtomo.stages.quantify.memory import needs_of
from ssbtomo.stages.quantify.one_read import ADDITIVE, OneRead
from ssbtomo.stages.quantify.ranges import (
    HALVED,
    SMOOTH,
    VOXEL_GROUPS,
    Variants,
    ranged,
    with_ends,
)
from ssbtomo.stages.quantify.sizes import measure_particles, measure_pores
from ssbtomo.stages.quantify.subject import Findings, Subject
from ssbtomo.stages.quantify.telling import Told
from ssbtomo.stages.quantify.transport import measure_transport
from ssbtomo.stages.quantify.words import (
    SAYS,
    cited_of_quantities,
    said_of_ranges,
    said_of_transport,
)
from ssbtomo.stages.segment import variant_store

__all__ = ["Quantify", "thaw"]

_MEASURE: dict[str, Callable[[Subject], Findings]] = {
    "fractions": measure_fractions,
    "contacts": measure_contacts,
    "connectivity": measure_connection,
    "correlation": measure_correlation,
    "transport": measure_transport,
    "particles": measure_particles,
    "graded": measure_graded,
    "interfaces": measure_interfaces,
    "pores": measure_pores,
    "cracks": measure_cracks,
    "crack_contacts": measure_crack_contacts,
    "anode": measure_anode,
}
_USUAL = Range()
_LEAST = 24  # voxels along each axis, below which half of them tell nothing

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Quantify:
    """Measure the phases.

    Each group of measures on each segmentation is one part, kept when it is done: a
    killed run goes on with the next.

    Parameters
    ----------
    section : ssbtomo.model.Quantify
        The recipe's section.
    axis : str
        Transport axis.
    range : ssbtomo.model.Range
        What the ranges rest on.
    phases : tuple of ssbtomo.model.Phase
        Those of the recipe; only the plan needs them.
    variants : int
        How many variants of the segmentation there will be; only the plan needs it.
    """

    name: ClassVar[str] = "quantify"
    version: ClassVar[int] = 7

    section: Section
    axis: str
    range: Range = _USUAL
    phases: tuple[Phase, ...] = ()
    variants: int = 0

    @property
    def parameters(self) -> dict[str, Any]:
        """All that decides the stage's result beside its inputs."""
        asked = self.section.model_dump(mode="json")
        del asked["transport"]["storage"]  # no number depends on it
        asked |= {"axis": self.axis, "halved": self.range.halved}
        return asked | {"draws": self.range.draws if self.range.shift > 0 else 0}

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""
        return max(need.whole for need in self.needs(itemsize))

    def in_flight(self, itemsize: int) -> tuple[float, float]:
        """Return the bytes per voxel of a block, and of a slab, that a task holds."""
        needs = self.needs(itemsize)
        return max(need.block for need in needs), max(need.slab for need in needs)

    def needs(self, itemsize: int) -> list[Need]:
        """Return what each group of measures holds: they come one after the other."""
        return needs_of(self.section, smooth=SMOOTH in self._of_voxels(_LEAST))

    def __call__(self, desk: Desk) -> Facts:
        """Measure the segmentation and its variants, and merge them into ranges."""
        segmented = desk.facts["segment"]
        told: Any = segmented.get("lithium")
        extremes = readings(desk)
        variants = [*segmented["variants"], *self._drawn(desk)]
        variants += self._of_voxels(min(desk.shape)) if variants else []
        if extremes:
            desk = read_as(desk, MERGED, {told["lithium"]: MERGED, told["void"]: MERGED})
        kinds = ["base", *variants, *extremes]
        parts = {(kind, group): self._part(desk, kind, group)
                 for kind in kinds for group in self._groups(kind)}  # fmt: skip
        tell = Told(desk, parts, self.works)
        base, tables = self._all(desk, None, tell)
        varied = {variant: self._all(desk, variant, tell)[0] for variant in variants}
        offsets = segmented.get("place_offsets", [])
        values, ranges = ranged(base, Variants(varied, self.range.shift, offsets))
        if extremes:
            read = {name: self._all(other, None, tell, name)[0] for name, other in extremes.items()}
            values = bounded(values, read, told)
            ranges = with_ends(ranges, values)
        return {
            "measurements": [_plain(item) for item in values],
            "tables": {**tables, **({"ranges": ranges} if ranges else {})},
            "sensitivity": list(_sensitivity(base, varied)),
            "costs": tell.costs,
        }

    def _drawn(self, desk: Desk) -> list[str]:
        """Draw labels out of class probabilities, where there are any."""
        maps = desk.facts["segment"].get("probabilities", [])
        if not maps or self.range.shift == 0:
            return []
        return draw_variants(desk, io.ome_zarr.open_array(desk.grey), maps, self.range.draws)

    def _of_voxels(self, shortest: int) -> list[str]:
        """List the variants that tell what voxels do, where the segmentation is varied, too."""
        if self.range.shift == 0 or not self.range.halved or shortest < _LEAST:
            return []
        solved = "transport" in self.section.measures
        return [HALVED] + [SMOOTH] * (solved and self.section.transport.surfaces == "voxels")

    def _all(
        self, desk: Desk, variant: str | None, tell: Told, reading: str = ""
    ) -> tuple[list[Measurement], dict[str, Any]]:
        kept = reading or variant or "base"
        groups = self._groups(kept)
        waiting = [
            group
            for group in ADDITIVE
            if group in groups and not self._part(desk, kept, group).is_file()
        ]
        subject = _subject(desk, variant, waiting, full=kept == "base")
        measured: list[Measurement] = []
        tables: dict[str, Any] = {}
        for group in groups:
            desk.check_cancelled()
            part = self._part(desk, kept, group)
            if not part.is_file():
                begin = time.perf_counter(), time.process_time()
                found = _frozen(_measured(group, subject), desk.name)
                wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
                found |= {"seconds": round(wall, 4), "cpu_seconds": round(cpu, 4)}
                write_json(part, found)
            content = json.loads(part.read_text("utf-8"))
            measured += [thaw(item) for item in content["measurements"]]
            for name, rows in content["tables"].items():
                _extend(tables.setdefault(name, {}), rows)
            tell(kept, group, content)
        return measured, tables

    def _groups(self, variant: str) -> list[str]:
        """List the groups that are measured on a variant."""
        wanted = VOXEL_GROUPS.get(variant, MEASURES)
        return [group for group in wanted if group in self.section.measures]

    def works(self, shape: Shape, variant: str, group: str) -> Work:
        """Return what it costs to measure a group on a variant.

        Parameters
        ----------
        shape : tuple of int
            Voxels along (Z, Y, X).
        variant : str
            ``"base"`` for the chosen segmentation.
        group : str
            The group.

        Returns
        -------
        Work
            A part of the stage.
        """
        voxels = float(np.prod(shape)) / (8 if variant == HALVED else 1)
        times = 1.0
        if group == "transport":
            phases = self.section.tortuosity_phases
            alone = len(self.phases) if phases is None else len(phases)
            conductors = alone + len(self.section.networks)
            # Of many conductors each has a smaller share of the voxels.
            times = max(1.0, 0.45 * conductors) * len(self.section.tortuosity_axes)
            if variant == SMOOTH or self.section.transport.surfaces == "smooth":
                times += 4.0 * alone  # to lay a surface takes as long as four solves
        if group == "anode" and all(phase.role != "lithium" for phase in self.phases):
            times = 0.0
        name = f"quantify.{group}"
        if group == "fractions" and "contacts" not in self.section.measures:
            name += ".alone"  # areas are summed in the same read
        return Work(name if variant == "base" else f"{name}.variant", voxels, times)

    def expected(self, shape: Shape, itemsize: int) -> list[Work]:
        """Return what the stage's work costs, with as many variants as there will be."""
        kinds = ["base", *[f"variant {k}" for k in range(self.variants)]]
        kinds += self._of_voxels(min(shape)) if self.variants else []
        return [self.works(shape, kind, group) for kind in kinds for group in self._groups(kind)]

    def _part(self, desk: Desk, variant: str, group: str) -> Path:
        """Name the file of one part by all that decides it."""
        decides = [self.version, self.parameters, desk.facts["segment"]["fingerprint"]]
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
        return desk.work / "quantify" / digest / f"{variant}-{group}.json"

    def methods(self, facts: Facts) -> str:
        """Say what the step did, as sentences for a paper."""
        groups = [group for group in MEASURES if group in self.section.measures]
        graded = any(item["quantity"] == "graded_mean" for item in facts["measurements"])
        told = [SAYS[group] for group in groups if group != "graded" or graded]
        return " ".join(told + said_of_transport(self.section) + said_of_ranges(facts))

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentences cite."""
        return cited_of_quantities(self.section, self.range)


def _subject(desk: Desk, variant: str | None, waiting: Sequence[str], *, full: bool) -> Subject:
    """Return the labels of a variant, with half the voxels if it is that."""
    kept = variant in (None, HALVED, SMOOTH)
    path = desk.store("phases") if kept else variant_store(desk, str(variant))
    labels: Source = io.ome_zarr.open_array(path)
    if variant == HALVED:
        labels = EveryOther(labels)
        coarse = {
            "shape": list(labels.shape),
            "spacing_um": [2 * edge for edge in desk.spacing],
            "synthetic": [k // 2 for k in desk.synthetic if k % 2 == 0],
        }
        newest = {**desk.facts.get("reconstruct", {}), **coarse}
        desk = replace(desk, facts={**desk.facts, "reconstruct": newest})
    elif variant == SMOOTH:
        desk = replace(desk, sample=_smooth(desk.sample))
    counted = cache(partial(OneRead.of, labels, desk, waiting))
    return Subject(labels, desk, full=full, counted=counted)


def _smooth(sample: Sample) -> Sample:
    """Return the sample's part of a recipe with smooth surfaces, and nothing but conductivities."""
    section = sample.quantify
    transport = section.transport.model_copy(update={"surfaces": "smooth"})
    networks: dict[str, Any] = {"networks": (), "transport_extras": ()}
    quantify = section.model_copy(update={"transport": transport, **networks})
    return sample.model_copy(update={"quantify": quantify})


def _measured(group: str, subject: Subject) -> Findings:
    """Measure; a phase that a shifted threshold wiped out has no value there."""
    try:
        return _MEASURE[group](subject)
    except PhaseMissingError:
        if subject.full:
            raise
        return Findings()


def _plain(item: Measurement) -> dict[str, Any]:
    content = asdict(item)
    for key in ("value", "low", "high"):
        content[key] = repr(float(content[key]))  # exact, and JSON has no inf
    return content


def _frozen(found: Findings, sample: str) -> dict[str, Any]:
    measured = [_plain(replace(item, sample=sample)) for item in found.measurements]
    tables = {
        name: {key: np.asarray(column).tolist() for key, column in rows.items()}
        for name, rows in found.tables.items()
    }
    return {"measurements": measured, "tables": tables}


def thaw(content: Mapping[str, Any]) -> Measurement:
    """Return a measurement from the plain values that a stage keeps.

    Parameters
    ----------
    content : mapping
        Its fields, numbers as texts.

    Returns
    -------
    Measurement
        The same, whole.
    """
    numbers = {key: float(content[key]) for key in ("value", "low", "high")}
    return Measurement(**{**content, **numbers, "warnings": tuple(content["warnings"])})


def _extend(table: dict[str, list[Any]], rows: Mapping[str, list[Any]]) -> None:
    for key, column in rows.items():
        table.setdefault(key, []).extend(column)


def _sensitivity(
    base: list[Measurement], shifted: Mapping[str, list[Measurement]]
) -> Iterator[dict[str, Any]]:
    for variant, measured in {"base": base, **shifted}.items():
        for item in measured:
            if math.isfinite(item.value):
                yield {
                    "quantity": item.quantity, "subject": item.subject, "axis": item.axis,
                    "variant": variant, "value": item.value,
                }  # fmt: skip
