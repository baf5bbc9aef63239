"""Quantify: every measure on the segmentation and on its variants, with ranges."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ssbtomo import io
from ssbtomo.errors import PhaseMissingError
from ssbtomo.model import MEASURES
from ssbtomo.model import Quantify as Section
from ssbtomo.results import Measurement, with_ranges
from ssbtomo.stages.desk import Desk, Facts, write_json
from ssbtomo.stages.quantify.anode import measure_anode
from ssbtomo.stages.quantify.connection import measure_connection
from ssbtomo.stages.quantify.contacts import measure_contacts
from ssbtomo.stages.quantify.correlation import measure_correlation
from ssbtomo.stages.quantify.crack_contacts import measure_crack_contacts
from ssbtomo.stages.quantify.crack_network import measure_cracks
from ssbtomo.stages.quantify.fractions import measure_fractions
from ssbtomo.stages.quantify.interfaces import measure_interfaces
from ssbtomo.stages.quantify.one_read import ADDITIVE, OneRead
from ssbtomo.stages.quantify.sizes import measure_particles, measure_pores
from ssbtomo.stages.quantify.subject import Findings, Subject
from ssbtomo.stages.quantify.transport import measure_transport
from ssbtomo.stages.segment import variant_store

__all__ = ["Quantify", "thaw"]

_MEASURE: dict[str, Callable[[Subject], Findings]] = {
    "fractions": measure_fractions,
    "contacts": measure_contacts,
    "connectivity": measure_connection,
    "correlation": measure_correlation,
    "transport": measure_transport,
    "particles": measure_particles,
    "interfaces": measure_interfaces,
    "pores": measure_pores,
    "cracks": measure_cracks,
    "crack_contacts": measure_crack_contacts,
    "anode": measure_anode,
}
#: Bytes per voxel of the measures that still hold the whole volume.
_BYTES = {
    "fractions": 0.0, "contacts": 0.0, "connectivity": 0.0, "correlation": 0.0,
    "transport": 32.0, "particles": 1.0, "interfaces": 0.0, "pores": 0.0, "cracks": 0.0,
    "crack_contacts": 0.0, "anode": 0.0,
}  # fmt: skip
#: Ratio of conductivities above which a solve takes float64 throughout.
_STEEP = 1e4
#: Bytes per voxel of a block in flight with its halo.
_BLOCK_BYTES = {
    "fractions": 6.0, "contacts": 6.0, "connectivity": 5.0, "correlation": 4.0,
    "transport": 0.0, "particles": 16.0, "interfaces": 56.0, "pores": 16.0, "cracks": 90.0,
    "crack_contacts": 60.0, "anode": 25.0,
}  # fmt: skip
#: What distances hold of a slab where they are too long for halos: labels, mask and offsets.
_SLAB_BYTES = 6.0
_DISTANT = {"particles", "interfaces", "pores", "cracks"}
_SAYS = {
    "fractions": "Volume fractions are voxel counts; their standard errors are extrapolated from "
    "their scatter over cells of growing size [@kanit2003].",
    "contacts": "Contact areas are sums of voxel faces weighted by the local normal of the "
    "interface [@ohser2009], per volume of the region; triple lines are sums of voxel edges "
    "weighted by the local tangent.",
    "connectivity": "Phases were called connected over shared voxel faces.",
    "correlation": "Two-point correlations and chord lengths [@torquato2002] were counted on "
    "the lines of voxels along the three axes; correlation lengths and integral ranges "
    "[@lantuejoul1991; @kanit2003] are integrals of the normalised covariance to its first zero, or first minimum below 0.05.",
    "transport": "Effective conductivities were solved with finite volumes on the voxel grid "
    "with the potential fixed on the two outer faces and no flux through the sides; the "
    "tortuosity factor is the volume fraction divided by the effective conductivity ratio "
    "[@cooper2016]; each was certified between two energies, and the bounds are in the table "
    "of transport.",
    "particles": "Particles were separated as drainage basins [@vincent1991] of the Euclidean "
    "distance map, merged by depth, and are given as equivalent-sphere diameters by volume.",
    "interfaces": "Coverage, contact patches and the contacts that take part follow from the same "
    "weighted faces, particle by particle; electrolyte takes part where it is joined to the "
    "separator's face of the volume, active material where it is joined to the collector's "
    "through active material and carbon. Gaps were measured from each voxel of the active "
    "material's surface along the axis nearest to its normal, times the mean cosine at both ends.",
    "pores": "Pore sizes are local thicknesses [@hildebrand1997].",
    "cracks": "Cracks are the plate-like parts of the void; the aperture is twice their volume "
    "divided by their surface.",
    "crack_contacts": "Each crack was closed virtually: its voxels became the nearest phase (exact "
    "Euclidean distance); contact lost is the interface of active material and electrolyte that "
    "appears in it, and what it cuts off are the pieces that its filling joins to their terminal.",
    "anode": "The lithium electrode's surface is the plane of least absolute distances from the first "
    "voxels that are not lithium; lithium beyond it was labelled (26 neighbours), its depth is along "
    "the transport axis. Contact of lithium and electrolyte was judged column by column; roughness "
    "and waviness were parted by the Gaussian filter of ISO 16610-61. The thresholds between the "
    "states of the interface are a convention.",
}
_EXTRAS = {
    "tensor": "The effective conductivity tensor is the mean current density of three solves.",
    "electrode": "Electrode tortuosity factors were solved with one face held, the other "
    "insulating, and a uniform current into the surface [@nguyen2020].",
    "geodesic": "Geodesic tortuosities are the lengths of the shortest ways between 26 neighbours "
    "over the distance of the outer layers [@stenzel2016].",
}
_CITED = {
    "fractions": ("kanit2003",),
    "contacts": ("ohser2009",),
    "correlation": ("torquato2002", "lantuejoul1991", "kanit2003"),
    "interfaces": ("ohser2009",),
    "transport": ("cooper2016",),
    "particles": ("vincent1991",),
    "pores": ("hildebrand1997",),
}


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
    """

    name: ClassVar[str] = "quantify"
    version: ClassVar[int] = 3

    section: Section
    axis: str

    @property
    def parameters(self) -> dict[str, Any]:
        """All that decides the stage's result beside its inputs."""
        return {**self.section.model_dump(mode="json"), "axis": self.axis}

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""
        steep = any(network.contrast > _STEEP for network in self.section.networks)
        held = _BYTES | {"transport": 48.0 if steep else _BYTES["transport"]}
        return 2 + max(held[group] for group in self.section.measures)

    def in_flight(self, itemsize: int) -> tuple[float, float]:
        """Return the bytes per voxel of a block, and of a slab, that a task holds."""
        groups = self.section.measures
        slab = _SLAB_BYTES if not _DISTANT.isdisjoint(groups) else 0.0
        return max(_BLOCK_BYTES[group] for group in groups), slab

    def __call__(self, desk: Desk) -> Facts:
        """Measure the segmentation and its variants, and merge them into ranges."""
        variants = desk.facts["segment"]["variants"]
        done = count(1)
        total = (len(variants) + 1) * len(self.section.measures)
        tell = lambda: desk.tell(next(done), total)  # noqa: E731 - one line says it
        base, tables = self._all(desk, None, tell)
        shifted = {variant: self._all(desk, variant, tell)[0] for variant in variants}
        values = with_ranges(base, list(shifted.values()))
        return {
            "measurements": [_plain(item) for item in values],
            "tables": tables,
            "sensitivity": list(_sensitivity(base, shifted)),
        }

    def _all(
        self, desk: Desk, variant: str | None, tell: Callable[[], None]
    ) -> tuple[list[Measurement], dict[str, Any]]:
        path = desk.store("phases") if variant is None else variant_store(desk, variant)
        waiting = [
            group
            for group in ADDITIVE
            if group in self.section.measures
            and not self._part(desk, variant or "base", group).is_file()
        ]
        labels = io.ome_zarr.open_array(path)
        counted = cache(partial(OneRead.of, labels, desk, waiting))
        subject = Subject(labels, desk, full=variant is None, counted=counted)
        measured: list[Measurement] = []
        tables: dict[str, Any] = {}
        for group in (g for g in MEASURES if g in self.section.measures):
            desk.check_cancelled()
            part = self._part(desk, variant or "base", group)
            if not part.is_file():
                write_json(part, _frozen(_measured(group, subject), desk.name))
            content = json.loads(part.read_text("utf-8"))
            measured += [thaw(item) for item in content["measurements"]]
            for name, rows in content["tables"].items():
                _extend(tables.setdefault(name, {}), rows)
            tell()
        return measured, tables

    def _part(self, desk: Desk, variant: str, group: str) -> Path:
        """Name the file of one part by all that decides it."""
        decides = [self.version, self.parameters, desk.facts["segment"]["fingerprint"]]
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
        return desk.work / "quantify" / digest / f"{variant}-{group}.json"

    def methods(self, facts: Facts) -> str:
        """Say what the step did, as sentences for a paper."""
        told = [_SAYS[group] for group in MEASURES if group in self.section.measures]
        return " ".join(told + self._transport())

    def _transport(self) -> list[str]:
        """Say what was conducted beside single phases."""
        if "transport" not in self.section.measures:
            return []
        told = [_EXTRAS[name] for name in self.section.transport_extras]
        for network in self.section.networks:
            parts = ", ".join(f"{n} {v:g} S/cm" for n, v in network.conductivities.items())
            contacts = ", ".join(
                f"{' and '.join(pair)} {value:g} Ω·cm²" for pair, value in network.pairs().items()
            )
            told.append(
                f"The {network.carrier} network {network.name} conducts through {parts}"
                + (f", with contact resistances between {contacts}." if contacts else ".")
            )
        return told

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentences cite."""
        keys = [key for group in self.section.measures for key in _CITED.get(group, ())]
        cited = {"electrode": "nguyen2020", "geodesic": "stenzel2016"}
        extras = self.section.transport_extras if "transport" in self.section.measures else ()
        keys += [cited[name] for name in extras if name in cited]
        return tuple(dict.fromkeys(keys))


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
