"""Areas as PoreSpy measures them: meshes of blurred regions, and their differences.

PoreSpy pads a region with nothing, averages it over each voxel and its six neighbours, meshes
the middle level by marching cubes, and takes the area of a contact as half of what two meshes
have more than the mesh of both regions together. The average has eight values only. So the
mesh of a region is decided by how often each pattern of 2 x 2 x 2 values occurs, and these
counts add over blocks; the mesher is asked once for each pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.normals import Window
from ssbtomo.kernels.phase_pairs import phase_index
from ssbtomo.units import Spacing

__all__ = ["MESH_MARGIN", "MeshCounts", "join_meshes", "mesh_areas", "mesh_counts"]

MESH_MARGIN = 2
"""Voxels that `mesh_counts` needs around the owned ones."""

_BATCH = 256
_CORNERS = tuple((z, y, x) for z in (0, 1) for y in (0, 1) for x in (0, 1))
_Patterns = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class MeshCounts:
    """How often each pattern of eight blurred values occurs; counts that add over blocks.

    Parameters
    ----------
    single : tuple of pairs of ndarrays
        For each phase the patterns, in rising order, and how often each occurs.
    joined : tuple of pairs of ndarrays
        The same for each pair of phases taken together.
    highest : ndarray of int64, shape (phases + pairs,)
        The largest blurred value, in sevenths, of each phase and of each pair.
    touching : ndarray of bool, shape (pairs,)
        Pairs that share a voxel face.
    """

    single: tuple[_Patterns, ...]
    joined: tuple[_Patterns, ...]
    highest: NDArray[np.int64]
    touching: NDArray[np.bool_]


def mesh_counts(
    labels: NDArray[np.integer], phases: Sequence[int], *, inner: Window | None = None
) -> MeshCounts:
    """Count the patterns of blurred values that decide the meshes.

    Holds 5 bytes per voxel and phase and 16 more, and 16 per different pattern.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        A block with a margin of `MESH_MARGIN` voxels inside the volume.
    phases : sequence of int
        The labels of the phases.
    inner : tuple of slice, optional
        The owned voxels; all of them if not given.

    Returns
    -------
    MeshCounts
        For `join_meshes` and `mesh_areas`.
    """
    depth, height, width = labels.shape
    owned = inner or (slice(0, depth), slice(0, height), slice(0, width))
    index = _framed(phase_index(labels, phases), owned, len(phases))
    blurs = [_blurred(index == number) for number in range(len(phases))]
    pairs = list(combinations(range(len(phases)), 2))
    codes = [_codes(blur) for blur in blurs]
    single = tuple(_patterns(code) for code in codes)
    joined = tuple(_patterns(codes[a] + codes[b]) for a, b in pairs)
    highest = [int(blur.max(initial=0)) for blur in blurs]
    highest += [int((blurs[a] + blurs[b]).max(initial=0)) for a, b in pairs]
    touching = [_touch(index, a, b) for a, b in pairs]
    return MeshCounts(single, joined, np.array(highest), np.array(touching, dtype=bool))


def join_meshes(parts: Iterable[MeshCounts]) -> MeshCounts:
    """Add the counts of blocks.

    Parameters
    ----------
    parts : iterable of MeshCounts
        One for each block, in any order.

    Returns
    -------
    MeshCounts
        Of the whole volume.
    """
    blocks = list(parts)
    return MeshCounts(
        tuple(_added(column) for column in zip(*(b.single for b in blocks), strict=True)),
        tuple(_added(column) for column in zip(*(b.joined for b in blocks), strict=True)),
        np.max([b.highest for b in blocks], axis=0),
        np.any([b.touching for b in blocks], axis=0),
    )


def mesh_areas(
    counts: MeshCounts, spacing: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the areas that PoreSpy gives to regions and to their contacts.

    Bias: balls -4 % at a radius of 4 voxels, +1 % at 16; +2 % at 2 : 1, +6 % at 4 : 1; a region
    that reaches the end of the volume gets a wall there; contacts -5 % on a disc within a
    ball of 20 voxels. Where the difference is not positive PoreSpy puts 1, whatever
    the unit: so does this.

    Parameters
    ----------
    counts : MeshCounts
        Of the whole volume.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.

    Returns
    -------
    surfaces : ndarray of float64, shape (phases,)
        ``region_surface_areas``, square micrometres.
    contacts : ndarray of float64, shape (pairs,)
        ``region_interface_areas``; 0 for pairs that do not touch, which PoreSpy leaves out.

    Raises
    ------
    InputDataError
        If scikit-image, whose marching cubes PoreSpy uses, is not installed.
    """
    phases = len(counts.single)
    meshes = np.zeros(len(counts.highest))
    every = counts.single + counts.joined
    for top in np.unique(counts.highest).tolist():
        rows = np.flatnonzero(counts.highest == top)
        codes = np.unique(np.concatenate([every[row][0] for row in rows]))
        pieces = _pieces(codes, top, spacing)
        for row in rows:
            own, often = every[row]
            meshes[row] = (pieces[np.searchsorted(codes, own)] * often).sum()
    surfaces, together = meshes[:phases], meshes[phases:]
    contacts = np.zeros(len(together))
    for pair, (a, b) in enumerate(combinations(range(phases), 2)):
        if counts.touching[pair]:
            area = 0.5 * (surfaces[a] + surfaces[b] - together[pair])
            contacts[pair] = area if area > 0 else 1.0
    return surfaces, contacts


def _framed(index: NDArray[np.uint8], owned: Window, nothing: int) -> NDArray[np.uint8]:
    """Return the owned voxels with two before and after them; nothing beyond the volume."""
    frame = [
        (max(MESH_MARGIN - part.start, 0), max(part.stop + MESH_MARGIN - size, 0))
        for part, size in zip(owned, index.shape, strict=True)
    ]
    padded = np.pad(index, frame, constant_values=nothing)
    # Cells lie between voxels: a block owns those before its voxels, and the last one those after.
    window = tuple(
        slice(
            part.start + near - MESH_MARGIN,
            part.stop + near + (MESH_MARGIN if part.stop == size else 1),
        )
        for part, size, (near, _) in zip(owned, index.shape, frame, strict=True)
    )
    cut: NDArray[np.uint8] = padded[window]
    return cut


def _blurred(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Count each voxel and its six neighbours, for all but the outermost voxels."""
    whole = mask.astype(np.uint8)
    core = slice(1, -1)
    total = whole[core, core, core].copy()
    for axis in range(3):
        for part in (slice(0, -2), slice(2, None)):
            window = [core, core, core]
            window[axis] = part
            total += whole[tuple(window)]
    return total


def _codes(blur: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Write the eight values around each cell into one number, three bits each."""
    z, y, x = (size - 1 for size in blur.shape)
    code = np.zeros((z, y, x), dtype=np.int32)
    for bit, (dz, dy, dx) in enumerate(_CORNERS):
        code |= blur[dz : dz + z, dy : dy + y, dx : dx + x].astype(np.int32) << (3 * bit)
    return code


def _patterns(code: NDArray[np.int32]) -> _Patterns:
    """Count the patterns that a surface may pass: those of different values."""
    flat = code[(code != 0) & (code != 0o77777777)]
    values, counts = np.unique(flat, return_counts=True)
    return values.astype(np.int64), counts.astype(np.int64)


def _added(columns: Sequence[_Patterns]) -> _Patterns:
    codes = np.concatenate([codes for codes, _ in columns])
    counts = np.concatenate([counts for _, counts in columns])
    values, places = np.unique(codes, return_inverse=True)
    total = np.zeros(len(values), dtype=np.int64)
    np.add.at(total, places, counts)
    return values, total


def _touch(index: NDArray[np.uint8], a: int, b: int) -> bool:
    for axis in range(3):
        moved = np.moveaxis(index, axis, 0)
        here, there = moved[:-1], moved[1:]
        if np.any(((here == a) & (there == b)) | ((here == b) & (there == a))):
            return True
    return False


def _pieces(codes: NDArray[np.int64], top: int, spacing: Spacing) -> NDArray[np.float64]:
    """Return the area of the mesh in a cell of each pattern."""
    level = 0.5 * float(np.float32(top) / np.float32(7))  # as PoreSpy: ties are exact
    areas = np.zeros(len(codes))
    for start in range(0, len(codes), _BATCH):
        part = codes[start : start + _BATCH, None] >> (3 * np.arange(8)) & 7
        values = part.astype(np.float32) / np.float32(7)
        areas[start : start + _BATCH] = _areas_of_cells(values, level, spacing)
    return areas


def _areas_of_cells(
    values: NDArray[np.float32], level: float, spacing: Spacing
) -> NDArray[np.float64]:
    """Mesh cells of 2 x 2 x 2 values in one go; what lies between two cells is left out."""
    stack = values.reshape(-1, 2, 2)
    areas = np.zeros(len(values))
    if not stack.min() < level < stack.max():
        return areas
    odd = np.zeros(stack.shape, dtype=bool)
    odd[1::2] = True  # a cell is meshed if its last corner is marked: not those between
    points, triangles, _, _ = _mesher()(stack, level, spacing=(1.0, 1.0, 1.0), mask=odd)
    corners = points[triangles].astype(np.float64)
    cells = np.rint((corners[:, :, 0].mean(axis=1) - 0.5) / 2).astype(int)
    sides = np.diff(corners, axis=1) * np.array(spacing)
    pieces = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
    np.add.at(areas, cells, pieces)
    return areas


def _mesher() -> Callable[..., tuple[NDArray[np.float32], ...]]:
    try:
        from skimage.measure import marching_cubes
    except ImportError:
        raise InputDataError(
            "PoreSpy's areas are those of scikit-image's meshes, which is not installed",
            hint="pip install scikit-image; or take the estimator normals",
        ) from None
    found: Callable[..., tuple[NDArray[np.float32], ...]] = marching_cubes
    return found
