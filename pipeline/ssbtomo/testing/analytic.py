"""Formulas with exact answers: laminates, bounds, sphere arrays, a slanted strip."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ball_cut_by_plane",
    "box_section_area",
    "checkerboard_conductivity",
    "crossing_pennies_overlap",
    "hashin_shtrikman_bounds",
    "laminate_tensor",
    "simple_cubic_spheres",
    "slanted_strip_tau",
    "spheres_series",
    "stepped_laminate_tensor",
    "wiener_bounds",
]


def wiener_bounds(
    fractions: Sequence[float], conductivities: Sequence[float]
) -> tuple[float, float]:
    """Bound the effective conductivity of any structure: layers in series and in parallel.

    Parameters
    ----------
    fractions : sequence of float
        Volume fraction of each phase; they sum to 1.
    conductivities : sequence of float
        Conductivity of each phase, zero or more.

    Returns
    -------
    tuple of float
        Harmonic and arithmetic mean.

    References
    ----------
    .. [1] O. Wiener, Abh. Math.-Phys. Kl. Königl. Sächs. Ges. Wiss. 32 (1912) 507-604.
    """
    pairs = list(zip(fractions, conductivities, strict=True))
    parallel = sum(part * value for part, value in pairs)
    if any(value == 0 and part > 0 for part, value in pairs):
        return 0.0, parallel
    return 1 / sum(part / value for part, value in pairs if part > 0), parallel


def hashin_shtrikman_bounds(
    fractions: Sequence[float], conductivities: Sequence[float]
) -> tuple[float, float]:
    """Bound the effective conductivity of an isotropic structure in three dimensions.

    Parameters
    ----------
    fractions : sequence of float
        Volume fraction of each phase; they sum to 1.
    conductivities : sequence of float
        Conductivity of each phase, zero or more.

    Returns
    -------
    tuple of float
        Lower and upper bound. The upper bound of one conducting phase of fraction f beside
        insulators is 2 f / (3 - f).

    References
    ----------
    .. [1] Z. Hashin and S. Shtrikman, J. Appl. Phys. 33 (1962) 3125-3131,
       doi:10.1063/1.1728579.
    """
    pairs = [(part, value) for part, value in zip(fractions, conductivities, strict=True) if part]

    def bound(reference: float) -> float:
        if reference == 0 and any(value == 0 for _, value in pairs):
            return 0.0
        return 1 / sum(part / (value + 2 * reference) for part, value in pairs) - 2 * reference

    values = [value for _, value in pairs]
    return bound(min(values)), bound(max(values))


def laminate_tensor(
    fractions: Sequence[float], conductivities: Sequence[float], normal: Sequence[float]
) -> NDArray[np.float64]:
    """Return the exact conductivity tensor of plane layers at any angle.

    Parameters
    ----------
    fractions : sequence of float
        Volume fraction of each phase.
    conductivities : sequence of float
        Conductivity of each phase.
    normal : sequence of float, length 3
        Normal of the layers along (Z, Y, X); any length but zero.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Tensor along (Z, Y, X): harmonic mean along the normal, arithmetic mean across it. A
        sample of finite width with insulating sides approaches its component only as far
        as the sides do not matter; along and across the layers it is exact.
    """
    across, along = wiener_bounds(fractions, conductivities)
    unit = np.asarray(normal, np.float64)
    unit = unit / math.sqrt(float((unit * unit).sum()))
    outer = unit[:, None] * unit[None, :]
    return along * (np.eye(3) - outer) + across * outer


_SPHERES = {
    "sc": (1.3047, 0.2305, 0.4054, 0.07231, 0.1526, 0.0105),
    "bcc": (0.1294, -0.4129, 0.7642, 0.2569, 0.0131, 0.00562),
    "fcc": (0.07529, 0.6966, -0.7410, 0.2420, 0.0231, 9.14e-7),
}


def stepped_laminate_tensor(
    conductivities: Sequence[float], steps: tuple[int, int, int]
) -> NDArray[np.float64]:
    """Return the exact conductivity tensor of inclined layers of voxels, staircases included.

    Voxel (z, y, x) has the conductivity number ``(steps . (z, y, x)) mod n`` of n; faces conduct
    like two half voxels in series. The potential then is linear plus a function of that number
    alone, and n equations give it. What this differs by from `laminate_tensor` is the error of
    the voxels: with layers of n voxels about 1/n along them, and 0 across them at 45 degrees.

    Parameters
    ----------
    conductivities : sequence of float
        Conductivity of the voxels along one period, positive.
    steps : tuple of int
        By how much one voxel along (Z, Y, X) moves on in the period; ``(1, 1, 0)`` is 45 degrees.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Tensor along (Z, Y, X) of an unbounded volume of cubic voxels.
    """
    values = np.asarray(conductivities, np.float64)
    count = values.size
    here = np.arange(count)
    faces = [2 / (1 / values + 1 / values[(here + step) % count]) for step in steps]
    matrix, drive = np.zeros((count, count)), np.zeros((count, 3))
    for axis, (step, face) in enumerate(zip(steps, faces, strict=True)):
        there = (here + step) % count
        for near, far, sign in ((here, there, 1.0), (there, here, -1.0)):
            np.add.at(matrix, (near, near), face)
            np.add.at(matrix, (near, far), -face)
            np.add.at(drive[:, axis], near, -sign * face)
    shift = np.linalg.lstsq(matrix, drive, rcond=None)[0]
    tensor = np.empty((3, 3))
    for axis, (step, face) in enumerate(zip(steps, faces, strict=True)):
        fall = shift - shift[(here + step) % count]
        fall[:, axis] += 1
        tensor[axis] = (face[:, None] * fall).mean(axis=0)
    return tensor


def simple_cubic_spheres(fraction: float, contrast: float = 0.0) -> float:
    """Return the conductivity of a simple cubic array of spheres, the matrix being 1.

    Parameters
    ----------
    fraction : float
        Volume fraction of the spheres, below pi/6 where they touch.
    contrast : float
        Conductivity of the spheres; 0 for insulators.

    Returns
    -------
    float
        Effective conductivity along any cube axis; see `spheres_series` for the error.
    """
    return spheres_series("sc", fraction, contrast)


def spheres_series(lattice: str, fraction: float, contrast: float = 0.0) -> float:
    """Return the conductivity of a cubic lattice of spheres by the series of Sangani and Acrivos.

    The series ends at the power 25/3 of the fraction. Against all multipoles
    (`ssbtomo.testing.lattices`) it reads, for insulators, too much by: simple cubic 2e-5, 4e-4 and 2e-3
    at fractions of 0.3, 0.4 and 0.45; body-centred less than 1e-5 up to 0.45, 1e-3 at 0.6; face-centred less than 1e-5 up
    to 0.4, 1e-3 at 0.6. The coefficients are those of the lattice sums, to the digits given; in
    print the face-centred 0.2420 is also found as 0.0420, and the body-centred 0.0131 as 0.0113.

    Parameters
    ----------
    lattice : {"sc", "bcc", "fcc"}
        Simple, body-centred or face-centred cubic.
    fraction : float
        Volume fraction of the spheres.
    contrast : float
        Conductivity of the spheres, that of the matrix being 1; 0 for insulators.

    Returns
    -------
    float
        Effective conductivity along any cube axis.

    References
    ----------
    .. [1] A. S. Sangani and A. Acrivos, Proc. R. Soc. Lond. A 386 (1983) 263-275,
       doi:10.1098/rspa.1983.0036.
    """
    if fraction == 0:
        return 1.0
    first, second, third, fourth, fifth = (
        (contrast - 1) / (contrast + 2 * i / (2 * i - 1)) for i in range(1, 6)
    )
    if first == 0:
        return 1.0
    a, b, c, d, e, f = _SPHERES[lattice]
    multipole = 1 + b * third * fraction ** (11 / 3)
    multipole /= 1 - c * second * fraction ** (7 / 3)
    series = (
        -1 / first
        + fraction
        + a * second * fraction ** (10 / 3) * multipole
        + d * third * fraction ** (14 / 3)
        + e * fourth * fraction**6
        + f * fifth * fraction ** (22 / 3)
    )
    return float(1 - 3 * fraction / series)


def checkerboard_conductivity(first: float, second: float) -> float:
    """Return the conductivity of a two-dimensional checkerboard.

    Parameters
    ----------
    first, second : float
        Conductivities of the two colours.

    Returns
    -------
    float
        Their geometric mean, exact in the plane; voxel solutions approach it slowly
        because the field is singular at the corners.

    References
    ----------
    .. [1] A. M. Dykhne, Sov. Phys. JETP 32 (1971) 63-65.
    """
    return math.sqrt(first * second)


def slanted_strip_tau(slices: int) -> float:
    """Return the tortuosity factor of a bar of 2 x 2 voxels that climbs one voxel per slice.

    Parameters
    ----------
    slices : int
        Slices along the transport axis, 2 or more; see `shapes.slanted_strip`.

    Returns
    -------
    float
        8 - 29 / (3 n), exact for finite volumes on cubic voxels with the potential fixed on
        the outer faces: each inner slice is a square of four unit resistors (1), each pair
        of slices shares one voxel face (1), and each end adds 7/24.
    """
    return 8 - 29 / (3 * slices)


def ball_cut_by_plane(radius: float, height: float) -> tuple[float, float, float, float]:
    """Return the areas and the line of a ball cut into two phases by a plane.

    Parameters
    ----------
    radius : float
        Radius of the ball.
    height : float
        Signed distance of the plane from the centre, along its normal.

    Returns
    -------
    tuple of float
        Spherical area above the plane (the side that the normal points to), spherical area
        below it, area of the cut, and length of the circle where the three phases meet.
    """
    cap = 2 * math.pi * radius * (radius - height)
    rim = math.sqrt(radius**2 - height**2)
    return cap, 4 * math.pi * radius**2 - cap, math.pi * rim**2, 2 * math.pi * rim


def crossing_pennies_overlap(radius: float, width: float) -> float:
    """Return the volume that two equal flat discs share that cross at right angles.

    Parameters
    ----------
    radius, width : float
        Radius and thickness of each disc; their centres coincide.

    Returns
    -------
    float
        16/3 (R^3 - (R^2 - w^2/4)^(3/2)), about 2 R w^2.
    """
    return 16 / 3 * (radius**3 - math.sqrt(radius**2 - width**2 / 4) ** 3)


def box_section_area(size: Sequence[float], normal: Sequence[float], offset: float) -> float:
    """Return the area of the plane ``normal . p = offset`` inside a box.

    Parameters
    ----------
    size : sequence of float, length 3
        Edges of the box along (Z, Y, X); one corner is the origin.
    normal : sequence of float, length 3
        Normal of the plane; any length but zero.
    offset : float
        Its distance from the origin, in units of the normal's length.

    Returns
    -------
    float
        Area of the polygon; 0 if the plane misses the box. The volume below the plane is a
        sum of signed cubes over the corners, and the area its derivative. For a plane along
        one or two axes the degenerate terms drop out.
    """
    unit = np.asarray(normal, np.float64)
    length = math.sqrt(float((unit * unit).sum()))
    unit, offset = np.abs(unit) / length, offset / length
    shift = sum(min(float(n), 0.0) / length * s for n, s in zip(normal, size, strict=True))
    sloped = [(n, s) for n, s in zip(unit, size, strict=True) if n > 1e-12]
    flat = math.prod(s for n, s in zip(unit, size, strict=True) if n <= 1e-12)
    order = len(sloped)
    total = 0.0
    for corner in range(2**order):
        picked = [n * s for bit, (n, s) in enumerate(sloped) if corner >> bit & 1]
        depth = offset - shift - sum(picked)
        if depth > 0:
            total += (-1) ** len(picked) * depth ** (order - 1)
    scale = math.factorial(order - 1) * math.prod(float(n) for n, _ in sloped)
    return max(flat * total / scale, 0.0)
