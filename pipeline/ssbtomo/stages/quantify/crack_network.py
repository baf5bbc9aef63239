"""The crack network: the plate-like part of the void, crack by crack and facet by facet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.crack_fill import filled_cracks
from ssbtomo.blocks.cracks import Cracks, crack_table, split_cracks
from ssbtomo.blocks.passes import Allocate
from ssbtomo.kernels.resolution import check_particles
from ssbtomo.measure.crack_facets import Network
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.crack_facets import (
    crack_network,
    facet_columns,
    filling_of,
    network_numbers,
    network_tables,
)
from ssbtomo.stages.quantify.guard import sizes_judged
from ssbtomo.stages.quantify.instances import instance_store
from ssbtomo.stages.quantify.subject import Findings, Rows, Subject

__all__ = ["measure_cracks"]


def measure_cracks(subject: Subject) -> Findings:
    """Split the void into pores and cracks, cut the cracks into facets, and measure them.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``crack_count``, ``crack_area_per_volume``, ``crack_volume_fraction``,
        ``crack_aperture_mean``, ``crack_aperture_grey``, ``crack_facet_density``,
        ``crack_spanning`` and ``crack_bottleneck``; tables ``cracks``, ``facets`` and
        ``crack_lines``; stores ``cracks`` and ``facets``.

    Notes
    -----
    Memory: that of `ssbtomo.blocks.cracks.split_cracks` in blocks, and 200 bytes for each voxel
    of a crack while facets are made.
    """
    name = subject.settings.pore_phase or subject.phase_of("void")
    if name is None:
        return Findings()
    network, tables = _found(subject, name)
    measured = [*_numbers(network, subject, name), *network_numbers(network, subject, name)]
    if "facets" in tables and "aperture_grey_um" in tables["facets"]:
        measured += _grey_number(tables["facets"], name)
    return Findings(measured, tables)


def _found(subject: Subject, name: str) -> tuple[Network, dict[str, Rows]]:
    """Search block by block; all but cracks and facets is on disk only meanwhile."""
    place = (subject.spacing, subject.grid, subject.desk.engine)
    with instance_store(subject, "cracks") as allocate:
        found = _searched(subject, name, allocate)
        if found.absent:
            raise subject.missing(name)
        network = crack_network(subject, found.labels)
        if not subject.full:
            return network, {}
        rows = crack_table(found.labels, *place)
        tables = network_tables(network, subject, found.labels, name)
    return network, {"cracks": {**rows, **facet_columns(network, rows)}, **tables}


def _searched(subject: Subject, name: str, allocate: Allocate) -> Cracks:
    place = (subject.spacing, subject.grid, subject.desk.engine)
    phase, filling = subject.label_of(name), filling_of(subject)
    if filling is None:
        return split_cracks(subject.labels, *place, allocate=allocate, phase=phase)
    axis, phases = subject.desk.axis, (phase, filling)
    return filled_cracks(subject.labels, *place, allocate=allocate, phases=phases, axis=axis)


def _numbers(network: Network, subject: Subject, name: str) -> Iterator[Measurement]:
    table, count = network.facets, int(network.voxels.groups.max(initial=-1)) + 1
    area, volume = float(np.sum(table["area_um2"])), float(np.sum(table["volume_um3"]))
    thin = int((~check_particles(table["aperture_um"], subject.spacing)).sum())
    warnings = (f"{thin} facets of cracks are thinner than 3 voxels",) if thin else ()
    how = "plate-like part of the void"
    yield Measurement("crack_count", name, float(count), "1", how)
    yield Measurement(
        "crack_area_per_volume", name, area / subject.volume_um3, "1/um",
        f"{how}; middle surface of its facets, lines along the axes", warnings=warnings,
    )  # fmt: skip
    fraction = volume / subject.volume_um3
    yield Measurement("crack_volume_fraction", name, fraction, "1", f"{how}; voxel count")
    if area > 0:
        mean = Measurement(
            "crack_aperture_mean", name, volume / area, "um", f"{how}; volume / area (2V/S)",
            warnings=warnings,
        )  # fmt: skip
        yield from sizes_judged([mean], subject)


def _grey_number(facets: Mapping[str, Any], name: str) -> Iterator[Measurement]:
    """Weigh the apertures by grey values with the areas of the facets that have one."""
    aperture: NDArray[np.float64] = np.asarray(facets["aperture_grey_um"], dtype=np.float64)
    area = np.where(np.isfinite(aperture), facets["area_um2"], 0.0)
    if area.sum() > 0:
        mean = float(np.sum(np.nan_to_num(aperture) * area) / area.sum())
        how = "plate-like part of the void; grey values lacking across its facets, by area"
        yield Measurement("crack_aperture_grey", name, mean, "um", how)
