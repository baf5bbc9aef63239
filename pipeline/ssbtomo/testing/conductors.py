"""Labelled shapes whose conductivity is known: block, laminates, slanted strip, sphere array."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ssbtomo.errors import InputDataError
from ssbtomo.testing import analytic
from ssbtomo.testing.answers import KnownShape, Truth
from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import Ball
from ssbtomo.units import AXES, Spacing, check_spacing

__all__ = ["full_block", "laminate", "slanted_strip", "sphere_array"]

Shape = tuple[int, int, int]
_EXACT = "formula"
_VOXELS = "exact for these voxels"


def full_block(shape: Shape, spacing: Spacing) -> KnownShape:
    """Return a block of one phase, whose tortuosity factor is 1 along every axis.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    KnownShape
        Phases: void 0 (absent), solid 1.
    """
    truth = [Truth("volume_fraction", "solid", 1.0, _VOXELS)]
    truth += [Truth("tortuosity_factor", "solid", 1.0, _VOXELS, axis) for axis in AXES]
    return KnownShape(
        "full block", np.ones(shape, np.uint8), check_spacing(spacing),
        {"void": 0, "solid": 1}, tuple(truth),
    )  # fmt: skip


def laminate(
    shape: Shape,
    spacing: Spacing,
    *,
    axis: str,
    thicknesses: Sequence[int],
    conductivities: Sequence[float],
) -> KnownShape:
    """Return flat layers across one axis; phase i has thickness i, repeated to the end.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X); along `axis` a multiple of the sum of the thicknesses.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    axis : {"z", "y", "x"}
        Normal of the layers.
    thicknesses : sequence of int
        Voxels of each layer of the period.
    conductivities : sequence of float
        Conductivity of each phase.

    Returns
    -------
    KnownShape
        Effective conductivity along each axis (series along the normal, parallel across it)
        and the contact areas of neighbouring layers; phases ``layer-0``, ``layer-1``, ...

    Raises
    ------
    InputDataError
        If the periods do not fill the shape.
    """
    spacing = check_spacing(spacing)
    number, period = AXES.index(axis), sum(thicknesses)
    if shape[number] % period:
        raise InputDataError(
            f"{shape[number]} voxels along {axis} are not a multiple of {period}, one period",
            hint="choose a shape that holds whole periods",
        )
    one = np.repeat(np.arange(len(thicknesses), dtype=np.uint8), thicknesses)
    line = np.tile(one, shape[number] // period)
    pattern = np.expand_dims(line, [i for i in range(3) if i != number])
    labels = np.ascontiguousarray(np.broadcast_to(pattern, shape))
    parts = [t / period for t in thicknesses]
    normal = tuple(float(i == number) for i in range(3))
    tensor = analytic.laminate_tensor(parts, conductivities, normal)
    names = [f"layer-{i}" for i in range(len(thicknesses))]
    truth = [
        Truth("volume_fraction", name, part, _VOXELS)
        for name, part in zip(names, parts, strict=True)
    ]
    truth += [
        Truth("effective_conductivity_ratio", "all", float(tensor[i, i]), _VOXELS, AXES[i])
        for i in range(3)
    ]
    face = math.prod(
        n * d for i, (n, d) in enumerate(zip(shape, spacing, strict=True)) if i != number
    )
    for a in range(len(names)):
        for b in range(a + 1, len(names)):
            joints = np.count_nonzero((line[1:] != line[:-1]) & (line[1:] + line[:-1] == a + b)
                                      & (np.minimum(line[1:], line[:-1]) == a))  # fmt: skip
            truth.append(
                Truth("area", f"{names[a]}|{names[b]}", joints * face, _VOXELS, unit="um^2")
            )
    return KnownShape(
        f"laminate along {axis}", labels, spacing, {n: i for i, n in enumerate(names)}, tuple(truth)
    )


def slanted_strip(slices: int, *, axis: str = "z") -> KnownShape:
    """Return a bar of 2 x 2 voxels that moves one voxel along both other axes per slice.

    Parameters
    ----------
    slices : int
        Slices along the axis, 2 or more; the other sides have one voxel more.
    axis : {"z", "y", "x"}
        Transport axis.

    Returns
    -------
    KnownShape
        Its tortuosity factor, 7.51667 for 20 slices; cubic voxels of 1 µm.
    """
    labels = np.zeros((slices, slices + 1, slices + 1), np.uint8)
    for i in range(slices):
        labels[i, i : i + 2, i : i + 2] = 1
    labels = np.ascontiguousarray(np.moveaxis(labels, 0, AXES.index(axis)))
    share = 4 / (slices + 1) ** 2
    truth = (
        Truth("volume_fraction", "solid", share, _VOXELS),
        Truth("tortuosity_factor", "solid", analytic.slanted_strip_tau(slices), _VOXELS, axis),
    )
    return KnownShape("slanted strip", labels, (1.0, 1.0, 1.0), {"void": 0, "solid": 1}, truth)


def sphere_array(side: int, fraction: float) -> KnownShape:
    """Return one cell of a simple cubic array of insulating balls in a conducting matrix.

    Parameters
    ----------
    side : int
        Voxels along each edge.
    fraction : float
        Volume fraction of the ball, below pi/6.

    Returns
    -------
    KnownShape
        Effective conductivity of the matrix in the continuum; binary voxels err by about
        4 % at 20 voxels per ball, an error that falls with one over the voxels. Phases:
        ball 0, matrix 1; the cell is 1 µm wide.
    """
    radius = (3 * fraction / (4 * math.pi)) ** (1 / 3)
    edge = 1 / side
    scene = Scene((side,) * 3, (edge,) * 3, 1, (Paint(Ball((0.5,) * 3, radius), 0),))
    value = analytic.simple_cubic_spheres(fraction)
    truth = [
        Truth("volume_fraction", "ball", fraction, _EXACT),
        Truth("volume_fraction", "matrix", 1 - fraction, _EXACT),
        Truth("area", "ball|matrix", 4 * math.pi * radius**2, _EXACT, unit="um^2"),
    ]
    truth += [
        Truth("effective_conductivity_ratio", "matrix", value, "Sangani and Acrivos 1983", axis)
        for axis in AXES
    ]
    return KnownShape(
        "simple cubic spheres",
        scene.labels(),
        scene.spacing,
        {"ball": 0, "matrix": 1},
        tuple(truth),
    )
