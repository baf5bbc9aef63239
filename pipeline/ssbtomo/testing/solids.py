"""Solids to paint a scene with: each knows its inside and can sample its surface evenly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ball", "Box", "Cap", "Capsule", "Disc", "Ellipsoid", "Ground", "HalfSpace", "Solid",
           "Surface", "frame_from"]  # fmt: skip

Vector = tuple[float, float, float]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_GOLDEN = (math.sqrt(5) - 1) / 2


class Box(NamedTuple):
    """A box between two corners, (Z, Y, X) in µm."""

    low: Vector
    high: Vector

    def meets(self, other: Box) -> bool:
        """Tell whether the boxes share a point."""
        return all(
            a <= d and c <= b
            for a, b, c, d in zip(self.low, self.high, other.low, other.high, strict=True)
        )


class Surface(NamedTuple):
    """Points spread evenly on a surface, with the normal and the area of each."""

    points: Floats
    normals: Floats
    areas: Floats


class Solid(Protocol):
    """A closed set of points, coordinates (Z, Y, X) in µm."""

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside; the coordinates broadcast."""

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread about `density` points per µm² on the surface, as far as `view` needs."""


def frame_from(axis: Vector) -> tuple[Vector, Vector, Vector]:
    """Return three orthogonal unit vectors, the first along `axis`.

    Parameters
    ----------
    axis : tuple of float
        Any vector but zero.

    Returns
    -------
    tuple of tuple of float
        Rows of a rotation matrix.
    """
    a = _unit(axis)
    least = min(range(3), key=lambda i: abs(a[i]))
    b = _unit(_cross(a, tuple(float(i == least) for i in range(3))))  # type: ignore[arg-type]
    return a, b, _cross(a, b)


def _unit(v: Vector) -> Vector:
    length = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return v[0] / length, v[1] / length, v[2] / length


def _cross(a: Vector, b: Vector) -> Vector:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def _around(center: Vector, half: Vector) -> Box:
    (z, y, x), (a, b, c) = center, half
    return Box((z - a, y - b, x - c), (z + a, y + b, x + c))


def _count(area: float, density: float) -> int:
    return max(64, math.ceil(area * density))


def _lattice(count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a randomly shifted lattice in the unit square: even, and unbiased."""
    first, second = rng.random(2)
    k = np.arange(count, dtype=np.float64)
    return (k + first) / count, (k * _GOLDEN + second) % 1.0


def _sphere(count: int, rng: np.random.Generator) -> Floats:
    u, v = _lattice(count, rng)
    height = 1 - 2 * u
    ring = np.sqrt(1 - height * height)
    turn = 2 * math.pi * v
    return np.stack([height, ring * np.cos(turn), ring * np.sin(turn)], axis=1)


def _disc(
    center: Floats, frame: tuple[Vector, Vector, Vector], radius: float, count: int,
    rng: np.random.Generator,
) -> Surface:  # fmt: skip
    u, v = _lattice(count, rng)
    along, right, up = (np.array(axis) for axis in frame)
    rho, turn = radius * np.sqrt(u)[:, None], 2 * math.pi * v[:, None]
    points = center + rho * (np.cos(turn) * right + np.sin(turn) * up)
    area = math.pi * radius**2 / count
    return Surface(points, np.broadcast_to(along, points.shape), np.full(count, area))


def _tube(
    start: Floats, frame: tuple[Vector, Vector, Vector], size: tuple[float, float], count: int,
    rng: np.random.Generator,
) -> Surface:  # fmt: skip
    radius, length = size
    u, v = _lattice(count, rng)
    along, right, up = (np.array(axis) for axis in frame)
    turn = 2 * math.pi * v[:, None]
    normals = np.cos(turn) * right + np.sin(turn) * up
    points = start + length * u[:, None] * along + radius * normals
    return Surface(points, normals, np.full(count, 2 * math.pi * radius * length / count))


def _join(*parts: Surface) -> Surface:
    points, normals, areas = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Surface(points, normals, areas)


@dataclass(frozen=True, slots=True)
class Ball:
    """A ball."""

    center: Vector
    radius: float

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""
        return _around(self.center, (self.radius,) * 3)

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        cz, cy, cx = self.center
        squared = (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2
        return np.asarray(squared <= self.radius**2)

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the surface."""
        area = 4 * math.pi * self.radius**2
        normals = _sphere(_count(area, density), rng)
        points = np.array(self.center) + self.radius * normals
        return Surface(points, normals, np.full(len(points), area / len(points)))


@dataclass(frozen=True, slots=True)
class Cap:
    """The part of a ball on one side of a plane at `height` along `normal` from its centre."""

    center: Vector
    radius: float
    normal: Vector
    height: float

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""
        return _around(self.center, (self.radius,) * 3)

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        (cz, cy, cx), (nz, ny, nx) = self.center, _unit(self.normal)
        above = nz * (z - cz) + ny * (y - cy) + nx * (x - cx) >= self.height
        return above & Ball(self.center, self.radius).inside(z, y, x)

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the surface."""
        frame = frame_from(self.normal)
        dome = Ball(self.center, self.radius).surface(view, density, rng)
        kept = (dome.points - np.array(self.center)) @ np.array(frame[0]) >= self.height
        rim = math.sqrt(max(self.radius**2 - self.height**2, 0.0))
        middle = np.array(self.center) + self.height * np.array(frame[0])
        floor = _disc(middle, frame, rim, _count(math.pi * rim**2, density), rng)
        return _join(Surface(*(part[kept] for part in dome)), floor)


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """An ellipsoid; `frame` holds the directions of the semi-axes as rows."""

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
        return _around(self.center, (reach[0], reach[1], reach[2]))

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
        count = _count(4 * math.pi * max(a * b, b * c, a * c), density)
        unit = _sphere(count, rng)
        axes, frame = np.array(self.semi_axes), np.array(self.frame)
        normals = (unit / axes) @ frame
        length = np.sqrt((normals**2).sum(axis=1))
        points = np.array(self.center) + (unit * axes) @ frame
        areas = 4 * math.pi / count * a * b * c * length
        return Surface(points, normals / length[:, None], areas)


@dataclass(frozen=True, slots=True)
class Disc:
    """A flat disc of even `width`: a penny crack."""

    center: Vector
    normal: Vector
    radius: float
    width: float

    @property
    def bounds(self) -> Box:
        """A box that holds the solid."""
        half = [
            self.radius * math.sqrt(max(1 - n * n, 0.0)) + self.width / 2 * abs(n)
            for n in _unit(self.normal)
        ]
        return _around(self.center, (half[0], half[1], half[2]))

    def inside(self, z: Floats, y: Floats, x: Floats) -> Bools:
        """Tell which points lie inside."""
        (cz, cy, cx), (nz, ny, nx) = self.center, _unit(self.normal)
        z, y, x = z - cz, y - cy, x - cx
        along = nz * z + ny * y + nx * x
        across = z * z + y * y + x * x - along * along
        return np.asarray((np.abs(along) <= self.width / 2) & (across <= self.radius**2))

    def middle(self, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on the middle plane of the disc."""
        count = _count(math.pi * self.radius**2, density)
        return _disc(np.array(self.center), frame_from(self.normal), self.radius, count, rng)

    def surface(self, view: Box, density: float, rng: np.random.Generator) -> Surface:
        """Spread points on both faces and the rim."""
        frame, center = frame_from(self.normal), np.array(self.center)
        count = _count(math.pi * self.radius**2, density)
        half = self.width / 2 * np.array(frame[0])
        rim = _count(2 * math.pi * self.radius * self.width, density)
        return _join(
            _disc(center - half, frame, self.radius, count, rng),
            _disc(center + half, frame, self.radius, count, rng),
            _tube(center - half, frame, (self.radius, self.width), rim, rng),
        )


@dataclass(frozen=True, slots=True)
class Capsule:
    """All points within `radius` of a line from `start` to `stop`: a piece of a filament."""

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
        count = _count(2 * math.pi * self.radius * length, density)
        ends = Ball((0.0, 0.0, 0.0), self.radius).surface(view, density, rng)
        far = (ends.points @ np.array(frame[0]) > 0)[:, None]
        ends = ends._replace(points=ends.points + np.where(far, stop, start))
        return _join(_tube(start, frame, (self.radius, length), count, rng), ends)


@dataclass(frozen=True, slots=True)
class HalfSpace:
    """All points with ``normal . p <= offset``."""

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
        count = _count(math.pi * reach**2, density)
        return _disc(foot, frame_from(self.normal), reach, count, rng)


@dataclass(frozen=True, slots=True)
class Ground:
    """All points below a wavy level: ``z <= level + sum a cos(2 pi (f y + g x) + p)``.

    `waves` holds (a, f, g, p) with a in µm and f, g in 1/µm.
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
        count = _count(height * width, density)
        u, v = _lattice(count, rng)
        y, x = view.low[1] + height * u, view.low[2] + width * v
        slope_y, slope_x = np.zeros(count), np.zeros(count)
        for size, f, g, phase in self.waves:
            steep = -2 * math.pi * size * np.sin(2 * math.pi * (f * y + g * x) + phase)
            slope_y, slope_x = slope_y + f * steep, slope_x + g * steep
        stretch = np.sqrt(1 + slope_y**2 + slope_x**2)
        normals = np.stack([np.ones(count), -slope_y, -slope_x], axis=1) / stretch[:, None]
        points = np.stack([self.height(y, x), y, x], axis=1)
        return Surface(points, normals, height * width / count * stretch)
