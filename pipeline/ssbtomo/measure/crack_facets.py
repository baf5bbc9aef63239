"""Facets of a crack network, measured: what each point stands for, and the tables made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.crack_points import CrackVoxels
from ssbtomo.blocks.crack_sides import side_labels
from ssbtomo.blocks.facets import Facets, find_facets, over_points
from ssbtomo.kernels.crack_facets import ordered
from ssbtomo.kernels.crack_lines import Surface, line_rows
from ssbtomo.kernels.crack_points import group_extents
from ssbtomo.kernels.facet_sums import bottlenecks, disc_means, local_apertures, rim_lengths
from ssbtomo.kernels.facet_table import Surfels, facet_rows
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.measure.crack_profiles import (
    Place,
    across,
    discs,
    filled_up,
    inner_apertures,
    inner_contents,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssbtomo.blocks.engine import Source
    from ssbtomo.kernels.cracks import Limits

__all__ = ["CLASSES", "Network", "classes", "measured", "with_grey"]

Table = dict[str, "NDArray[Any]"]

#: Where a facet lies, told from what is on its two sides.
CLASSES = ("interfacial", "intra_particle", "intergranular", "bulk", "lithium", "open", "unknown")

_RIM = 4.5  # radius in voxel edges of the discs that find rims
_LOCAL = 4.0  # radius in voxel edges over which local apertures are measured
_SCRAP = 50.0  # smallest facet of an image, in squared voxel edges
_SCRAP_LINE = 15.0  # shortest one of a slice, in voxel edges


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A crack network, point by point and facet by facet.

    Parameters
    ----------
    voxels : CrackVoxels
        The voxels that are left.
    surfels : Surfels
        What each voxel stands for.
    found : Facets
        Planes and facets.
    facets, lines, links : dict of ndarray
        See `ssbtomo.kernels.facet_table.facet_rows` and `ssbtomo.kernels.crack_lines.line_rows`.
    bottlenecks : tuple of float
        Aperture in µm of the narrowest place of the widest way through, along (Z, Y, X); 0
        where the cracks do not span.
    """

    voxels: CrackVoxels
    surfels: Surfels
    found: Facets
    facets: Table
    lines: Table
    links: Table
    bottlenecks: tuple[float, float, float]


def measured(voxels: CrackVoxels, place: Place) -> Network:
    """Cut cracks into facets and measure them by their voxels.

    Parameters
    ----------
    voxels : CrackVoxels
        The cracks.
    place : Place
        Where the work is done.

    Returns
    -------
    Network
        Volumes are voxel counts, apertures volume by area.
    """
    found = find_facets(voxels.points, voxels.groups, place.engine)
    edge, count = voxel_edge(place.spacing), len(voxels.groups)
    fields = found.areas, found.widths, _LOCAL * edge
    task = partial(local_apertures, voxels.points, found.facets, found.normals, fields)
    apertures = over_points(task, count, place.engine)
    contents = np.full(count, np.prod(place.spacing), dtype=np.float32)
    return _network(voxels, found, (found.areas, contents, apertures), place)


def with_grey(
    voxels: CrackVoxels,
    image: Source,
    level: float,
    place: Place,
    *,
    limits: tuple[Limits, float] | None = None,
) -> Network:
    """Cut cracks into facets and measure their apertures by what grey values lack.

    Parameters
    ----------
    voxels : CrackVoxels
        The cracks.
    image : Source
        Grey values.
    level : float
        Grey value of a crack so wide that its middle is not blurred.
    place : Place
        Where the work is done.
    limits : tuple, optional
        What is a crack, and the least aperture in µm: sheets that are too wide, too narrow, or too
        small for their aperture, and connected cracks that are too small, are dropped. Without it
        rims are looked for: where the aperture falls to half of that further inside.

    Returns
    -------
    Network
        Volumes are apertures times areas; where a profile tells nothing the facet's mean counts.
    """
    found = find_facets(voxels.points, voxels.groups, place.engine)
    lacking, smooth = across(voxels, found, image, level, place)
    edge, held = voxel_edge(place.spacing), np.isfinite(lacking)
    areas, keep = found.areas, np.ones(held.size, dtype=bool)
    if limits is None:
        inner = inner_apertures(voxels.points, smooth, held, edge, place.engine)
        keep = held & (smooth >= 0.5 * inner)
        areas = np.where(keep, areas, 0).astype(np.float32)
    told = np.where(held, areas, 0).astype(np.float32)
    lacking = np.where(keep, lacking, np.nan)
    around = discs(told, voxels, found, place)
    with np.errstate(divide="ignore", invalid="ignore"):
        local = np.where(told > 0, smooth / around, np.nan).astype(np.float32)
    if limits is not None:
        lacking = inner_contents(lacking, (told, around), voxels, found, place)
    contents = filled_up(lacking, areas, found)
    rows = _large(found, areas, contents, place, limits)[found.facets]
    if limits is not None:
        extents = group_extents(voxels.points, voxels.groups)
        rows &= (extents >= limits[0].extent)[voxels.groups]
    fields = areas[rows], contents[rows], local[rows]
    less = replace(found, areas=areas)
    return _network(*_cut_down(voxels, less, rows), fields, place)


def _large(
    found: Facets,
    areas: NDArray[np.float32],
    contents: NDArray[np.float32],
    place: Place,
    limits: tuple[Limits, float] | None,
) -> NDArray[np.bool_]:
    """Tell which facets are no scrap, and of sheets that are wide for their aperture."""
    edge, shape = voxel_edge(place.spacing), np.asarray(place.grid.shape)
    depth = float(np.prod(np.asarray(place.spacing)[shape == 1]))  # of a slice; else 1
    flat = bool((shape == 1).any())
    total = np.bincount(found.facets, areas, found.count)
    large: NDArray[np.bool_] = total >= (_SCRAP_LINE * edge * depth if flat else _SCRAP * edge**2)
    if limits is None:
        return large
    own = found.sheets[found.facets]
    area, volume = (np.bincount(own, part, found.count) for part in (areas, contents))
    aperture = np.divide(volume, area, out=np.zeros(area.size), where=area > 0)
    extent = area / depth if flat else np.sqrt(area)
    rules, least = limits
    kept = (aperture <= rules.aperture) & (extent >= rules.aspect * aperture)
    kept &= aperture >= least
    return np.asarray(large & kept[found.sheets])


def classes(
    network: Network,
    labels: Source,
    place: Place,
    *,
    passed: tuple[int, ...],
    roles: Mapping[str, int],
    particles: Source | None,
) -> Table:
    """Tell where each facet lies, from what is on its two sides.

    Parameters
    ----------
    network : Network
        The facets.
    labels : Source
        Phases.
    place : Place
        Where the work is done.
    passed : tuple of int
        Labels that cracks are made of.
    roles : mapping of str to int
        Labels of ``"active"``, ``"electrolyte"`` and ``"lithium"``, as far as there are any.
    particles : Source or None
        Number of the particle of active material at each voxel.

    Returns
    -------
    dict of ndarray
        ``class`` (of the largest share of the area), ``share_...`` for each of `CLASSES`.
    """
    found = network.found
    ways = found.normals, found.heights, found.widths
    own = place.spacing, place.grid, place.engine
    sides = side_labels(labels, *own, points=found.points, ways=ways, passed=passed)
    grains = None
    if particles is not None:
        grains = side_labels(particles, *own, points=found.points, ways=ways, passed=(0,))
    kinds = _kinds(sides, grains, roles)
    count = len(network.facets["facet"])
    shares = np.zeros((count, len(CLASSES)))
    weights = network.surfels.areas.astype(np.float64)
    np.add.at(shares, (network.surfels.facets, kinds), weights)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)
    chief = np.array(CLASSES, dtype=object)[np.argmax(shares, axis=1)]
    table: Table = {"class": chief}
    return table | {f"share_{name}": shares[:, k] for k, name in enumerate(CLASSES)}


def _kinds(
    sides: NDArray[np.int64], grains: NDArray[np.int64] | None, roles: Mapping[str, int]
) -> NDArray[np.int64]:
    """Return the class of each point, as an index into `CLASSES`."""
    active, solid = roles.get("active", -9), roles.get("electrolyte", -9)
    first, second = sides[:, 0], sides[:, 1]
    both = (first == active) & (second == active)
    kinds = np.full(len(sides), CLASSES.index("unknown"))
    kinds[((first == active) & (second == solid)) | ((first == solid) & (second == active))] = 0
    if grains is not None:
        same = (grains[:, 0] == grains[:, 1]) & (grains[:, 0] > 0)
        kinds[both & same] = CLASSES.index("intra_particle")
        kinds[both & ~same] = CLASSES.index("intergranular")
    kinds[(first == solid) & (second == solid)] = CLASSES.index("bulk")
    lithium = roles.get("lithium", -9)
    kinds[(first == lithium) | (second == lithium)] = CLASSES.index("lithium")
    kinds[(first < 0) | (second < 0)] = CLASSES.index("open")
    return kinds


def _network(
    voxels: CrackVoxels,
    found: Facets,
    fields: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    place: Place,
) -> Network:
    points, edge, count = found.points, voxel_edge(place.spacing), len(voxels.groups)
    areas, contents, apertures = fields
    own = found.sheets[found.facets]
    task = partial(disc_means, points, own, found.normals, (areas, _RIM * edge))
    means = over_points(task, count, place.engine)
    rims = rim_lengths(points, own, (areas, means, _RIM * edge))
    surfels = Surfels(
        points, found.facets, voxels.groups, areas, contents, rims, apertures, found.normals
    )
    facets = facet_rows(surfels, found.sheets, place.axis)
    facets |= _where(facets, place)
    filled = surfels.total(voxels.bright, found.count)
    facets["filled"] = filled / np.maximum(facets["voxels"], 1)
    facets["score"] = surfels.total(voxels.scores, found.count) / np.maximum(facets["voxels"], 1)
    surface = Surface(found.normals, found.heights, found.widths, areas)
    lines, links = line_rows(points, found.touching, (found.facets, found.sheets), surface)
    facets["neighbours"] = _neighbours(links, found.count)
    narrow = bottlenecks(points, voxels.groups, found.widths)
    return Network(voxels, surfels, found, facets, lines, links, narrow)


def _cut_down(
    voxels: CrackVoxels, found: Facets, rows: NDArray[np.bool_]
) -> tuple[CrackVoxels, Facets]:
    """Return what is left of a network when facets are dropped, numbered anew."""
    before = np.append(0, np.cumsum(rows))
    points = found.points._replace(places=found.points.places[rows], rows=before[found.points.rows])
    facets = ordered(found.facets[rows].astype(np.int64))
    fresh = np.full(found.count, -1, dtype=np.int64)
    fresh[found.facets[rows]] = facets
    sheets = np.empty(int(facets.max(initial=-1)) + 1, dtype=np.int64)
    sheets[fresh[fresh >= 0]] = found.sheets[fresh >= 0]
    touching = found.touching
    pairs = fresh[touching[:, :2].astype(np.int64)]
    held = (pairs >= 0).all(axis=1) & rows[touching[:, 2].astype(np.int64)]
    touching, pairs = touching[held].copy(), pairs[held]
    touching[:, :2] = np.sort(pairs, axis=1)
    touching[:, 2] = before[touching[:, 2].astype(np.int64)]
    groups = ordered(voxels.groups[rows].astype(np.int64))
    left = replace(
        voxels, points=points, groups=groups, scores=voxels.scores[rows],
        bright=voxels.bright[rows], strengths=voxels.strengths[rows],
    )  # fmt: skip
    fewer = Facets(
        points, groups, facets, ordered(sheets), found.widths[rows], found.normals[rows],
        found.heights[rows], found.areas[rows], touching,
    )  # fmt: skip
    return left, fewer


def _where(facets: Table, place: Place) -> Table:
    """Return distances to the two ends of the stack, and how near to its side a facet lies."""
    names, shape = "zyx", place.grid.shape
    size = np.asarray(shape) * np.asarray(place.spacing)
    along = facets[f"{names[place.axis]}_um"]
    gaps = [
        np.minimum(facets[f"{name}_um"], size[k] - facets[f"{name}_um"]) / size[k]
        for k, name in enumerate(names)
        if k != place.axis and shape[k] > 1
    ]
    gap = np.min(gaps, axis=0) if gaps else np.full(along.shape, 0.5)
    zone = np.where(gap < 0.15, "edge", "centre").astype(object)
    return {"to_start_um": along, "to_end_um": size[place.axis] - along, "zone": zone}


def _neighbours(links: Table, count: int) -> NDArray[Any]:
    """Return the facets that each one meets at its lines, joined by ``+``."""
    near: list[set[int]] = [set() for _ in range(count)]
    for line in np.unique(links["line"]):
        members = [int(f) for f in links["facet"][links["line"] == line]]
        for facet in members:
            near[facet - 1] |= set(members) - {facet}
    return np.array(["+".join(map(str, sorted(others))) for others in near], dtype=object)
