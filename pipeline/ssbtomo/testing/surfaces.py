"""Points spread evenly on simple surfaces, to sample a solid's surface with."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Floats", "Surface", "Vector", "frame_from"]

Vector = tuple[float, float, float]
Floats = NDArray[np.float64]
_GOLDEN = (math.sqrt(5) - 1) / 2


class Box(NamedTuple):
    """A box between two corners, (Z, Y, X) in µm.

    Parameters
    ----------
    low, high : tuple of float
        The corners with the smallest and the largest coordinates; may be infinite.
    """

    low: Vector
    high: Vector

    def meets(self, other: Box) -> bool:
        """Tell whether the boxes share a point."""
        return all(
            a <= d and c <= b
            for a, b, c, d in zip(self.low, self.high, other.low, other.high, strict=True)
        )


class Surface(NamedTuple):
    """Points spread evenly on a surface, with the normal and the area of each.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 3)
        Coordinates (Z, Y, X) in µm.
    normals : ndarray of float64, shape (n, 3)
        Unit normals.
    areas : ndarray of float64, shape (n,)
        The area in µm² that each point stands for; they sum to the area that was sampled.
    """

    points: Floats
    normals: Floats
    areas: Floats


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
    a = unit_vector(axis)
    least = min(range(3), key=lambda i: abs(a[i]))
    b = unit_vector(_cross(a, tuple(float(i == least) for i in range(3))))  # type: ignore[arg-type]
    return a, b, _cross(a, b)


def unit_vector(v: Vector) -> Vector:
    """Return a vector of length 1."""
    length = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    return v[0] / length, v[1] / length, v[2] / length


def _cross(a: Vector, b: Vector) -> Vector:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def box_around(center: Vector, half: Vector) -> Box:
    """Return the box that reaches `half` to either side of a point."""
    (z, y, x), (a, b, c) = center, half
    return Box((z - a, y - b, x - c), (z + a, y + b, x + c))


def point_count(area: float, density: float) -> int:
    """Return how many points to spread on an area; never few."""
    return max(64, math.ceil(area * density))


def lattice(count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return a randomly shifted lattice in the unit square: even, and unbiased."""
    first, second = rng.random(2)
    k = np.arange(count, dtype=np.float64)
    return (k + first) / count, (k * _GOLDEN + second) % 1.0


def on_sphere(count: int, rng: np.random.Generator) -> Floats:
    """Return points on the unit sphere."""
    u, v = lattice(count, rng)
    height = 1 - 2 * u
    ring = np.sqrt(1 - height * height)
    turn = 2 * math.pi * v
    return np.stack([height, ring * np.cos(turn), ring * np.sin(turn)], axis=1)


def on_disc(
    center: Floats, frame: tuple[Vector, Vector, Vector], radius: float, count: int,
    rng: np.random.Generator,
) -> Surface:  # fmt: skip
    """Spread points on a flat disc; the first vector of `frame` is its normal."""
    u, v = lattice(count, rng)
    along, right, up = (np.array(axis) for axis in frame)
    rho, turn = radius * np.sqrt(u)[:, None], 2 * math.pi * v[:, None]
    points = center + rho * (np.cos(turn) * right + np.sin(turn) * up)
    area = math.pi * radius**2 / count
    return Surface(points, np.broadcast_to(along, points.shape), np.full(count, area))


def on_tube(
    start: Floats, frame: tuple[Vector, Vector, Vector], size: tuple[float, float], count: int,
    rng: np.random.Generator,
) -> Surface:  # fmt: skip
    """Spread points on a tube of (radius, length) along the first vector of `frame`."""
    radius, length = size
    u, v = lattice(count, rng)
    along, right, up = (np.array(axis) for axis in frame)
    turn = 2 * math.pi * v[:, None]
    normals = np.cos(turn) * right + np.sin(turn) * up
    points = start + length * u[:, None] * along + radius * normals
    return Surface(points, normals, np.full(count, 2 * math.pi * radius * length / count))


def joined(*parts: Surface) -> Surface:
    """Put surfaces together."""
    points, normals, areas = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Surface(points, normals, areas)
