"""The active material's interface: coverage, patches, gaps, what takes part, and its maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ssbtomo import io
from ssbtomo.blocks import Source
from ssbtomo.blocks.gaps import Gap, gap_counts
from ssbtomo.blocks.particles import separate
from ssbtomo.blocks.patches import Patches, patches
from ssbtomo.kernels.particles import weighted_percentile
from ssbtomo.kernels.resolution import Resolved, check_particles, least_size
from ssbtomo.measure.activity import Activity, Cell, find_activity
from ssbtomo.measure.contacts import least_patch
from ssbtomo.measure.gaps import GapThickness, thickness_of, usual_widest
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.guard import judged, phases_seen, sizes_judged
from ssbtomo.stages.quantify.interface_maps import draft_map, publish_map, write_maps
from ssbtomo.stages.quantify.subject import Findings, Rows, Subject

__all__ = ["measure_interfaces"]

_FACES = "voxel face x local normal"
_LINES = "voxel edge x local tangent"
_PERCENTILES = (10, 50, 90)
_PER_CM = 1e4  # cm2/cm3 in 1/um


def measure_interfaces(subject: Subject) -> Findings:
    """Measure the interface of the active material, and which contacts take part.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``coverage_mean`` …, ``patch_count`` …, ``gap_thickness_mean`` …,
        ``active_contact_area_per_volume``, ``utilisation_ceiling``, ``isolated_fraction`` …;
        tables ``particles``, ``patches``, ``gaps``; the stores of the maps.
    """
    roles = {label: phase.role for label, phase in enumerate(subject.phases)}
    collector = subject.settings.collector_phase
    cell = Cell(
        dict(roles), subject.desk.axis, None if collector is None else subject.label_of(collector)
    )
    try:
        found = find_activity(
            subject.labels, cell, subject.spacing, subject.grid, subject.desk.engine,
            allocate=subject.desk.allocate, particles=_particles(subject, cell),
        )  # fmt: skip
    finally:
        subject.desk.clear_scratch()
    subject.desk.check_cancelled()
    pairs = {pair: found.area(*pair) for pair in combinations(cell.phases, 2)}
    seen = phases_seen(subject, found.joined.voxels.sum(axis=1), pairs)
    report = _Report(subject, cell, found, seen)
    tables: dict[str, Rows] = report.particle_rows()
    measured = [*report.coverage(), *report.taking_part(), *report.lines(), *report.isolated()]
    active, partner = cell.first("active"), cell.first("electrolyte")
    if active is not None and partner is not None:
        pieces = _patches(subject, (active, partner))
        measured += _patch_numbers(pieces, report, (active, partner))
        gaps = _gaps(subject, cell, (active, partner))
        if gaps is not None:
            measured += _gap_numbers(gaps, report, (active, partner))
            tables["gaps"] = _gap_rows(gaps, subject)
        tables["patches"] = _patch_rows(pieces, subject)
    if not subject.full:
        return Findings(measured)
    tables |= write_maps(subject, (active, partner))
    return Findings(measured, tables)


def _particles(subject: Subject, cell: Cell) -> Source | None:
    """Return the particles of the active material: those of the run, or found anew."""
    active = cell.first("active")
    if active is None:
        return None
    asked = subject.settings.particle_phase in {None, subject.names[active]}
    path = subject.desk.store("particles")
    if subject.full and asked and "particles" in subject.settings.measures and path.is_dir():
        return io.ome_zarr.open_array(path)
    return separate(
        subject.labels,
        subject.spacing,
        subject.grid,
        subject.desk.engine,
        allocate=subject.desk.allocate,
        phase=active,
        necks=subject.necks,
    ).labels


@dataclass(frozen=True, slots=True)
class _Report:
    """The numbers that follow from what takes part."""

    subject: Subject
    cell: Cell
    found: Activity
    seen: list[Resolved]

    def name(self, *labels: int) -> str:
        """Return the subject of a number."""
        return "|".join(self.subject.names[label] for label in labels)

    def judged(self, item: Measurement, *labels: int) -> Measurement:
        """Add what is to be said about the phases that a number rests on."""
        return judged(item, *(self.seen[label] for label in labels))

    def coverage(self) -> Iterator[Measurement]:
        """Tell how particles are covered, and the bound of the specific contact area."""
        active = self.cell.first("active")
        volume = int(self.found.voxels.sum()) * float(np.prod(self.subject.spacing))
        if active is None or not volume:
            return
        others = [label for label in self.cell.phases if label != active]
        by_phase = {label: self.found.on_particles(label) for label in others}
        surface = sum(by_phase.values(), np.zeros(self.found.regions.names.size))
        bound = Measurement(
            "specific_contact_area_bound", self.name(active), float(surface.sum()) / volume,
            "1/um", f"{_FACES}, whole surface per volume",
        )  # fmt: skip
        yield self.judged(bound, active)
        for label in others:
            pair = self.name(active, label)
            specific = Measurement(
                "specific_contact_area_cm", pair,
                float(by_phase[label].sum()) / volume * _PER_CM, "cm^2/cm^3",
                f"{_FACES}, per volume of {self.name(active)}",
            )  # fmt: skip
            yield self.judged(specific, active, label)
            for item in self._spread(pair, by_phase[label], surface):
                yield self.judged(item, active, label)

    def _spread(self, pair: str, area: np.ndarray, surface: np.ndarray) -> Iterator[Measurement]:
        some = surface > 0
        if not area.any():
            return
        shares, weights = area[some] / surface[some], surface[some]
        warnings = self._unresolved(surface)
        values = {"mean": float(area.sum()) / float(surface.sum())}
        for percent in _PERCENTILES:
            values[f"d{percent}"] = weighted_percentile(shares, weights, percent)
        for what, value in values.items():
            yield Measurement(
                f"coverage_{what}", pair, float(value), "1",
                f"{_FACES}, by particle, weighted by surface", warnings=warnings,
            )  # fmt: skip

    def _unresolved(self, surface: np.ndarray) -> tuple[str, ...]:
        """Warn of particles below three voxels across."""
        share = float(surface[~self._resolved()].sum() / surface.sum())
        text = f"{share:.1%} of the surface is on particles below 3 voxels"
        return (text,) if share > 0.01 else ()

    def _resolved(self) -> np.ndarray:
        volume = self.found.voxels.sum(axis=1) * float(np.prod(self.subject.spacing))
        return check_particles(np.cbrt(6 * volume / np.pi), self.subject.spacing)

    def taking_part(self) -> Iterator[Measurement]:
        """Tell the areas that are joined to both terminals, and the utilisation ceiling."""
        active, partner = self.cell.first("active"), self.cell.first("electrolyte")
        decaying = "decomposition_active_area_per_volume"
        pairs = [
            ("active_contact_area_per_volume", active, partner),
            (decaying, partner, self.cell.first("carbon")),
            (decaying, partner, self.cell.collector),
        ]
        for quantity, a, b in pairs:
            if a is None or b is None:
                continue
            area = Measurement(
                quantity, self.name(*sorted((a, b))),
                self.found.area(a, b, active=True) / self.subject.volume_um3, "1/um",
                f"{_FACES}, both joined to their terminals", self.subject.axis,
                warnings=self._cut_off(a, b),
            )  # fmt: skip
            yield self.judged(area, a, b)
        if active is not None and partner is not None and self.found.voxels.any():
            yield Measurement(
                "utilisation_ceiling", self.name(active), self.found.utilisation, "1",
                "particles joined to the collector that touch joined electrolyte",
                self.subject.axis, warnings=self._cut_off(active, partner),
            )  # fmt: skip

    def _cut_off(self, *labels: int) -> tuple[str, ...]:
        """Warn of phases of which nothing reaches its terminal; the axis may be the wrong way round."""
        return tuple(
            f"no {self.name(label)} reaches its end of the {self.subject.axis} axis, which runs "
            "from the separator to the collector"
            for label in labels
            if self.found.isolated_fraction(label) == 1
        )

    def lines(self) -> Iterator[Measurement]:
        """Tell the length of the triple lines whose three phases are joined."""
        for triple in combinations(self.cell.phases, 3):
            length = self.found.length(*triple, active=True)
            line = Measurement(
                "active_triple_line_per_volume", self.name(*triple),
                length / self.subject.volume_um3, "1/um^2",
                f"{_LINES}, all three joined to their terminals", self.subject.axis,
            )  # fmt: skip
            yield self.judged(line, *triple)

    def isolated(self) -> Iterator[Measurement]:
        """Tell what reaches no terminal."""
        how = "components, 6 neighbours, that reach no terminal"
        for label, role in self.cell.roles.items():
            share = self.found.isolated_fraction(label)
            if role not in {"electrolyte", "active", "lithium"} or np.isnan(share):
                continue
            count = len(self.found.isolated_pieces(label))
            if label == self.cell.first("active"):
                count = int((self.found.voxels[:, 1] == 0).sum())
            name, axis = self.name(label), self.subject.axis
            yield Measurement("isolated_fraction", name, share, "1", how, axis)
            yield Measurement("isolated_count", name, float(count), "1", how, axis)

    def particle_rows(self) -> dict[str, Rows]:
        """Return what is added to the table of particles."""
        active = self.cell.first("active")
        if active is None:
            return {}
        others = [label for label in self.cell.phases if label != active]
        area = np.stack([self.found.on_particles(label) for label in others], axis=-1)
        total = area.sum(axis=1)
        rows: dict[str, object] = {"surface_um2": total}
        for k, label in enumerate(others):
            share = np.full(total.size, np.nan)
            np.divide(area[:, k], total, out=share, where=total > 0)
            rows[f"coverage_{self.name(label)}"] = share
        rows["joined"] = self.found.voxels[:, 1] > 0
        rows["used"] = self.found.used
        rows["resolved"] = self._resolved()
        settings = self.subject.settings
        if "particles" not in settings.measures:
            return {"particles": {"particle": self.found.regions.names, **rows}}  # type: ignore[dict-item]
        if settings.particle_phase in {None, self.name(active)}:
            return {"particles": rows}  # type: ignore[dict-item]  # beside the columns of that group
        return {"particle_coverage": {"particle": self.found.regions.names, **rows}}  # type: ignore[dict-item]


def _patches(subject: Subject, pair: tuple[int, int]) -> Patches:
    try:
        return patches(
            subject.labels, subject.spacing, range(len(subject.names)), subject.grid,
            subject.desk.engine, pair=pair, allocate=subject.desk.allocate,
        )  # fmt: skip
    finally:
        subject.desk.clear_scratch()


def _patch_numbers(found: Patches, report: _Report, pair: tuple[int, int]) -> Iterator[Measurement]:
    name, how = report.name(*pair), "pieces of the surface voxels, 26 neighbours"
    small = float(
        (found.area_um2 < least_patch(report.subject.spacing)).mean() if found.voxels.size else 0
    )
    warnings = (f"{small:.0%} of the patches are below 3 voxels across",) if small > 0.1 else ()
    yield Measurement("patch_count", name, float(found.voxels.size), "1", how, warnings=warnings)
    if not found.voxels.size:
        return
    area = float(found.area_um2.mean())
    yield Measurement("patch_area_mean", name, area, "um^2", f"{how}; {_FACES}", warnings=warnings)
    if found.voxels.size > 1:
        apart = float(found.nearest_um.mean())
        yield Measurement(
            "patch_spacing_mean", name, apart, "um", f"{how}; centre to nearest centre",
            warnings=warnings,
        )  # fmt: skip


def _patch_rows(found: Patches, subject: Subject) -> Rows:
    return {
        "patch": np.arange(1, found.voxels.size + 1),
        "area_um2": found.area_um2,
        "voxels": found.voxels,
        **{f"{name}_um": found.centre_um[:, k] for k, name in enumerate("zyx")},
        "nearest_um": found.nearest_um,
        "touches_border": found.touches_border,
        "resolved": found.area_um2 >= least_patch(subject.spacing),
    }


def _gaps(subject: Subject, cell: Cell, pair: tuple[int, int]) -> GapThickness | None:
    """Measure the gap through void, carbon and lithium; ``None`` if there is no such phase."""
    through = tuple(
        label for label, role in cell.roles.items() if role in {"void", "carbon", "lithium"}
    )
    if not through:
        return None
    gap = Gap(*pair, through, subject.settings.widest_gap or usual_widest(subject.spacing))
    sink = draft_map(subject, "gaps") if subject.full else None
    counts = gap_counts(
        subject.labels, gap, subject.spacing, subject.grid, subject.desk.engine, sink=sink
    )
    if sink is not None:
        publish_map(subject, "gaps")
    return thickness_of(counts, subject.spacing)


def _gap_numbers(
    found: GapThickness, report: _Report, pair: tuple[int, int]
) -> Iterator[Measurement]:
    name, how = report.name(*pair), "steps along the main axis x cosines, by area"
    share = found.share if found.surface_um2 else 0.0
    yield Measurement("gap_share", name, share, "1", f"{how}; of the surface out of contact")
    if not found.area_um2.sum():
        return
    limit = least_size(report.subject.spacing)
    text = f"{found.unresolved:.0%} of the gap is below 3 voxels ({limit:.3g} um)"
    warnings = (text,) if found.unresolved > 0.1 else ()
    values = {"mean": found.mean, **{f"d{p}": found.percentile(p) for p in _PERCENTILES}}
    sizes = (
        Measurement(f"gap_thickness_{what}", name, float(value), "um", how, warnings=warnings)
        for what, value in values.items()
    )
    yield from sizes_judged(sizes, report.subject)


def _gap_rows(found: GapThickness, subject: Subject) -> Rows:
    total = float(found.area_um2.sum())
    return {
        "thickness_um": found.thickness_um,
        "area_um2": found.area_um2,
        "area_fraction": np.cumsum(found.area_um2) / (total or 1.0),
        "resolved": found.thickness_um >= least_size(subject.spacing),
    }
