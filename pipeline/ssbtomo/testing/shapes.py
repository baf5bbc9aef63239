"""Labelled shapes with known answers: transport, areas, lines, coverage, cracks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.testing import analytic
from ssbtomo.testing.answers import KnownShape, Truth
from ssbtomo.testing.conductors import full_block, laminate, slanted_strip, sphere_array
from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import Ball, Cap, Disc, HalfSpace, Solid
from ssbtomo.units import Spacing, check_spacing

__all__ = [
    "ball",
    "ball_cut_by_plane",
    "covered_ball",
    "crossing_pennies",
    "full_block",
    "laminate",
    "nested_balls",
    "penny",
    "plane",
    "slanted_strip",
    "sphere_array",
]

Shape = tuple[int, int, int]
Vector = tuple[float, float, float]
_EXACT = "formula"


def ball(
    shape: Shape, spacing: Spacing, *, radius: float, center: Vector | None = None
) -> KnownShape:
    """Return a ball (phase 1) in a matrix (phase 0).

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    radius : float
        Radius in µm; the ball must lie inside.
    center : tuple of float, optional
        Its centre in µm from the corner of the volume; the middle if absent.

    Returns
    -------
    KnownShape
        Volume fraction and area.
    """
    scene, at = _scene(shape, spacing, center)
    volume, area = 4 / 3 * math.pi * radius**3, 4 * math.pi * radius**2
    truth = (
        Truth("volume_fraction", "ball", volume / scene.volume_um3, _EXACT),
        _area("matrix|ball", area),
    )
    return _drawn("ball", scene, [(Ball(at, radius), 1)], {"matrix": 0, "ball": 1}, truth)


def plane(shape: Shape, spacing: Spacing, *, normal: Vector, offset: float = 0.0) -> KnownShape:
    """Return two phases that meet in a plane at any angle.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    normal : tuple of float
        Normal of the plane along (Z, Y, X), of any length; it points from `below` to `above`.
    offset : float
        Distance of the plane from the middle of the volume in µm.

    Returns
    -------
    KnownShape
        Area of the plane inside the volume; phases above 0, below 1.
    """
    scene, middle = _scene(shape, spacing, None)
    length = math.sqrt(sum(n * n for n in normal))
    z, y, x = (n / length for n in normal)
    level = offset + sum(n * m for n, m in zip((z, y, x), middle, strict=True))
    area = analytic.box_section_area(scene.view.high, (z, y, x), level)
    half = HalfSpace((z, y, x), level)
    return _drawn(
        "plane", scene, [(half, 1)], {"above": 0, "below": 1}, (_area("above|below", area),)
    )


def nested_balls(shape: Shape, spacing: Spacing, *, inner: float, outer: float) -> KnownShape:
    """Return a ball in a ball in a matrix.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    inner, outer : float
        Radii in µm.

    Returns
    -------
    KnownShape
        Areas of the three pairs (matrix and core never touch: 0) and fractions. Radii 5 and
        10 µm give 314.16 and 1256.6 µm².
    """
    scene, at = _scene(shape, spacing, None)
    volumes = [4 / 3 * math.pi * r**3 for r in (inner, outer)]
    truth = (
        Truth("volume_fraction", "shell", (volumes[1] - volumes[0]) / scene.volume_um3, _EXACT),
        Truth("volume_fraction", "core", volumes[0] / scene.volume_um3, _EXACT),
        _area("matrix|shell", 4 * math.pi * outer**2),
        _area("matrix|core", 0.0),
        _area("shell|core", 4 * math.pi * inner**2),
    )
    solids: list[tuple[Solid, int]] = [(Ball(at, outer), 1), (Ball(at, inner), 2)]
    return _drawn("nested balls", scene, solids, {"matrix": 0, "shell": 1, "core": 2}, truth)


def ball_cut_by_plane(
    shape: Shape, spacing: Spacing, *, radius: float, normal: Vector, height: float = 0.0
) -> KnownShape:
    """Return a ball cut into two phases by a plane, in a matrix: three pairs and a triple line.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    radius : float
        Radius in µm.
    normal : tuple of float
        Normal of the plane, of any length; it points to `upper`.
    height : float
        Distance of the plane from the centre in µm.

    Returns
    -------
    KnownShape
        Areas of the three pairs, length of the line where the three phases meet, fractions.
    """
    scene, at = _scene(shape, spacing, None)
    upper, lower, cut, rim = analytic.ball_cut_by_plane(radius, height)
    cap = math.pi * (radius - height) ** 2 * (2 * radius + height) / 3
    rest = 4 / 3 * math.pi * radius**3 - cap
    truth = (
        Truth("volume_fraction", "lower", rest / scene.volume_um3, _EXACT),
        Truth("volume_fraction", "upper", cap / scene.volume_um3, _EXACT),
        _area("matrix|lower", lower),
        _area("matrix|upper", upper),
        _area("lower|upper", cut),
        Truth("triple_line", "matrix|lower|upper", rim, _EXACT, unit="um"),
    )
    solids: list[tuple[Solid, int]] = [(Ball(at, radius), 1), (Cap(at, radius, normal, height), 2)]
    return _drawn(
        "ball cut by a plane", scene, solids, {"matrix": 0, "lower": 1, "upper": 2}, truth
    )


def covered_ball(
    shape: Shape,
    spacing: Spacing,
    *,
    radius: float,
    gap: float,
    coverage: float,
    normal: Vector = (1.0, 0.3, 0.2),
) -> KnownShape:
    """Return an active ball whose electrolyte has come off on one side.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    radius : float
        Radius of the ball in µm.
    gap : float
        Thickness of the void around the bare side in µm.
    coverage : float
        Share of the ball's surface that touches electrolyte.
    normal : tuple of float
        Direction of the bare side.

    Returns
    -------
    KnownShape
        Coverage, and the areas that the ball has with electrolyte and with void.
    """
    scene, at = _scene(shape, spacing, None)
    height = radius * (2 * coverage - 1)
    whole = 4 * math.pi * radius**2
    truth = (
        Truth("coverage", "active|electrolyte", coverage, _EXACT),
        _area("electrolyte|active", coverage * whole),
        _area("void|active", (1 - coverage) * whole),
        Truth("triple_line", "void|electrolyte|active",
              2 * math.pi * math.sqrt(radius**2 - height**2), _EXACT, unit="um"),
    )  # fmt: skip
    solids: list[tuple[Solid, int]] = [
        (Cap(at, radius + gap, normal, height), 0),
        (Ball(at, radius), 2),
    ]
    phases = {"void": 0, "electrolyte": 1, "active": 2}
    return _drawn("covered ball", scene, solids, phases, truth, base=1)


def penny(
    shape: Shape, spacing: Spacing, *, radius: float, width: float, normal: Vector
) -> KnownShape:
    """Return a penny crack: a flat disc of void in a solid.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    radius, width : float
        Radius and thickness of the crack in µm.
    normal : tuple of float
        Its normal, of any length.

    Returns
    -------
    KnownShape
        Area of the middle plane, aperture, volume fraction, and the whole surface.
    """
    scene, at = _scene(shape, spacing, None)
    face, volume = math.pi * radius**2, math.pi * radius**2 * width
    truth = (
        Truth("crack_count", "void", 1, _EXACT),
        Truth("crack_area", "void", face, _EXACT, unit="um^2"),
        Truth("crack_aperture_mean", "void", width, _EXACT, unit="um"),
        Truth("volume_fraction", "void", volume / scene.volume_um3, _EXACT),
        _area("void|solid", 2 * face + 2 * math.pi * radius * width),
    )
    disc = Disc(at, normal, radius, width)
    return _drawn("penny", scene, [(disc, 0)], {"void": 0, "solid": 1}, truth, base=1)


def crossing_pennies(
    shape: Shape, spacing: Spacing, *, radius: float, width: float, normals: tuple[Vector, Vector]
) -> KnownShape:
    """Return two equal penny cracks that cross at right angles through their centres.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    radius, width : float
        Radius and thickness of each crack in µm.
    normals : tuple
        Their normals, at right angles.

    Returns
    -------
    KnownShape
        Area of both middle planes, aperture, volume fraction; connected as one crack.

    Raises
    ------
    InputDataError
        If the normals are not at right angles.
    """
    first, second = normals
    if abs(sum(a * b for a, b in zip(first, second, strict=True))) > 1e-9:
        raise InputDataError(
            f"the normals {first} and {second} are not at right angles",
            hint="the answers are known for right angles only",
        )
    scene, at = _scene(shape, spacing, None)
    face = math.pi * radius**2
    volume = 2 * face * width - analytic.crossing_pennies_overlap(radius, width)
    truth = (
        Truth("crack_area", "void", 2 * face, _EXACT, unit="um^2"),
        Truth("crack_aperture_mean", "void", width, _EXACT, unit="um"),
        Truth("volume_fraction", "void", volume / scene.volume_um3, _EXACT),
    )
    discs: list[tuple[Solid, int]] = [(Disc(at, n, radius, width), 0) for n in normals]
    return _drawn("crossing pennies", scene, discs, {"void": 0, "solid": 1}, truth, base=1)


def _area(pair: str, value: float) -> Truth:
    return Truth("area", pair, value, _EXACT, unit="um^2")


def _scene(shape: Shape, spacing: Spacing, center: Vector | None) -> tuple[Scene, Vector]:
    scene = Scene(shape, check_spacing(spacing), 0, ())
    z, y, x = scene.view.high
    return scene, (z / 2, y / 2, x / 2) if center is None else center


def _drawn(
    name: str,
    empty: Scene,
    solids: Sequence[tuple[Solid, int]],
    phases: dict[str, int],
    truth: tuple[Truth, ...],
    *,
    base: int = 0,
) -> KnownShape:
    paints = tuple(Paint(solid, label) for solid, label in solids)
    scene = Scene(empty.shape, empty.spacing, base, paints)
    labels: NDArray[np.uint8] = scene.labels()
    return KnownShape(name, labels, scene.spacing, phases, truth)
