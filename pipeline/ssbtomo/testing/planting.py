"""Plant particles, pores, cracks, lithium and a filament into a scene."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ssbtomo.testing.packing import Packing, pack
from ssbtomo.testing.scene import Paint, Scene
from ssbtomo.testing.solids import Ball, Capsule, Disc, Ellipsoid, Ground, Solid
from ssbtomo.testing.surfaces import Box, frame_from
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from ssbtomo.testing.cathode import CathodeDesign

__all__ = ["Planted", "plant"]

Floats = NDArray[np.float64]
Vector = tuple[float, float, float]
Place = Callable[[float], Ellipsoid]
_TRIES = 4000
_FILM = 0.06  # largest share of a surface that may face a particle across a thin film


@dataclass(frozen=True, slots=True)
class Planted:
    """A scene, and which of its paints are particles and cracks.

    Parameters
    ----------
    scene : Scene
        Everything that was planted.
    particles : tuple of int
        Which of the scene's paints are particles of active material, by index.
    cracks : tuple of int
        Which are cracks.
    """

    scene: Scene
    particles: tuple[int, ...]
    cracks: tuple[int, ...]


def plant(
    shape: tuple[int, int, int],
    spacing: Spacing,
    design: CathodeDesign,
    phases: Mapping[str, int],
    rng: np.random.Generator,
) -> Planted:
    """Plant everything that a design asks for.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    design : CathodeDesign
        What to plant.
    phases : mapping of str to int
        Labels of void, electrolyte, active and perhaps lithium.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Planted
        The scene.
    """
    gardener = _Gardener(shape, spacing, design, phases, rng)
    paints: list[Paint] = []
    if "lithium" in phases:
        paints += gardener.lithium()
    first = len(paints)
    paints += gardener.particles()
    particles = range(first, len(paints))
    paints += gardener.pores()
    first = len(paints)
    paints += gardener.cracks()
    cracks = range(first, len(paints))
    if design.filament and "lithium" in phases:
        paints += gardener.filament()
    scene = Scene(shape, spacing, phases["electrolyte"], tuple(paints))
    return Planted(scene, tuple(particles), tuple(cracks))


class _Gardener:
    """Draws the solids of one scene, each kind by one method."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        spacing: Spacing,
        design: CathodeDesign,
        phases: Mapping[str, int],
        rng: np.random.Generator,
    ) -> None:
        self.size = np.array(shape) * np.array(spacing)
        self.design, self.phases, self.rng = design, phases, rng
        self.view = Box((0.0, 0.0, 0.0), _vector(self.size))
        self.edge = math.prod(spacing) ** (1 / 3)
        self.floor = design.lithium + design.separator
        self.packing = Packing(np.empty((0, 3)), np.empty(0))
        self.holes = Packing(np.empty((0, 3)), np.empty(0))

    def lithium(self) -> list[Paint]:
        """Return the wavy lithium and the voids in its surface."""
        design, lithium = self.design, self.phases["lithium"]
        width = float(min(self.size[1:]))
        waves = []
        for _ in range(5):
            f, g = (2 * self.rng.random(2) - 1) * 4 / width
            waves.append((design.roughness * 0.3, _six(f), _six(g), _six(6.28 * self.rng.random())))
        ground = Ground(design.lithium, tuple(waves))
        paints = [Paint(ground, lithium)]
        for _ in range(design.lithium_voids):
            y, x = (0.1 + 0.8 * self.rng.random(2)) * self.size[1:]
            level = float(ground.height(np.array(y), np.array(x)))
            wide = self.design.pore_diameter[1] * (0.7 + 0.4 * self.rng.random())
            void = Ellipsoid(
                _vector(np.array([level, y, x])), (0.6 * wide, wide, wide), frame_from((1, 0, 0))
            )
            paints.append(Paint(void, self.phases["void"], frozenset({lithium})))
        return paints

    def particles(self) -> list[Paint]:
        """Return the active particles, packed on the separator."""
        design = self.design
        margin = np.array([design.particle_diameter * 0.8] * 3)
        low, high = np.array([self.floor, 0, 0]) - margin * [0, 1, 1], self.size + margin
        if self.floor == 0:
            low = low - margin * [2, 0, 0]
        wanted = design.active_fraction * float(np.prod(high - low))
        diameters: list[float] = []
        while sum(d**3 for d in diameters) * math.pi / 6 < wanted:
            scale = math.exp(design.particle_spread * float(self.rng.standard_normal()))
            diameters.append(design.particle_diameter * min(max(scale, 0.6), 1.6))
        self.packing = pack(
            np.array(diameters), low, high,
            gap=design.particle_gap, contacts=design.contacts, rng=self.rng,
        )  # fmt: skip
        return [
            Paint(Ball(_vector(center), float(radius)), self.phases["active"])
            for center, radius in zip(self.packing.centers, self.packing.radii, strict=True)
            if (np.abs(center - self.size / 2) < self.size / 2 + radius).all()
        ]

    def pores(self) -> list[Paint]:
        """Return the pores on particles, in the cathode's electrolyte and in the separator."""
        design = self.design
        cathode = float(self.size[0] - self.floor) * float(self.size[1] * self.size[2])
        separator = design.separator * float(self.size[1] * self.size[2])
        wanted = design.porosity * cathode
        paints = self._plant_pores(design.interface_pores * wanted, self._on_a_particle)
        paints += self._plant_pores((1 - design.interface_pores) * wanted, self._in_the_cathode)
        return paints + self._plant_pores(
            design.separator_porosity * separator, self._in_the_separator
        )

    def cracks(self) -> list[Paint]:
        """Return cracks through the electrolyte, and cracks inside the larger particles."""
        design, void = self.design, self.phases["void"]
        over = frozenset({self.phases["electrolyte"]})
        room = float(self.size[0] - design.lithium) * float(self.size[1] * self.size[2])
        left = design.electrolyte_cracks * room
        paints = []
        for _ in range(_TRIES):
            if left <= 0:
                break
            center = self.rng.random(3) * (self.size - [design.lithium, 0, 0]) + [
                design.lithium,
                0,
                0,
            ]
            low, high = design.crack_radius
            disc = Disc(
                _vector(center),
                self._direction(),
                low + (high - low) * self.rng.random(),
                design.crack_width,
            )
            free = self._free(disc)
            if free > 0.45 and disc.bounds.low[0] > design.lithium and self._slivers(disc) < _FILM:
                paints.append(Paint(disc, void, over))
                left -= free * math.pi * disc.radius**2 * disc.width
        return paints + self._particle_cracks()

    def filament(self) -> list[Paint]:
        """Return a filament that wanders from the lithium towards the cathode."""
        design = self.design
        thick = 0.65 * design.crack_width
        over = frozenset({self.phases["electrolyte"], self.phases["void"]})
        step = max(design.separator - 2 * thick, thick) / 5
        at = np.array([design.lithium - step, *((0.3 + 0.4 * self.rng.random(2)) * self.size[1:])])
        paints = []
        for _ in range(6):
            drift = (self.rng.random(2) - 0.5) * 1.6 * step
            to = at + np.array([step, *drift])
            paints.append(
                Paint(Capsule(_vector(at), _vector(to), thick), self.phases["lithium"], over)
            )
            at, thick = to, thick * 0.97
        return paints

    def _particle_cracks(self) -> list[Paint]:
        over = frozenset({self.phases["active"]})
        centers, radii = self.packing.centers, self.packing.radii
        seen = ((centers > 0) & (centers < self.size)).all(axis=1)
        large = np.flatnonzero(seen & (radii > self.design.particle_diameter / 2))
        paints = []
        for index in large:
            if self.rng.random() < self.design.cracked_particles:
                radius = float(radii[index])
                normal = self._direction()
                offset = 0.25 * radius * (2 * self.rng.random() - 1)
                center = centers[index] + offset * np.array(normal)
                reach = (0.65 + 0.5 * self.rng.random()) * radius
                disc = Disc(_vector(center), normal, _six(reach), self.design.crack_width)
                paints.append(Paint(disc, self.phases["void"], over))
        return paints

    def _plant_pores(self, wanted: float, place: Place) -> list[Paint]:
        paints: list[Paint] = []
        over = frozenset({self.phases["electrolyte"]})
        for _ in range(_TRIES):
            if wanted <= 0:
                break
            low, high = self.design.pore_diameter
            reach = (low + (high - low) * self.rng.random()) / 2
            solid = place(reach)
            center = np.array(solid.center)
            if not self._clear(center, reach):
                continue
            free = self._free(solid)
            if free > 0.3 and self._slivers(solid) < _FILM:
                paints.append(Paint(solid, self.phases["void"], over))
                self.holes = Packing(
                    np.vstack([self.holes.centers, center]), np.append(self.holes.radii, reach)
                )
                wanted -= free * 4 / 3 * math.pi * math.prod(solid.semi_axes)
        return paints

    def _on_a_particle(self, reach: float) -> Ellipsoid:
        """Return a pore on a particle: every second one a lens, as where contact was lost."""
        packing = self.packing
        index = min(int(self.rng.random() * len(packing.radii)), len(packing.radii) - 1)
        out = self._direction()
        lens = self.rng.random() < 0.5
        depth = 0.2 * reach if lens else 0.4 * reach
        center = packing.centers[index] + (packing.radii[index] + depth) * np.array(out)
        axes = (0.85 * reach, 1.7 * reach, 1.5 * reach) if lens else self._axes(reach)
        return Ellipsoid(_vector(center), axes, _frame(out))

    def _in_the_cathode(self, reach: float) -> Ellipsoid:
        low = np.array([self.floor, 0.0, 0.0])
        center = low + self.rng.random(3) * (self.size - low)
        return Ellipsoid(_vector(center), self._axes(reach), _frame(self._direction()))

    def _in_the_separator(self, reach: float) -> Ellipsoid:
        low = np.array([self.design.lithium + self.design.roughness + 1.3 * reach, 0.0, 0.0])
        high = np.array([self.floor, *self.size[1:]])
        center = low + self.rng.random(3) * np.maximum(high - low, 0)
        return Ellipsoid(_vector(center), self._axes(reach), _frame(self._direction()))

    def _axes(self, reach: float) -> Vector:
        a, b, c = reach * (0.85 + 0.35 * self.rng.random(3))
        return _six(a), _six(b), _six(c)

    def _direction(self) -> Vector:
        while True:
            out = 2 * self.rng.random(3) - 1
            length = math.sqrt(float(out[0] ** 2 + out[1] ** 2 + out[2] ** 2))
            if 0.1 < length <= 1:
                return _six(out[0] / length), _six(out[1] / length), _six(out[2] / length)

    def _clear(self, center: Floats, reach: float) -> bool:
        """Tell whether a pore is well inside or well away from the other pores."""
        away = self.holes.centers - center
        gaps = np.sqrt((away**2).sum(axis=1)) - self.holes.radii - reach
        return not ((gaps < 2.5 * self.edge) & (gaps > -1.5 * self.edge)).any()

    def _slivers(self, solid: Solid) -> float:
        """Return the share of a solid's surface that faces a particle across a thin film.

        Such films are thinner than any voxel can show, so no measurement could be right.
        """
        reach = float(np.subtract(solid.bounds.high, solid.bounds.low).max()) / 2
        points, normals, _ = solid.surface(self.view, 100 / (4 * math.pi * reach**2), self.rng)
        near = self._near(np.array(solid.bounds.low), np.array(solid.bounds.high), 3 * self.edge)
        if not near.any():
            return 0.0
        towards = points[:, None, :] - self.packing.centers[near]
        distance = np.sqrt((towards**2).sum(axis=2))
        facing = np.abs((towards * normals[:, None, :]).sum(axis=2)) > 0.6 * distance
        film = distance - self.packing.radii[near]
        thin = (film > 0) & (film < 2.5 * self.edge) & facing
        outside = (film > 0).all(axis=1)
        return float((thin.any(axis=1) & outside).sum() / max(outside.sum(), 1))

    def _near(self, low: Floats, high: Floats, margin: float) -> NDArray[np.bool_]:
        centers, reach = self.packing.centers, self.packing.radii[:, None] + margin
        return np.asarray(((centers + reach > low) & (centers - reach < high)).all(axis=1))

    def _free(self, solid: Solid) -> float:
        """Return the share of a solid that lies in view and outside the particles, roughly."""
        low, high = np.array(solid.bounds.low), np.array(solid.bounds.high)
        points = low + self.rng.random((200, 3)) * (high - low)
        points = points[solid.inside(*points.T)]
        if not len(points):
            return 0.0
        centers, radii = self.packing.centers, self.packing.radii
        near = self._near(low, high, 0.0)
        away = points[:, None, :] - centers[near]
        free = ((away**2).sum(axis=2) > radii[near] ** 2).all(axis=1)
        return float((free & (points > 0).all(axis=1) & (points < self.size).all(axis=1)).mean())


def _six(value: float) -> float:
    """Round to six decimals, so that every machine plants the same."""
    return round(float(value), 6)


def _vector(point: Floats) -> Vector:
    return _six(point[0]), _six(point[1]), _six(point[2])


def _frame(axis: Vector) -> tuple[Vector, Vector, Vector]:
    first, second, third = (_vector(np.array(row)) for row in frame_from(axis))
    return first, second, third
