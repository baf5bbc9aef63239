"""Contacts as other programs count them, so that users can see why numbers differ.

All of them count voxel faces, voxel neighbours or voxel edges; they differ in which, and in the
factor behind. `ssbtomo.kernels.area_meshes` and `ssbtomo.kernels.area_gradient` hold those that
do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crofton import AXIS_DIRECTIONS, DIRECTIONS
from ssbtomo.kernels.normals import Window
from ssbtomo.kernels.phase_pairs import pair_table, phase_index, triple_table
from ssbtomo.units import Spacing

__all__ = [
    "COUNTED",
    "LINES_COUNTED",
    "ContactCounts",
    "contact_counts",
    "contact_density",
    "line_density",
    "neighbour_counts",
]

COUNTED = ("cc3d", "matbox", "openimpala", "taufactor")
"""Programs whose contact areas follow from counts of voxel faces."""

LINES_COUNTED = ("matbox", "taufactor")
"""Programs whose triple lines follow from counts of voxel edges."""

_OF_FACES = 2 / 3
_OF_EDGES = 1 / 1.455
_CUBIC = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class ContactCounts:
    """Integers that add over blocks.

    Parameters
    ----------
    neighbours : ndarray of int64, shape (pairs, 13)
        Neighbouring voxels of each pair of phases in each direction of
        `ssbtomo.kernels.crofton.DIRECTIONS`, both inside the volume.
    edges : ndarray of int64, shape (triples, 3)
        Voxel edges along each axis whose four voxels hold all three phases.
    """

    neighbours: NDArray[np.int64]
    edges: NDArray[np.int64]

    def __add__(self, other: ContactCounts) -> ContactCounts:
        return ContactCounts(self.neighbours + other.neighbours, self.edges + other.edges)


def contact_counts(
    labels: NDArray[np.integer], phases: Sequence[int], *, inner: Window | None = None
) -> ContactCounts:
    """Count neighbouring voxels of each pair of phases, and edges of each triple.

    Holds 1 byte per voxel beyond the labels.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        A block with a margin of one voxel inside the volume.
    phases : sequence of int
        The labels of the phases; other labels are left out.
    inner : tuple of slice, optional
        The owned voxels; all of them if not given. A neighbour pair, or an edge, belongs to
        its first voxel in the order of positions.

    Returns
    -------
    ContactCounts
        Over any partition of a volume into blocks they sum to those of the whole.
    """
    owned = inner or tuple(slice(0, size) for size in labels.shape)
    bounds = np.array([[part.start, part.stop] for part in owned], dtype=np.int64)
    index = phase_index(labels, phases)
    pairs, triples = (
        pair_table(len(phases)),
        triple_table(len(phases), none=math.comb(len(phases), 3)),
    )
    neighbours = np.zeros((int(pairs.max()) + 1, len(DIRECTIONS)), dtype=np.int64)
    edges = np.zeros((int(triples.max()) + 1, 3), dtype=np.int64)
    _count_neighbours(index, bounds, pairs, np.array(DIRECTIONS), neighbours)
    if len(edges) > 1:
        _count_edges(index, bounds, triples, edges)
    return ContactCounts(neighbours[:-1], edges[:-1])


def contact_density(
    counts: ContactCounts,
    spacing: Spacing,
    voxels: int,
    estimator: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return contact areas and areas per volume by the definition of another program.

    ============== ===================================================== ====================
    `estimator`    what it returns                                       bias
    ============== ===================================================== ====================
    ``cc3d``       ``contacts``: the sum of the voxel faces              planes 0 to +73 %,
                                                                         +50 % on average
    ``taufactor``  ``interfacial_areas``: the number of voxel faces, by  the same; wrong by
                   the volume; an area only for voxels of edge 1         the square of the
                                                                         voxel size
    ``matbox``     specific interface area: faces times 2/3              planes -33 to +15 %,
                                                                         0 on average
    ``openimpala`` specific surface area: the same, for one process      the same
    ============== ===================================================== ====================

    Parameters
    ----------
    counts : ContactCounts
        Of the whole volume.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    voxels : int
        Voxels of the volume.
    estimator : str
        One of `COUNTED`.

    Returns
    -------
    areas : ndarray of float64, shape (pairs,)
        Square micrometres (for ``taufactor`` a bare number).
    densities : ndarray of float64, shape (pairs,)
        The same per volume of the whole array.

    Raises
    ------
    InputDataError
        If the program knows cubic voxels only, and these are not.
    """
    volume = voxels * float(np.prod(spacing))
    faces = counts.neighbours[:, AXIS_DIRECTIONS]
    if estimator == "taufactor":
        areas = faces.sum(axis=1).astype(np.float64)
    elif estimator == "cc3d":
        areas = (faces * (np.prod(spacing) / np.array(spacing))).sum(axis=1)
    else:
        areas = faces.sum(axis=1) * _cubic_edge(spacing, estimator) ** 2 * _OF_FACES
    return areas, areas / volume


def line_density(
    counts: ContactCounts, spacing: Spacing, shape: Sequence[int], estimator: str
) -> NDArray[np.float64]:
    """Return the triple lines of each triple by the definition of another program.

    ============= ======================================================= ===================
    `estimator`   what it returns                                         bias
    ============= ======================================================= ===================
    ``matbox``    edges at which three phases meet, in length per volume, lines -31 to +19 %,
                  divided by 1.455                                        +5 % on a circle
    ``taufactor`` the share of such edges among all edges inside the      no length at all
                  volume; the voxel size does not matter
    ============= ======================================================= ===================

    Parameters
    ----------
    counts : ContactCounts
        Of the whole volume.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    shape : sequence of int
        Voxels of the volume along (Z, Y, X).
    estimator : str
        One of `LINES_COUNTED`.

    Returns
    -------
    ndarray of float64, shape (triples,)
        1/um^2 for ``matbox``, a share for ``taufactor``; NaN where there is no edge at all.

    Raises
    ------
    InputDataError
        If the program knows cubic voxels only, and these are not.
    """
    total = counts.edges.sum(axis=1)
    z, y, x = (int(size) for size in shape)
    if estimator == "taufactor":
        edges = z * (y - 1) * (x - 1) + y * (z - 1) * (x - 1) + x * (z - 1) * (y - 1)
        return total / edges if edges else np.full(len(total), np.nan)
    edge = _cubic_edge(spacing, estimator)
    density: NDArray[np.float64] = total * edge * _OF_EDGES / (z * y * x * edge**3)
    return density


def neighbour_counts(counts: ContactCounts, connectivity: int) -> NDArray[np.int64]:
    """Return how many neighbouring voxels each pair of phases has.

    It is what ``cc3d.contacts(..., surface_area=False)`` returns; no area.

    Parameters
    ----------
    counts : ContactCounts
        Of the whole volume.
    connectivity : {6, 18, 26}
        Neighbours across faces; or also across edges; or also across corners.

    Returns
    -------
    ndarray of int64, shape (pairs,)
        Each pair of voxels counts once.

    Raises
    ------
    InputDataError
        If there is no such connectivity.
    """
    steps = {6: 1, 18: 2, 26: 3}
    if connectivity not in steps:
        raise InputDataError(f"voxels have no {connectivity} neighbours", hint="take 6, 18 or 26")
    near = np.abs(np.array(DIRECTIONS)).sum(axis=1) <= steps[connectivity]
    total: NDArray[np.int64] = counts.neighbours[:, near].sum(axis=1)
    return total


def _cubic_edge(spacing: Spacing, estimator: str) -> float:
    if max(spacing) > min(spacing) * (1 + _CUBIC):
        raise InputDataError(
            f"{estimator} has no definition for voxels of {spacing} um: it knows cubes only",
            hint="take the estimator normals, which is right for any voxel",
        )
    return float(spacing[0])


@njit(nogil=True, cache=True)
def _count_neighbours(
    index: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    pair_of: NDArray[np.int32],
    directions: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Count each unlike pair of voxels once, at the voxel that its direction leads from."""
    depth, height, width = index.shape
    for d in range(len(directions)):
        dz, dy, dx = directions[d]
        for z in range(bounds[0, 0], bounds[0, 1]):
            for y in range(bounds[1, 0], bounds[1, 1]):
                if not (0 <= z + dz < depth and 0 <= y + dy < height):
                    continue
                here, there = index[z, y], index[z + dz, y + dy]
                low, high = max(bounds[2, 0], -dx), min(bounds[2, 1], width - dx)
                for x in range(low, high):
                    if here[x] != there[x + dx]:
                        counts[pair_of[here[x], there[x + dx]], d] += 1


@njit(nogil=True, cache=True)
def _count_edges(
    index: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    triple_of: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    """Count each edge once for each triple of phases among its four voxels."""
    depth, height, width = index.shape
    for z in range(bounds[0, 0], bounds[0, 1]):
        for y in range(bounds[1, 0], bounds[1, 1]):
            for axis in range(3):
                up_z, up_y, over_y, over_x = axis > 0, axis == 0, axis == 2, int(axis < 2)
                if z + up_z >= depth or y + up_y + over_y >= height:
                    continue
                one, two = index[z, y], index[z + up_z, y + up_y]
                three, four = index[z, y + over_y], index[z + up_z, y + up_y + over_y]
                for x in range(bounds[2, 0], min(bounds[2, 1], width - over_x)):
                    a, b, c, d = one[x], two[x], three[x + over_x], four[x + over_x]
                    if (a != b) + (a != c) + (a != d) < 2:
                        continue
                    _add_triples((a, b, c, d), axis, triple_of, counts)


@njit(nogil=True, cache=True)
def _add_triples(
    around: tuple[int, int, int, int],
    axis: int,
    triple_of: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    """Add one to each different triple among four voxels; the last row is for no triple."""
    a, b, c, d = around
    first, second = triple_of[a, b, c], triple_of[a, b, d]
    third, fourth = triple_of[a, c, d], triple_of[b, c, d]
    counts[first, axis] += 1
    counts[second, axis] += second != first
    counts[third, axis] += (third != first) & (third != second)
    counts[fourth, axis] += (fourth != first) & (fourth != second) & (fourth != third)
