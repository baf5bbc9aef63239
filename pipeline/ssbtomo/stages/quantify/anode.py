"""The anode: lithium in the electrolyte, and voids where the two should touch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo import io
from ssbtomo.blocks.grid import Grid
from ssbtomo.blocks.stack import Stack, columns
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.surface_plane import Plane
from ssbtomo.measure.anode import AnodeInterface, interface_of
from ssbtomo.measure.penetration import Penetration, penetration_of, planes_of
from ssbtomo.results import Measurement
from ssbtomo.stages.desk import clipped
from ssbtomo.stages.quantify.instances import instance_store
from ssbtomo.stages.quantify.subject import Findings, Rows, Subject

__all__ = ["measure_anode"]

_COLUMNS = "columns along the transport axis"
_PIECES = "lithium beyond the electrode's surface plane, 26 neighbours"
_STATES = ("stable", "transition", "contact failure")


def measure_anode(subject: Subject) -> Findings:
    """Measure the filaments of lithium, and its interface with the electrolyte.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``lithium_depth`` …, ``anode_contact_fraction`` …; tables ``filaments`` and ``voids``; stores
        ``filaments``, ``anode-contact``, ``anode-gap``, ``anode-lithium`` and
        ``anode-electrolyte`` (maps, one voxel deep along the axis). Nothing without lithium and
        electrolyte, and for volumes in which no column holds both.
    """
    roles = {label: phase.role for label, phase in enumerate(subject.phases)}
    if not {"lithium", "electrolyte"} <= {*roles.values()}:
        return Findings()
    asked = subject.settings
    stack = Stack(subject.labels, dict(roles), subject.desk.axis, asked.anode_side == "high")
    maps = columns(stack, subject.grid, subject.desk.engine)
    try:
        planes = planes_of(maps, subject.spacing[stack.axis], thickness=asked.electrolyte_thickness)
        face = interface_of(
            maps, stack, subject.spacing, states=asked.contact_states,
            cutoff=asked.roughness_cutoff, charge=asked.charge,
        )  # fmt: skip
    except InputDataError:
        return Findings()  # lithium that is no electrode: dead, or in another place
    with instance_store(subject, "filaments") as allocate:
        found = penetration_of(
            stack, planes, subject.spacing, subject.grid, subject.desk.engine,
            allocate=allocate, cracks=_cracks(subject),
        )  # fmt: skip
    measured = [*_lithium(found, subject), *_interface(face, subject), *_layers(face, subject)]
    if not subject.full:
        return Findings(measured)
    _write_maps(face, subject)
    tables: dict[str, Rows] = {"filaments": found.rows, "voids": _renamed(face.voids, stack.axis)}
    return Findings(measured, tables)


def _cracks(subject: Subject) -> Any:
    path = subject.desk.store("cracks")
    use = subject.full and "cracks" in subject.settings.measures and path.is_dir()
    return io.ome_zarr.open_array(path) if use else None


def _renamed(rows: Rows, axis: int) -> Rows:
    """Name the columns of a map by the axes that they are."""
    v, u = (name for k, name in enumerate("zyx") if k != axis)
    names = {"v_um": f"{v}_um", "u_um": f"{u}_um"}
    return {names.get(key, key): column for key, column in rows.items()}


def _role(subject: Subject, role: str) -> str:
    return subject.desk.sample.phase_of(role) or role


def _lithium(found: Penetration, subject: Subject) -> Iterator[Measurement]:
    name, axis, row = _role(subject, "lithium"), subject.axis, found.deepest
    how = f"{_PIECES}; surface {_written(found.planes.surface)}"
    depth = 0.0 if row is None else float(found.rows["depth_um"][row])
    share = 0.0 if row is None else float(found.rows["depth_share"][row])
    yield Measurement("lithium_depth", name, depth, "um", how, axis)
    yield Measurement("lithium_depth_share", name, share, "1", how, axis)
    yield Measurement("lithium_short", name, float(found.short), "1", how, axis)
    count = float(found.found.pieces.size.size)
    yield Measurement("filament_count", name, count, "1", how, axis)
    yield Measurement("filament_volume", name, found.volume_um3, "um^3", how, axis)
    yield Measurement("lithium_under_surface", name, found.under_um3, "um^3", how, axis)
    yield Measurement(
        "dead_lithium_volume", name, found.dead_um3, "um^3",
        "pieces of lithium joined to neither electrode, 26 neighbours", axis,
    )  # fmt: skip


def _written(plane: Plane) -> str:
    return f"at {plane.offset:.4g} + {plane.along_v:.3g} v + {plane.along_u:.3g} u voxels"


def _interface(face: AnodeInterface, subject: Subject) -> Iterator[Measurement]:
    pair = f"{_role(subject, 'lithium')}|{_role(subject, 'electrolyte')}"
    stable, transition = subject.settings.contact_states
    axis = subject.axis
    yield Measurement("anode_contact_fraction", pair, face.contact_fraction, "1", _COLUMNS, axis)
    yield Measurement(
        "anode_contact_state", pair, float(_STATES.index(face.state)), "1",
        f"0 stable, 1 transition (below {stable:g}), 2 contact failure (below {transition:g}): "
        "thresholds by convention", axis,
    )  # fmt: skip
    rows = face.voids
    count = len(rows["void"])
    yield Measurement("anode_void_count", pair, float(count), "1", _COLUMNS, axis)
    yield Measurement("anode_void_thickness", pair, face.void_um, "um", _COLUMNS, axis)
    yield Measurement("buried_void_thickness", pair, face.buried_um, "um", _COLUMNS, axis)
    if count:
        extent = float(np.average(rows["extent_um"], weights=rows["area_um2"]))
        depth = float(np.average(rows["depth_um"], weights=rows["area_um2"]))
        yield Measurement("anode_void_extent", pair, extent, "um", f"{_COLUMNS}; by area", axis)
        yield Measurement("anode_void_depth", pair, depth, "um", f"{_COLUMNS}; by area", axis)


def _layers(face: AnodeInterface, subject: Subject) -> Iterator[Measurement]:
    axis = subject.axis
    layers = (
        ("lithium", face.lithium_um, face.lithium_texture),
        ("electrolyte", face.electrolyte_um, face.electrolyte_texture),
    )
    for role, thickness, texture in layers:
        name = _role(subject, role)
        yield Measurement("layer_thickness", name, _mean(thickness), "um", _COLUMNS, axis)
        spread = float(np.nanstd(thickness, dtype=np.float64))
        yield Measurement("layer_thickness_sd", name, spread, "um", _COLUMNS, axis)
        how = f"ISO 16610-61 Gaussian filter, cutoff {texture.cutoff_um:.4g} um"
        yield Measurement("surface_ra", name, texture.ra_um, "um", how, axis)
        yield Measurement("surface_rq", name, texture.rq_um, "um", how, axis)
        yield Measurement("surface_wq", name, texture.wq_um, "um", how, axis)
    if face.charge is not None:
        name = _role(subject, "lithium")
        how = f"thickness / {face.lithium_expected_um:.4g} um of dense lithium for the charge"
        yield Measurement("lithium_per_charge", name, face.lithium_share, "1", how, axis)
        yield Measurement("void_per_charge", name, face.void_share, "1", how, axis)


def _mean(values: NDArray[np.float32]) -> float:
    return float(np.nanmean(values, dtype=np.float64))


def _write_maps(face: AnodeInterface, subject: Subject) -> None:
    """Write the maps as volumes of one voxel along the axis."""
    desk = subject.desk
    for name, values in (
        ("anode-contact", face.kinds),
        ("anode-gap", face.gap_um),
        ("anode-lithium", face.lithium_um),
        ("anode-electrolyte", face.electrolyte_um),
    ):
        thick = np.expand_dims(values, desk.axis)
        z, y, x = thick.shape
        kind: Literal["labels", "image"] = "labels" if name == "anode-contact" else "image"
        block = clipped(desk.block, (z, y, x))
        sink = io.ome_zarr.create(
            desk.draft(name),
            thick.shape,
            thick.dtype,
            desk.spacing,
            kind=kind,
            block=block,
        )
        for part in Grid((z, y, x), block):
            sink[part.core] = thick[part.core]
        io.ome_zarr.finish(desk.work / "drafts" / f"{name}.ome.zarr", desk.engine)
        desk.publish(name)
