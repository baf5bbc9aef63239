"""A scan in which lithium and void differ by a stated number of noise levels, with its truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import Ball, Capsule, Ground
from ssbtomo.units import Spacing, check_spacing

__all__ = ["LithiumScan", "lithium_scan"]

Grey = NDArray[np.float32]
_VOID, _LITHIUM, _ELECTROLYTE, _ACTIVE = range(4)
_NAMES = ("void", "lithium", "electrolyte", "active")


@dataclass(frozen=True, slots=True, eq=False)
class LithiumScan:
    """A scan with lithium and void, and all that is known about it.

    Parameters
    ----------
    image : ndarray of uint16, shape (Z, Y, X)
        The scan.
    labels : ndarray of uint8, shape (Z, Y, X)
        0 void, 1 lithium, 2 electrolyte, 3 active material.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    companion : ndarray of uint16, shape (Z, Y, X)
        A registered map of the element (as from EDS or TOF-SIMS): bright in lithium, blurred by
        two voxels, as noisy as bright.
    reference : ndarray of uint16, shape (Z, Y, X)
        A registered scan before plating: electrolyte where lithium is, all else the same, with
        noise of its own.
    dprime : float
        Distance of the grey values of lithium and void over the noise, as planted.
    shares : dict of str to float
        Volume fraction of each phase, on a grid three times finer.
    """

    image: NDArray[np.uint16]
    labels: NDArray[np.uint8]
    spacing: Spacing
    companion: NDArray[np.uint16]
    reference: NDArray[np.uint16]
    dprime: float
    shares: dict[str, float]


def lithium_scan(
    shape: tuple[int, int, int] = (64, 64, 64),
    spacing: Spacing = (0.2, 0.2, 0.2),
    *,
    dprime: float,
    seed: int = 0,
    noise: float = 100.0,
    blur: float = 0.7,
) -> LithiumScan:
    """Make a scan of lithium, electrolyte and active material with voids.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X), 32 or more each.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    dprime : float
        Distance of the grey values of lithium and void, in standard deviations of the noise.
    seed : int
        Seed of all that is random: geometry and noise.
    noise : float
        Standard deviation of the white noise, in grey values.
    blur : float
        Standard deviation of the point-spread function in voxels.

    Returns
    -------
    LithiumScan
        Lithium is a rough layer at z-min with voids at its surface, a filament that grows from it,
        and two pieces joined to nothing; voids and active particles are balls in the electrolyte.
    """
    from scipy import ndimage as ndi

    rng = np.random.default_rng(seed)
    edges = check_spacing(spacing)
    paints = tuple(_paints(np.array(shape) * edges, rng))
    scene = Scene(shape, edges, _ELECTROLYTE, paints)
    greys = [1000.0, 1000.0 + dprime * noise, 1000.0 + max(1500.0, 2 * dprime * noise)]
    greys.append(greys[-1] + 1500.0)
    raster = scene.rasterise(greys)
    before = Scene(
        shape, edges, _ELECTROLYTE, tuple(p for p in paints if p.label != _LITHIUM)
    ).rasterise(greys)
    element = ndi.gaussian_filter(scene.rasterise([0, 400, 0, 0]).grey, 2.0, mode="nearest")

    def seen(grey: Grey, spread: float, width: float) -> NDArray[np.uint16]:
        sharp = ndi.gaussian_filter(grey, width, mode="nearest") if width else grey
        noisy = sharp + spread * rng.standard_normal(shape, np.float32)
        return np.clip(np.rint(noisy), 0, 65535).astype(np.uint16)

    return LithiumScan(
        image=seen(raster.grey, noise, blur),
        labels=raster.labels,
        spacing=edges,
        companion=seen(element + 1000.0, 400.0, 0.0),
        reference=seen(before.grey, noise, blur),
        dprime=dprime,
        shares=dict(zip(_NAMES, raster.shares.tolist(), strict=True)),
    )


def _paints(size: NDArray[np.float64], rng: np.random.Generator) -> Iterator[Paint]:
    """Yield the solids; all lengths are shares of the smallest edge of the view."""
    small, depth = float(size.min()), 0.18 * float(size[0])
    for _ in range(8):  # lower down they would only be cut by the lithium
        center = rng.uniform([0.55 * size[0], 0, 0], size)
        yield Paint(Ball(_point(center), small * rng.uniform(0.09, 0.15)), _ACTIVE)
    phase = rng.uniform(0, 2 * np.pi, 2)
    waves = (
        (0.02 * small, 1.0 / size[1], 1.0 / size[2], float(phase[0])),
        (0.015 * small, 2.0 / size[1], -1.0 / size[2], float(phase[1])),
    )
    yield Paint(Ground(depth, waves), _LITHIUM)
    foot = rng.uniform([0.5 * depth, 0.3 * size[1], 0.3 * size[2]], [depth, *(0.7 * size[1:])])
    tip = foot + np.array([0.4 * size[0], *(rng.uniform(-0.1, 0.1, 2) * small)])
    yield Paint(Capsule(_point(foot), _point(tip), 0.06 * small), _LITHIUM, frozenset({2}))
    for _ in range(2):
        center = rng.uniform([0.5 * size[0], *(0.15 * size[1:])], 0.85 * size)
        yield Paint(Ball(_point(center), small * rng.uniform(0.07, 0.1)), _LITHIUM, frozenset({2}))
    for _ in range(3):
        center = rng.uniform([depth, 0, 0], [depth, *size[1:]])
        over = frozenset({1, 2})  # electrolyte too: before plating there is no lithium
        yield Paint(Ball(_point(center), small * rng.uniform(0.08, 0.12)), _VOID, over)
    for _ in range(14):
        center = rng.uniform([0.3 * size[0], 0, 0], size)
        reach = small * rng.uniform(0.07, 0.11)
        yield Paint(Ball(_point(center), reach), _VOID, frozenset({_ELECTROLYTE}))


def _point(values: NDArray[np.float64]) -> tuple[float, float, float]:
    z, y, x = (round(float(value), 6) for value in values)
    return z, y, x
