"""Solids to paint a scene with: each knows its inside and can sample its surface evenly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ssbtomo.testing.surfaces import (
    Box,
    Floats,
    Surface,
    Vector,
    box_around,
    frame_from,
    joined,
    lattice,
    on_disc,
    on_sphere,
    on_tube,
    point_count,
    unit_vector,
)

__all__ = ["Ball", "Cap", "Capsule", "Disc", "Ellipsoid", "Ground", "HalfSpace", "Solid"]

Bools = NDArray[np.bool_]


class Solid(Protocol):
    """A closed set of points, coordinates (Z, Y, X) in µm."""

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside; the coordinates broadcast."""

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread about `density` points per µm² on the surface, as far as `view` needs."""


@dataclass(frozen=True, slots=True)
class Ball:
    """A ball.

    Parameters
    ----------
    center : tuple of float
        Its centre, (Z, Y, X) in µm.
    radius : float
        Its radius in µm.
    """

    center: Vector
    radius: float

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""
        return box_around(self.center, (self.radius,) * 3)

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        cz, cy, cx = self.center
        squared = (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2
        return np.asarray(squared <= self.radius**2)

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the surface."""
        area = 4 * math.pi * self.radius**2
        normals = on_sphere(point_count(area, density), rng)
        points = np.array(self.center) + self.radius * normals
        return Surface(points, normals, np.full(len(points), area / len(points)))


@dataclass(frozen=True, slots=True)
class Cap:
    """The part of a ball on one side of a plane.

    Parameters
    ----------
    center : tuple of float
        Centre of the ball, (Z, Y, X) in µm.
    radius : float
        Radius of the ball in µm.
    normal : tuple of float
        Normal of the plane, of any length; it points into the part that is kept.
    height : float
        Where the plane cuts `normal`, in µm from the centre.
    """

    center: Vector
    radius: float
    normal: Vector
    height: float

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""
        return box_around(self.center, (self.radius,) * 3)

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        (cz, cy, cx), (nz, ny, nx) = self.center, unit_vector(self.normal)
        above = nz * (z - cz) + ny * (y - cy) + nx * (x - cx) >= self.height
        return above & Ball(self.center, self.radius).inside(z, y, x)

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the surface."""
        frame = frame_from(self.normal)
        dome = Ball(self.center, self.radius).surface(view, density, rng)
        kept = (dome.points - np.array(self.center)) @ np.array(frame[0]) >= self.height
        rim = math.sqrt(max(self.radius**2 - self.height**2, 0.0))
        middle = np.array(self.center) + self.height * np.array(frame[0])
        floor = on_disc(middle, frame, rim, point_count(math.pi * rim**2, density), rng)
        return joined(Surface(*(part[kept] for part in dome)), floor)


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid.

    Parameters
    ----------
    center : tuple of float
        Its centre, (Z, Y, X) in µm.
    semi_axes : tuple of float
        Lengths of its semi-axes in µm.
    frame : tuple of tuple of float
        Their directions, as three orthogonal unit vectors.
    """

    center: Vector
    semi_axes: Vector
    frame: tuple[Vector, Vector, Vector]

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""
        reach = [
            math.sqrt(
                sum((a * row[d]) ** 2 for a, row in zip(self.semi_axes, self.frame, strict=True))
            )
            for d in range(3)
        ]
        return box_around(self.center, (reach[0], reach[1], reach[2]))

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        cz, cy, cx = self.center
        squared = np.zeros(())
        for length, (fz, fy, fx) in zip(self.semi_axes, self.frame, strict=True):
            along = (fz * (z - cz) + fy * (y - cy) + fx * (x - cx)) / length
            squared = squared + along**2
        return np.asarray(squared <= 1.0)

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the surface, their areas following the stretch."""
        a, b, c = self.semi_axes
        count = point_count(4 * math.pi * max(a * b, b * c, a * c), density)
        unit = on_sphere(count, rng)
        axes, frame = np.array(self.semi_axes), np.array(self.frame)
        normals = (unit / axes) @ frame
        length = np.sqrt((normals**2).sum(axis=1))
        points = np.array(self.center) + (unit * axes) @ frame
        areas = 4 * math.pi / count * a * b * c * length
        return Surface(points, normals / length[:, None], areas)


@dataclass(frozen=True, slots=True)
class Disc:
    """A flat disc of even width: a penny crack.

    Parameters
    ----------
    center : tuple of float
        Its centre, (Z, Y, X) in µm.
    normal : tuple of float
        Its normal, of any length.
    radius : float
        Its radius in µm.
    width : float
        Its thickness in µm.
    """

    center: Vector
    normal: Vector
    radius: float
    width: float

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""
        half = [
            self.radius * math.sqrt(max(1 - n * n, 0.0)) + self.width / 2 * abs(n)
            for n in unit_vector(self.normal)
        ]
        return box_around(self.center, (half[0], half[1], half[2]))

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        (cz, cy, cx), (nz, ny, nx) = self.center, unit_vector(self.normal)
        z, y, x = z - cz, y - cy, x - cx
        along = nz * z + ny * y + nx * x
        across = z * z + y * y + x * x - along * along
        return np.asarray((np.abs(along) <= self.width / 2) & (across <= self.radius**2))

    def middle(self, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the middle plane of the disc."""
        count = point_count(math.pi * self.radius**2, density)
        return on_disc(np.array(self.center), frame_from(self.normal), self.radius, count, rng)

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on both faces and the rim."""
        frame, center = frame_from(self.normal), np.array(self.center)
        count = point_count(math.pi * self.radius**2, density)
        half = self.width / 2 * np.array(frame[0])
        rim = point_count(2 * math.pi * self.radius * self.width, density)
        return joined(
            on_disc(center - half, frame, self.radius, count, rng),
            on_disc(center + half, frame, self.radius, count, rng),
            on_tube(center - half, frame, (self.radius, self.width), rim, rng),
        )


@dataclass(frozen=True, slots=True)
class Capsule:
    """All points near a line: a piece of a filament, with round ends.

    Parameters
    ----------
    start, stop : tuple of float
        The ends of the line, (Z, Y, X) in µm; they must differ.
    radius : float
        The largest distance from the line, in µm.
    """

    start: Vector
    stop: Vector
    radius: float

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""
        pairs = list(zip(self.start, self.stop, strict=True))
        low = [min(pair) - self.radius for pair in pairs]
        high = [max(pair) + self.radius for pair in pairs]
        return Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        (az, ay, ax), (bz, by, bx) = self.start, self.stop
        dz, dy, dx = bz - az, by - ay, bx - ax
        z, y, x = z - az, y - ay, x - ax
        share = (z * dz + y * dy + x * dx) / (dz * dz + dy * dy + dx * dx)
        share = np.clip(share, 0.0, 1.0)
        squared = (z - share * dz) ** 2 + (y - share * dy) ** 2 + (x - share * dx) ** 2
        return np.asarray(squared <= self.radius**2)

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the tube and its two round ends."""
        start, stop = np.array(self.start), np.array(self.stop)
        length = math.sqrt(float(((stop - start) ** 2).sum()))
        frame = frame_from((stop[0] - start[0], stop[1] - start[1], stop[2] - start[2]))
        count = point_count(2 * math.pi * self.radius * length, density)
        ends = Ball((0.0, 0.0, 0.0), self.radius).surface(view, density, rng)
        far = (ends.points @ np.array(frame[0]) > 0)[:, None]
        ends = ends._replace(points=ends.points + np.where(far, stop, start))
        return joined(on_tube(start, frame, (self.radius, length), count, rng), ends)


@dataclass(frozen=True, slots=True)
class HalfSpace:
    """All points with ``normal . p <= offset``.

    Parameters
    ----------
    normal : tuple of float
        Points out of the solid; a unit vector, so that `offset` is in µm.
    offset : float
        Distance of the plane from the origin along `normal`.
    """

    normal: Vector
    offset: float

    @property
    def bounds(self) -> Box:
        """Everything."""
        return Box((-math.inf,) * 3, (math.inf,) * 3)

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        nz, ny, nx = self.normal
        return np.asarray(nz * z + ny * y + nx * x <= self.offset)

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the part of the plane that the view can see."""
        low, high, normal = np.array(view.low), np.array(view.high), np.array(self.normal)
        middle = (low + high) / 2
        squared = float((normal**2).sum())
        foot = middle + normal * (self.offset - float((normal * middle).sum())) / squared
        reach = math.sqrt(float(((high - low) ** 2).sum())) / 2
        count = point_count(math.pi * reach**2, density)
        return on_disc(foot, frame_from(self.normal), reach, count, rng)


@dataclass(frozen=True, slots=True)
class Ground:
    """All points below a wavy level: ``z <= level + sum a cos(2 pi (f y + g x) + p)``.

    Parameters
    ----------
    level : float
        The mean level in µm.
    waves : tuple of tuple of float
        (a, f, g, p) of each wave, a in µm and f, g in 1/µm.
    """

    level: float
    waves: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""
        top = self.level + sum(abs(wave[0]) for wave in self.waves)
        return Box((-math.inf,) * 3, (top, math.inf, math.inf))

    def height(self, y: Floats, x: Floats) -> Floats:
        """Return the level at (y, x)."""
        level = np.full(np.broadcast_shapes(np.shape(y), np.shape(x)), self.level)
        for size, f, g, phase in self.waves:
            level = level + size * np.cos(2 * math.pi * (f * y + g * x) + phase)
        return level

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        return np.asarray(z <= self.height(y, x))

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the part that the view can see."""
        height, width = (view.high[i] - view.low[i] for i in (1, 2))
        count = point_count(height * width, density)
        u, v = lattice(count, rng)
        y, x = view.low[1] + height * u, view.low[2] + width * v
        slope_y, slope_x = np.zeros(count), np.zeros(count)
        for size, f, g, phase in self.waves:
            steep = -2 * math.pi * size * np.sin(2 * math.pi * (f * y + g * x) + phase)
            slope_y, slope_x = slope_y + f * steep, slope_x + g * steep
        stretch = np.sqrt(1 + slope_y**2 + slope_x**2)
        normals = np.stack([np.ones(count), -slope_y, -slope_x], axis=1) / stretch[:, None]
        points = np.stack([self.height(y, x), y, x], axis=1)
        return Surface(points, normals, height * width / count * stretch)
