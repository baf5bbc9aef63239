"""Labelled stacks with known answers: filaments, voids at the anode, a crack along an interface."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.testing.answers import KnownShape, Truth
from ssbtomo.units import AXES, Spacing, check_spacing

__all__ = ["STACK_PHASES", "anode_with_voids", "filament_cell", "interface_crack"]

Shape = tuple[int, int, int]
Labels = NDArray[np.uint8]

#: Phases of the stacks; each name is its role.
STACK_PHASES = {"void": 0, "electrolyte": 1, "active": 2, "lithium": 3}
_VOID, _ELECTROLYTE, _ACTIVE, _LITHIUM = range(4)
_VOXELS = "exact for these voxels"


def filament_cell(
    shape: Shape,
    spacing: Spacing,
    *,
    share: float,
    radius: int = 3,
    arms: int = 1,
    dead: int = 0,
    axis: str = "z",
    anode: str = "low",
) -> KnownShape:
    """Return lithium, electrolyte and cathode, with one filament and some dead lithium.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X). A fifth of the stack is lithium, a fifth cathode.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    share : float
        How deep the filament reaches, of the electrolyte's thickness; 1 is a short.
    radius : int
        Half the filament's width in voxels: it is square.
    arms : int
        1, or 2 for a filament that forks half-way.
    dead : int
        Cubes of dead lithium, 3 voxels wide, far from the filament.
    axis : {"z", "y", "x"}
        The stacking axis.
    anode : {"low", "high"}
        At which end of it the anode is.

    Returns
    -------
    KnownShape
        ``lithium_depth_share``, ``dead_lithium_volume``, ``filament_count``; phases as in
        `STACK_PHASES`.

    Raises
    ------
    InputDataError
        If the filament and the dead lithium do not fit.
    """
    edges, number = check_spacing(spacing), AXES.index(axis)
    depth, height, width = (shape[number], *(n for k, n in enumerate(shape) if k != number))
    fifth = depth // 5
    thickness = depth - 2 * fifth
    if min(height, width) < 8 * radius + 6 or thickness < 12:
        raise InputDataError(f"a filament of half-width {radius} does not fit {shape}")
    cell = _layers((depth, height, width), fifth, depth - fifth)
    tip = fifth + round(share * thickness)
    v, u = height // 2, width // 3
    body = (slice(v - radius, v + radius), slice(u - radius, u + radius))
    fork = (fifth + tip) // 2 if arms > 1 else tip
    cell[(slice(fifth, fork), *body)] = _LITHIUM
    if arms > 1:
        cell[(slice(fork, fork + 2 * radius), body[0], slice(u - radius, u + 5 * radius))] = (
            _LITHIUM
        )
        for left in (u - radius, u + 3 * radius):
            cell[fork:tip, body[0], left : left + 2 * radius] = _LITHIUM
    for k in range(dead):
        at = fifth + 3 + 5 * k
        if at + 3 > depth - fifth - 1:
            raise InputDataError(f"{dead} pieces of dead lithium do not fit {shape}")
        cell[at : at + 3, 1:4, width - 4 : width - 1] = _LITHIUM
    voxel = float(np.prod(edges))
    truth = (
        Truth("lithium_depth_share", "lithium", (tip - fifth) / thickness, _VOXELS),
        Truth("dead_lithium_volume", "lithium", 27 * dead * voxel, _VOXELS, unit="um^3"),
        Truth("filament_count", "lithium", 1 + dead, _VOXELS),
    )
    return KnownShape("filament", _placed(cell, number, anode), edges, dict(STACK_PHASES), truth)


def anode_with_voids(
    shape: Shape,
    spacing: Spacing,
    *,
    contact: float,
    depth: int,
    pieces: int = 1,
    axis: str = "z",
    anode: str = "low",
) -> KnownShape:
    """Return lithium under electrolyte, with rectangular voids in the lithium's surface.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X). Half of the stack is lithium.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    contact : float
        Share of the interface in contact, to the nearest column.
    depth : int
        Voxels of the voids along the stack.
    pieces : int
        How many voids, side by side.
    axis : {"z", "y", "x"}
        The stacking axis.
    anode : {"low", "high"}
        At which end of it the anode is.

    Returns
    -------
    KnownShape
        ``anode_contact_fraction``, ``anode_void_count``, ``anode_void_volume``.

    Raises
    ------
    InputDataError
        If the voids do not fit.
    """
    edges, number = check_spacing(spacing), AXES.index(axis)
    size, height, width = (shape[number], *(n for k, n in enumerate(shape) if k != number))
    half, columns = size // 2, round((1 - contact) * height * width)
    lane = width // pieces
    if depth >= half or columns > pieces * (lane - 1) * height or lane < 2:
        raise InputDataError(f"{pieces} voids, {depth} voxels deep, do not fit {shape}")
    cell = _layers((size, height, width), half, size)
    for piece in range(pieces):
        own = columns // pieces + (piece < columns % pieces)
        at = np.arange(own)
        cell[half - depth : half, at // (lane - 1), piece * lane + at % (lane - 1)] = _VOID
    truth = (
        Truth("anode_contact_fraction", "lithium|electrolyte", 1 - columns / (height * width), _VOXELS),
        Truth("anode_void_count", "void", min(pieces, columns), _VOXELS),
        Truth(
            "anode_void_volume", "void", columns * depth * float(np.prod(edges)), _VOXELS, unit="um^3"
        ),
    )  # fmt: skip
    return KnownShape("voids at the anode", _placed(cell, number, anode), edges, dict(STACK_PHASES), truth)  # fmt: skip


def interface_crack(
    shape: Shape, spacing: Spacing, *, radius: float, width: int, tilt: float = 0.0
) -> tuple[KnownShape, NDArray[np.int32]]:
    """Return electrolyte under active material with a round, flat crack along their interface.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X); the interface lies across z.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    radius : float
        Of the crack, in µm.
    width : int
        Of the crack, in voxel edges along z.
    tilt : float
        Angle of the interface with the plane of y and x, in degrees.

    Returns
    -------
    cell : KnownShape
        ``contact_lost`` (the disc's area) and ``contact_area`` (what is left).
    cracks : ndarray of int32, shape (Z, Y, X)
        1 in the crack.
    """
    edges = check_spacing(spacing)
    angle = math.radians(tilt)
    centre = [n * e / 2 for n, e in zip(shape, edges, strict=True)]
    centre[0] += (width - shape[0]) % 2 * edges[0] / 2  # so that a flat crack is whole voxels
    grids = np.ogrid[tuple(slice(0, n) for n in shape)]
    z, y, x = ((index + 0.5) * e - c for index, e, c in zip(grids, edges, centre, strict=True))
    across = z * math.cos(angle) - y * math.sin(angle)
    along = z * math.sin(angle) + y * math.cos(angle)
    labels = np.where(across + 0 * x < 0, _ELECTROLYTE, _ACTIVE).astype(np.uint8)
    crack = (abs(across) < width * edges[0] / 2) & (along**2 + x**2 <= radius**2)
    labels[crack] = _VOID
    lost = math.pi * radius**2
    whole = shape[2] * edges[2] * shape[1] * edges[1] / math.cos(angle)
    truth = (
        Truth("contact_lost", "active|electrolyte", lost, "formula", unit="um^2"),
        Truth("contact_area", "active|electrolyte", whole - lost, "formula", unit="um^2"),
    )
    return KnownShape("crack along an interface", labels, edges, dict(STACK_PHASES), truth), crack.astype(np.int32)  # fmt: skip


def _layers(shape: Shape, low: int, high: int) -> Labels:
    cell = np.full(shape, _ELECTROLYTE, np.uint8)
    cell[:low], cell[high:] = _LITHIUM, _ACTIVE
    return cell


def _placed(cell: Labels, axis: int, anode: str) -> Labels:
    """Turn a stack, built from the anode along its first axis, into its place."""
    turned = cell if anode == "low" else cell[::-1]
    return np.ascontiguousarray(np.moveaxis(turned, 0, axis))
