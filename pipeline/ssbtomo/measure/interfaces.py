"""Contact areas, triple lines and the coverage of a phase."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from ssbtomo.blocks.additive import measure_all
from ssbtomo.blocks.areas import ContactCounts, Contacts, InterfaceAreas, interface_areas
from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.blocks.grid import Grid
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.particles import weighted_percentile
from ssbtomo.measure.peers import AREA_PEERS, LINE_PEERS, peer_areas, peer_lines
from ssbtomo.measure.sources import Names, cut, label_of, label_source, named_phases
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from ssbtomo.blocks.engine import Source

__all__ = [
    "Estimator",
    "LineEstimator",
    "contact_areas",
    "coverage",
    "coverage_distribution",
    "triple_lines",
]

Estimator = Literal[
    "normals", "crofton", "faces", "cc3d", "matbox", "openimpala", "porespy", "taufactor"
]
LineEstimator = Literal["normals", "matbox", "taufactor"]

_FIELD = {"normals": "area_um2", "crofton": "crofton_um2", "faces": "faces_um2"}


def contact_areas(
    labels: ArrayLike,
    spacing: Spacing,
    estimator: Estimator = "normals",
    phases: Names = None,
    *,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Measure the area over which each pair of phases touches.

    ============== ================================================= =======================
    `estimator`    what it is                                        bias, measured
    ============== ================================================= =======================
    ``normals``    voxel faces weighted by the local normal          planes < 1 %, balls of
                                                                     4 voxels and more < 1 %
    ``crofton``    neighbours counted in 13 directions               planes along the axes
                                                                     -7 %, 0 on average
    ``faces``      the sum of voxel faces                            0 to +73 %, +50 % on
                                                                     average
    ``cc3d``       the same: ``cc3d.contacts``                       the same
    ``matbox``     voxel faces times 2/3; cubic voxels only          planes -33 to +15 %,
                                                                     0 on average
    ``openimpala`` the same, for one process                         the same
    ``taufactor``  number of voxel faces: ``interfacial_areas``; an  as ``faces`` for voxels
                   area only for voxels of edge 1                    of edge 1
    ``porespy``    half of what two marching-cubes meshes have more  three phases -5 %;
                   than that of both regions together:               anisotropic voxels to
                   ``region_interface_areas``; 1 where that is not   +5 %
                   positive; needs scikit-image
    ============== ================================================= =======================

    Those from ``cc3d`` on are there to see why numbers differ: they agree with what the
    programs return to 1e-4.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    estimator : str
        A row of the table.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur if not given.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    pandas.DataFrame
        Columns ``phase_a``, ``phase_b``, ``area_um2``, ``area_per_volume_um2_um3`` (per
        volume of the whole array); for ``normals`` also ``crofton_um2``, the area by that
        estimator as a check, and ``disagrees``: they differ by more than 3 %. Planes along
        the axes do, for 13 directions read them 7 % too small.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur, or there are fewer than two.
    InputDataError
        If the estimator does not exist, does not know these voxels, or what it needs is not
        installed.
    """
    import pandas as pd

    if estimator not in {*_FIELD, *AREA_PEERS}:
        raise InputDataError(
            f"there is no area estimator {estimator!r}",
            hint=f"take one of {', '.join([*_FIELD, *AREA_PEERS])}",
        )
    check: dict[str, list[float] | list[bool]] = {}
    if estimator in AREA_PEERS:
        source, named = _asked(labels, phases, engine, least=2)
        order = list(named.values())
        area, density = peer_areas(source, check_spacing(spacing), order, estimator, engine)
    else:
        source, named, areas = _measured(labels, spacing, phases, engine, least=2)
        pairs = list(combinations(named.values(), 2))
        area = np.array([getattr(areas, _FIELD[estimator])[pair] for pair in pairs])
        density = area / _volume(source, spacing)
        if estimator == "normals":
            check["crofton_um2"] = [areas.crofton_um2[pair] for pair in pairs]
            check["disagrees"] = [pair in areas.disagreeing for pair in pairs]
    names = list(combinations(named, 2))
    return pd.DataFrame(
        {
            "phase_a": [a for a, _ in names],
            "phase_b": [b for _, b in names],
            "area_um2": area,
            "area_per_volume_um2_um3": density,
            **check,
        }
    )


def triple_lines(
    labels: ArrayLike,
    spacing: Spacing,
    phases: Names = None,
    *,
    estimator: LineEstimator = "normals",
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Measure the length of the lines along which three phases meet.

    ============= ===================================================== ====================
    `estimator`   what it is                                            bias, measured
    ============= ===================================================== ====================
    ``normals``   voxel edges weighted by the local tangent             circles within 2 %
    ``matbox``    voxel edges divided by 1.455; cubic voxels only       lines -31 to +19 %
    ``taufactor`` share of all voxel edges at which the three phases    no length
                  meet: ``triple_phase_boundary``
    ============= ===================================================== ====================

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur if not given.
    estimator : {"normals", "matbox", "taufactor"}
        A row of the table; the last two agree with what the programs return to 1e-4.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    pandas.DataFrame
        Columns ``phase_a``, ``phase_b``, ``phase_c``, ``length_um``,
        ``length_per_volume_um_um3``; for ``taufactor`` ``edge_share`` in place of the last
        two.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur, or there are fewer than three.
    InputDataError
        If the estimator does not exist, or does not know these voxels.
    """
    import pandas as pd

    if estimator not in {"normals", *LINE_PEERS}:
        raise InputDataError(
            f"there is no line estimator {estimator!r}",
            hint=f"take one of {', '.join(['normals', *LINE_PEERS])}",
        )
    source, named = _asked(labels, phases, engine, least=3)
    volume = _volume(source, check_spacing(spacing))
    names = list(combinations(named, 3))
    table = pd.DataFrame(names, columns=["phase_a", "phase_b", "phase_c"])
    order = list(named.values())
    if estimator == "normals":
        grid = cut(source, engine)
        found = interface_areas(source, spacing, order, grid, engine).triple_um
        length = np.array([found[triple] for triple in combinations(order, 3)])
        return table.assign(length_um=length, length_per_volume_um_um3=length / volume)
    value = peer_lines(source, check_spacing(spacing), order, estimator, engine)
    if estimator == "taufactor":
        return table.assign(edge_share=value)
    return table.assign(length_um=value * volume, length_per_volume_um_um3=value)


def coverage(
    labels: ArrayLike,
    spacing: Spacing,
    particles: ArrayLike | None = None,
    *,
    active: int | str,
    phases: Names = None,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Measure which share of the surface of a phase each other phase covers.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    particles : array_like of int, shape (Z, Y, X), optional
        Particles of that phase, 0 for none; the shares are then given for each.
    active : int or str
        Label, or name, of the phase whose surface is covered.
    phases : mapping of str to int, or sequence of int, optional
        All phases; all labels that occur if not given.
    engine : Engine
        Where the blocks are measured.

    Returns
    -------
    pandas.DataFrame
        Columns ``phase``, ``area_um2``, ``coverage``; before them ``particle`` if particles
        were given. Contacts between particles of one phase are no part of the surface. The
        coverage of a particle without a surface is NaN.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur, or there are fewer than two.
    InputDataError
        If the particles do not fit the labels.
    """
    import pandas as pd

    if particles is not None:
        objects = label_source(particles)
        return _coverage_by_particle(labels, objects, spacing, (active, phases), engine)
    _, named, areas = _measured(labels, spacing, phases, engine, least=2)
    own = label_of(active, named)
    touching = {
        name: area
        for (a, b), area in areas.area_um2.items()
        for name, label in named.items()
        if own in (a, b) and label in (a, b) and label != own
    }
    area = np.array(list(touching.values()))
    return pd.DataFrame(
        {"phase": list(touching), "area_um2": area, "coverage": _shares(area[None])[0]}
    )


def coverage_distribution(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise the coverage of particles.

    Parameters
    ----------
    table : pandas.DataFrame
        What `coverage` returned for particles.

    Returns
    -------
    pandas.DataFrame
        For each ``phase`` that covers: ``mean``, weighted by the particles' surfaces (the
        coverage of all of them together), and ``d10``, ``d50``, ``d90``: the coverage below
        which particles with 10, 50 and 90 % of the surface lie.
    """
    import pandas as pd

    surface = table.groupby("particle")["area_um2"].sum()
    rows = []
    for phase, part in table.groupby("phase", sort=False):
        weights = surface.loc[part["particle"]].to_numpy()
        some = weights > 0
        shares = part["coverage"].to_numpy()[some]
        total = float(weights.sum())
        mean = float(part["area_um2"].sum()) / total if total > 0 else float("nan")
        spread = [weighted_percentile(shares, weights[some], p) for p in (10, 50, 90)]
        rows.append([phase, mean, *spread])
    return pd.DataFrame(rows, columns=["phase", "mean", "d10", "d50", "d90"])


def _coverage_by_particle(
    labels: ArrayLike,
    particles: Source,
    spacing: Spacing,
    asked: tuple[int | str, Names],
    engine: Engine,
) -> pd.DataFrame:
    import pandas as pd

    source = label_source(labels)
    z, y, x = source.shape
    if particles.shape != source.shape:
        raise InputDataError(
            f"the particles are {particles.shape}, the labels {source.shape}",
            hint="pass the particles that were found in these labels",
        )
    edges = check_spacing(spacing)
    named = named_phases(source, asked[1], engine, least=2)
    own = label_of(asked[0], named)
    order = tuple(named.values())
    measure = Contacts(order, edges, Grid((z, y, x), (z, y, x)), within=own)
    found: ContactCounts = measure_all(
        source, [measure], cut(source, engine), engine, objects=particles
    )[0]
    known = found.objects > 0
    numbers = found.objects[known]
    rows = [k for k, pair in enumerate(combinations(order, 2)) if own in pair]
    area = np.maximum(found.by_object.areas(edges), 0.0)[known][:, rows]
    others = [name for name, label in named.items() if label != own]
    return pd.DataFrame(
        {
            "particle": np.repeat(numbers, len(others)),
            "phase": others * len(numbers),
            "area_um2": area.ravel(),
            "coverage": _shares(area).ravel(),
        }
    )


def _measured(
    labels: ArrayLike, spacing: Spacing, phases: Names, engine: Engine, *, least: int
) -> tuple[Source, dict[str | int, int], InterfaceAreas]:
    edges = check_spacing(spacing)
    source, named = _asked(labels, phases, engine, least=least)
    grid = cut(source, engine)
    return source, named, interface_areas(source, edges, list(named.values()), grid, engine)


def _asked(
    labels: ArrayLike, phases: Names, engine: Engine, *, least: int
) -> tuple[Source, dict[str | int, int]]:
    source = label_source(labels)
    return source, named_phases(source, phases, engine, least=least)


def _volume(source: Source, spacing: Spacing) -> float:
    return float(np.prod(source.shape, dtype=np.int64)) * float(np.prod(spacing))


def _shares(area: NDArray[np.float64]) -> NDArray[np.float64]:
    total = area.sum(axis=1, keepdims=True)
    shares: NDArray[np.float64] = np.full_like(area, np.nan)
    np.divide(area, total, out=shares, where=total > 0)
    return shares
