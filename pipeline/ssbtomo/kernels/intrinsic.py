"""Intrinsic volumes: volume, surface area, integral of mean curvature, Euler number.

All four follow from how often each of the 256 patterns of 2 x 2 x 2 voxels occurs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.crofton import DIRECTIONS, crofton_factors
from ssbtomo.kernels.normals import Window
from ssbtomo.kernels.phase_pairs import phase_index
from ssbtomo.units import Spacing

__all__ = ["IntrinsicVolumes", "intrinsic_volumes", "pattern_counts", "volumes_from_counts"]

_CORNERS = np.array(list(product((0, 1), repeat=3)))
_SET = (np.arange(256)[:, None] >> np.arange(8)) & 1 > 0


@dataclass(frozen=True, slots=True)
class IntrinsicVolumes:
    """The four intrinsic volumes of one phase, as an object and per volume.

    Parameters
    ----------
    volume_um3 : float
        Volume.
    area_um2 : float
        Surface area; where the phase reaches the end of the volume, that end is surface.
    mean_curvature_um : float
        Integral of the mean curvature over the surface; 4 pi r for a ball.
    euler_number : int
        Components minus tunnels plus cavities.
    fraction : float
        Share of the volume; this and the next three are edge-corrected: densities of a
        structure of which the volume is a window.
    area_per_volume : float
        1/um.
    mean_curvature_per_volume : float
        1/um^2.
    euler_per_volume : float
        1/um^3.
    """

    volume_um3: float
    area_um2: float
    mean_curvature_um: float
    euler_number: int
    fraction: float
    area_per_volume: float
    mean_curvature_per_volume: float
    euler_per_volume: float


def pattern_counts(
    labels: NDArray[np.integer], phases: Sequence[int], *, inner: Window | None = None
) -> NDArray[np.int64]:
    """Count the patterns of 2 x 2 x 2 voxels, for each phase.

    Holds 2 bytes per voxel beyond the labels.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        A block with a margin of one voxel inside the volume.
    phases : sequence of int
        The labels of the phases; other labels are left out.
    inner : tuple of slice, optional
        The owned voxels; all of them if not given. A block owns the patterns before its
        voxels, and those after the last voxels of the volume.

    Returns
    -------
    ndarray of int64, shape (2, phases, 256)
        Patterns inside the volume, and those that reach beyond its end, where there is
        nothing. Voxel (z, y, x) of a pattern is bit 4 z + 2 y + x. Over any partition of a
        volume into blocks they sum to those of the whole.
    """
    owned = inner or tuple(slice(0, size) for size in labels.shape)
    none = len(phases)
    window, frame = [], []
    for part, size in zip(owned, labels.shape, strict=True):
        window.append(slice(max(part.start - 1, 0), part.stop))
        frame.append((int(part.start == 0), int(part.stop == size)))
    index = np.pad(phase_index(labels[tuple(window)], phases), frame, constant_values=none)
    counts = np.zeros((2, none + 1, 256), dtype=np.int64)
    _count(index, np.array(frame, dtype=np.int64), counts)
    return counts[:, :none].copy()


def volumes_from_counts(
    counts: NDArray[np.int64], spacing: Spacing, *, connectivity: int = 26
) -> list[IntrinsicVolumes]:
    """Turn the pattern counts of a whole volume into the intrinsic volumes of each phase.

    Estimator: the Euler number counts cells of the lattice, exactly. The integral of mean
    curvature is 2 pi times the mean width: Euler numbers of plane sections along 13
    directions of planes. The area is the Crofton formula with 13 directions of lines.
    Directions are weighted by their Voronoi share of the sphere, for the given spacing.
    Bias, measured: balls of 4 to 20 largest voxels in radius, area -1 to 0 %, curvature
    within 0.4 %, for spacings up to 4 : 1; flat faces along the axes, area -7 %; a ring along
    the axes, curvature -2 %; a box along the axes, as if its edges were a voxel shorter.

    Parameters
    ----------
    counts : ndarray of int64, shape (2, phases, 256)
        As `pattern_counts` returned them, summed over all blocks.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    connectivity : {26, 6}
        Whether voxels of the phase that share an edge or a corner are connected (26), or
        only those that share a face (6). What is outside the phase is connected the other
        way (6, or 26).

    Returns
    -------
    list of IntrinsicVolumes
        In the order of the phases. Densities are NaN where the volume is one voxel thick.

    Raises
    ------
    InputDataError
        If the connectivity is neither 6 nor 26.

    References
    ----------
    .. [1] J. Ohser and K. Schladitz, *3D Images of Materials Structures*, Wiley-VCH, 2009,
       chapter 5.
    .. [2] J. Ohser, W. Nagel and K. Schladitz, *Image Anal. Stereol.* 28 (2009) 77 (Miles
       formulae), doi:10.5566/ias.v28.p77-92.
    """
    if connectivity not in {6, 26}:
        raise InputDataError(
            f"connectivity {connectivity} has no complement",
            hint="take 26 (edges and corners connect) or 6 (faces only)",
        )
    weights, euler = _weights(spacing, connectivity), _euler_weights(connectivity)
    voxel = float(np.prod(spacing))
    found = []
    for inside, beyond in zip(*counts, strict=True):
        both = inside + beyond
        volume, area, curvature = ((both * row).sum() for row in weights)
        cells = float(inside.sum())
        with np.errstate(invalid="ignore"):
            densities = [np.divide(float((inside * row).sum()), cells * voxel) for row in weights]
            knots = np.divide(float((inside * euler).sum()) / 8, cells * voxel)
        found.append(
            IntrinsicVolumes(
                float(volume),
                float(area),
                float(curvature),
                int((both * euler).sum()) // 8,
                float(densities[0]),
                float(densities[1]),
                float(densities[2]),
                float(knots),
            )
        )
    return found


def intrinsic_volumes(
    labels: NDArray[np.integer],
    spacing: Spacing,
    phases: Sequence[int],
    *,
    connectivity: int = 26,
) -> list[IntrinsicVolumes]:
    """Measure the intrinsic volumes of each phase of a whole volume.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        Segmented volume.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    phases : sequence of int
        The labels of the phases.
    connectivity : {26, 6}
        Of the phase; see `volumes_from_counts`.

    Returns
    -------
    list of IntrinsicVolumes
        In the order of the phases.
    """
    return volumes_from_counts(pattern_counts(labels, phases), spacing, connectivity=connectivity)


@cache
def _euler_weights(connectivity: int) -> NDArray[np.int64]:
    """Return eight times what each pattern adds to the Euler number."""
    values = _SET if connectivity == 6 else ~_SET
    inner = [np.zeros(256, dtype=np.int64) for _ in range(4)]
    for size, group in _boxes():
        inner[size] += values[:, group].all(axis=1)
    # Corners, edges, faces and cells of the lattice; each belongs to 8, 4, 2 or 1 patterns. The
    # union of closed voxels (26) and what it leaves (6) have the same number, with one sign.
    return inner[0] - 2 * inner[1] + 4 * inner[2] - 8 * inner[3]


def _boxes() -> list[tuple[int, NDArray[np.intp]]]:
    """List corners, edges, faces and the whole of a cell, each with its dimension."""
    found = []
    for low, high in product(range(8), repeat=2):
        if all(_CORNERS[low] <= _CORNERS[high]):
            within = np.all(np.clip(_CORNERS, _CORNERS[low], _CORNERS[high]) == _CORNERS, axis=1)
            size = int((_CORNERS[high] - _CORNERS[low]).sum())
            found.append((size, np.flatnonzero(within)))
    return found


def _weights(spacing: Spacing, connectivity: int) -> list[NDArray[np.float64]]:
    """Return what each pattern adds to volume, area and integral of mean curvature."""
    voxel = float(np.prod(spacing))
    filled = _SET.sum(axis=1) / 8
    area = np.zeros(256)
    for step, factor in zip(DIRECTIONS, crofton_factors(spacing), strict=True):
        area += 2 * factor * _pairs(step, unlike=True)
    z, y, x = (1 / edge for edge in spacing)
    curvature = np.zeros(256)
    for miller, factor in zip(DIRECTIONS, crofton_factors((z, y, x)), strict=True):
        section = _section(miller, filled, connectivity)
        curvature += 2 * np.pi * float(factor) * voxel * section
    return [filled * voxel, area, curvature]


def _pairs(step: tuple[int, int, int], *, unlike: bool) -> NDArray[np.float64]:
    """Count the pairs along a step, per voxel: unlike ones, or those within the phase."""
    total, count = np.zeros(256), 0
    for one, other in product(range(8), repeat=2):
        if tuple(_CORNERS[other] - _CORNERS[one]) == step:
            first, second = _SET[:, one], _SET[:, other]
            total += first != second if unlike else first & second
            count += 1
    return total / count


def _section(
    miller: tuple[int, int, int], filled: NDArray[np.float64], connectivity: int
) -> NDArray[np.float64]:
    """Return what each pattern adds to the Euler numbers of plane sections of one direction."""
    heights = _CORNERS @ np.array(miller)
    tiles = [np.flatnonzero(heights == h) for h in np.unique(heights)]
    tiles = [tile for tile in tiles if len(tile) > 2]
    along_axes = sum(map(abs, miller)) == 1
    share, longest = (2, 1) if along_axes else (1, 2)
    steps = [
        step for step in DIRECTIONS if np.dot(step, miller) == 0 and sum(map(abs, step)) <= longest
    ]
    within = sum(_pairs(step, unlike=False) for step in steps)
    if connectivity == 6 or len(tiles[0]) == 3:
        whole = sum(_SET[:, tile].all(axis=1) for tile in tiles)
        return filled - within + whole / share
    touched = sum(_SET[:, tile].any(axis=1) for tile in tiles)
    either = within + sum(_pairs(step, unlike=True) for step in steps)
    return filled - either + touched / share


@njit(nogil=True, cache=True)
def _count(index: NDArray[np.uint8], frame: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Count the patterns of every phase; the empty ones last, as what is left."""
    depth, height, width = index.shape
    mixed = np.zeros(width, dtype=np.uint8)
    for z in range(depth - 1):
        rim_z = (z == 0 and frame[0, 0]) or (z == depth - 2 and frame[0, 1])
        for y in range(height - 1):
            rim = rim_z or (y == 0 and frame[1, 0]) or (y == height - 2 and frame[1, 1])
            rows = (index[z, y], index[z, y + 1], index[z + 1, y], index[z + 1, y + 1])
            low = 1 if frame[2, 0] else 0
            high = width - 2 if frame[2, 1] else width - 1
            _mark_mixed(rows, mixed)
            if rim:
                _count_row(rows, (0, width - 1), mixed, counts[1])
                continue
            _count_row(rows, (low, high), mixed, counts[0])
            _count_row(rows, (0, low), mixed, counts[1])
            _count_row(rows, (max(high, low), width - 1), mixed, counts[1])
    _count_empty(index.shape, frame, counts)


@njit(nogil=True, cache=True)
def _mark_mixed(rows: tuple[NDArray[np.uint8], ...], mixed: NDArray[np.uint8]) -> None:
    """Mark the columns of four voxels that are not alike, or not like the next."""
    one, two, three, four = rows
    for x in range(len(mixed) - 1):
        here = one[x]
        mixed[x] = (
            (two[x] ^ here)
            | (three[x] ^ here)
            | (four[x] ^ here)
            | (one[x + 1] ^ here)
            | (two[x + 1] ^ here)
            | (three[x + 1] ^ here)
            | (four[x + 1] ^ here)
        )


@njit(nogil=True, cache=True)
def _count_row(
    rows: tuple[NDArray[np.uint8], ...],
    span: tuple[int, int],
    mixed: NDArray[np.uint8],
    counts: NDArray[np.int64],
) -> None:
    one, two, three, four = rows
    x, stop = span
    around = np.empty(8, dtype=np.uint8)
    while x < stop:
        first = x
        while x < stop and mixed[x] == 0:
            x += 1
        if x > first:
            counts[one[first], 255] += x - first
        if x == stop:
            return
        around[0], around[1], around[2], around[3] = one[x], one[x + 1], two[x], two[x + 1]
        around[4], around[5] = three[x], three[x + 1]
        around[6], around[7] = four[x], four[x + 1]
        done = 0
        for k in range(8):
            if done >> k & 1:
                continue
            code = 0
            for other in range(8):
                code |= int(around[other] == around[k]) << other
            counts[around[k], code] += 1
            done |= code
        x += 1


@njit(nogil=True, cache=True)
def _count_empty(
    shape: tuple[int, int, int], frame: NDArray[np.int64], counts: NDArray[np.int64]
) -> None:
    """Give the patterns without the phase what is left of all; also beyond the end."""
    cells, inside = 1, 1
    for axis in range(3):
        cells *= shape[axis] - 1
        inside *= max(shape[axis] - 1 - frame[axis, 0] - frame[axis, 1], 0)
    for phase in range(counts.shape[1]):
        counts[0, phase, 0] = inside - counts[0, phase, 1:].sum()
        counts[1, phase, 0] = cells - inside - counts[1, phase, 1:].sum()
