"""Cracks of a run as facets: their geometry, where they lie, how wide grey values say they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo import io
from ssbtomo.blocks import Source
from ssbtomo.blocks.crack_paint import paint_points
from ssbtomo.blocks.crack_points import voxels_of
from ssbtomo.blocks.particles import separate
from ssbtomo.measure.crack_facets import Network, classes, measured
from ssbtomo.measure.crack_grey import grey_apertures
from ssbtomo.measure.crack_profiles import Place
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.guard import sizes_judged
from ssbtomo.stages.quantify.instances import instance_store
from ssbtomo.stages.quantify.subject import Rows, Subject
from ssbtomo.units import AXES

__all__ = ["crack_network", "facet_columns", "filling_of", "network_numbers", "network_tables"]

Table = dict[str, NDArray[Any]]

_ROLES = ("active", "electrolyte", "lithium")
_ABSENT = {"score"}  # of cracks that were found in labels


def crack_network(subject: Subject, cracks: Source) -> Network:
    """Cut the cracks of a segmentation into facets.

    Parameters
    ----------
    subject : Subject
        What is measured.
    cracks : Source
        Cracks from 1; 0 is none.

    Returns
    -------
    Network
        The same for any cut and any scheduler.

    Notes
    -----
    Memory: 200 bytes for each voxel of a crack, whatever the volume holds beside them; the
    volume itself is read block by block.
    """
    own = subject.spacing, subject.grid, subject.desk.engine
    voxels = voxels_of(cracks, subject.labels, *own, filling=filling_of(subject))
    return measured(voxels, _place(subject))


def filling_of(subject: Subject) -> int | None:
    """Return the label of the phase that may fill cracks, if that is asked for.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    int or None
        The first of role lithium.
    """
    found = _with_role(subject, "lithium") if subject.settings.filled_cracks else []
    return found[0] if found else None


def network_numbers(network: Network, subject: Subject, name: str) -> list[Measurement]:
    """Return what only a network of facets tells: facets per volume, and ways through.

    Parameters
    ----------
    network : Network
        The facets.
    subject : Subject
        What is measured.
    name : str
        The phase.

    Returns
    -------
    list of Measurement
        ``crack_facet_density``; ``crack_spanning`` and, where cracks span, ``crack_bottleneck``
        along each axis of more than one voxel.
    """
    sheets = float(np.unique(network.facets["sheet"]).size)
    found = [
        Measurement(
            "crack_facet_density", name, sheets / subject.volume_um3, "1/um^3",
            "facets of the cracks' middle surfaces; those of one plane count once",
        )
    ]  # fmt: skip
    for axis, width in zip(AXES, network.bottlenecks, strict=True):
        if subject.desk.shape[AXES.index(axis)] == 1:
            continue
        spans = "one connected crack joins both faces"
        found.append(Measurement("crack_spanning", name, float(width > 0), "1", spans, axis))
        if width > 0:
            how = "narrowest place of the widest way through the cracks"
            narrow = Measurement("crack_bottleneck", name, float(width), "um", how, axis)
            found += sizes_judged([narrow], subject)
    return found


def network_tables(
    network: Network, subject: Subject, cracks: Source, name: str
) -> dict[str, Rows]:
    """Make the tables of facets and of the lines where they meet; write the facets' store.

    Parameters
    ----------
    network : Network
        The facets.
    subject : Subject
        What is measured.
    cracks : Source
        Cracks from 1; 0 is none.
    name : str
        The phase they are of.

    Returns
    -------
    dict of str to columns
        ``facets`` and ``crack_lines``.
    """
    absent = _ABSENT if filling_of(subject) is not None else _ABSENT | {"filled"}
    facets = {key: column for key, column in network.facets.items() if key not in absent}
    with instance_store(subject, "facets") as allocate:
        sink = allocate("facets", np.int32)
        names = (network.found.facets + 1).astype(np.int32)
        desk = subject.desk
        paint_points(network.voxels.points, names, sink, subject.grid, desk.engine)
        facets |= _classes(network, subject, sink, name)
    level = _void_grey(subject, name)
    if level is not None:
        image = io.ome_zarr.open_array(desk.untouched)
        found = grey_apertures(network, image, level, _place(subject))
        # lithium is not as dark as the void
        void = network.facets["filled"] == 0
        facets |= {key: np.where(void, column, np.nan) for key, column in found.items()}
    return {"facets": facets, "crack_lines": _lines(network)}


def facet_columns(network: Network, rows: Mapping[str, NDArray[Any]]) -> Table:
    """Return what the facets add to the table of cracks.

    Parameters
    ----------
    network : Network
        The facets.
    rows : mapping of str to ndarray
        The table of cracks.

    Returns
    -------
    dict of ndarray
        ``facets`` (how many), ``facet_area_um2`` (of their middle surfaces) and ``tip_um`` (rim
        in the solid), one for each crack.
    """
    table, size = network.facets, len(rows["crack"]) + 1
    cracks = table["crack"]
    return {
        "facets": np.bincount(cracks, minlength=size)[1:],
        "facet_area_um2": np.bincount(cracks, table["area_um2"], size)[1:],
        "tip_um": np.bincount(cracks, table["tip_um"], size)[1:],
    }


def _place(subject: Subject) -> Place:
    desk = subject.desk
    return Place(subject.spacing, subject.grid, desk.engine, desk.axis)


def _void_grey(subject: Subject, name: str) -> float | None:
    """Return the grey value of the phase, if the segmentation knows it."""
    known = subject.desk.facts["segment"].get("tables", {}).get("phase_grey")
    if known is None:
        return None
    means = dict(zip(known["phase"], known["mean"], strict=False))
    return float(means[name]) if name in means else None


def _lines(network: Network) -> Table:
    """Return the intersection lines, each with the facets that meet there."""
    links = network.links
    order = np.argsort(links["line"], kind="stable")
    ends = np.searchsorted(links["line"][order], network.lines["line"], side="right")
    starts = np.searchsorted(links["line"][order], network.lines["line"])
    facets = links["facet"][order]
    joined = ["+".join(map(str, facets[a:b])) for a, b in zip(starts, ends, strict=True)]
    crack = [network.facets["crack"][facets[a] - 1] for a in starts]
    found = {**network.lines, "facets": np.array(joined, dtype=object)}
    return {**found, "crack": np.array(crack, dtype=np.int64)}


def _classes(network: Network, subject: Subject, facets: Source, name: str) -> Table:
    """Tell where facets lie, by the roles of the phases on their two sides."""
    firsts = {role: _with_role(subject, role) for role in _ROLES}
    roles = {role: labels[0] for role, labels in firsts.items() if labels}
    if not roles:
        return {}
    one = np.arange(256, dtype=np.uint8)
    for labels in firsts.values():
        one[labels] = labels[:1]
    phases = _Renamed(subject.labels, one)
    tell = partial(_told, network, phases, _place(subject), (subject.label_of(name), roles))
    told = tell(None)
    inner = np.append(False, told["share_unknown"] > 0.5)
    if "active" not in roles or not inner.any():
        return told
    desk = subject.desk
    healed = _Healed(phases, facets, inner, roles["active"])
    whole = separate(
        healed, subject.spacing, subject.grid, desk.engine, allocate=desk.allocate, phase=1
    ).labels
    return tell(whole)


def _told(
    network: Network,
    phases: Source,
    place: Place,
    known: tuple[int, Mapping[str, int]],
    particles: Source | None,
) -> Table:
    """Tell the classes; what is behind the lithium too, for facets that it fills."""
    void, roles = known
    told = classes(network, phases, place, passed=(void,), roles=roles, particles=particles)
    filled = network.facets["filled"] > 0
    if not filled.any():
        return told
    passed = (void, roles["lithium"])
    behind = classes(network, phases, place, passed=passed, roles=roles, particles=particles)
    return {key: np.where(filled, behind[key], column) for key, column in told.items()}


def _with_role(subject: Subject, role: str) -> list[int]:
    return [label for label, phase in enumerate(subject.phases) if phase.role == role]


@dataclass(frozen=True, slots=True, eq=False)
class _Renamed:
    """Labels of which some are taken for others."""

    source: Source
    names: NDArray[np.uint8]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (Z, Y, X)."""
        return self.source.shape

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""
        return self.names.dtype

    def __getitem__(self, window: Any) -> NDArray[np.uint8]:
        """Read a box."""
        found: NDArray[np.uint8] = self.names[np.asarray(self.source[window])]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Healed:
    """1 where a phase is, and where chosen facets part it: the phase before it cracked."""

    phases: Source
    facets: Source
    chosen: NDArray[np.bool_]
    phase: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (Z, Y, X)."""
        return self.phases.shape

    @property
    def dtype(self) -> Any:
        """Type of a voxel."""
        return np.dtype(np.uint8)

    def __getitem__(self, window: Any) -> NDArray[np.uint8]:
        """Read a box."""
        whole = np.asarray(self.phases[window]) == self.phase
        whole |= self.chosen[np.asarray(self.facets[window])]
        return np.asarray(whole, dtype=np.uint8)
