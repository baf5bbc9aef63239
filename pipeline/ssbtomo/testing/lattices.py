"""Cubic lattices of spheres: their conductivity to six digits, and their voxels."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["CENTERS", "lattice_conductivity", "lattice_fractions", "lattice_radius"]

CENTERS = {
    "sc": ((0.0, 0.0, 0.0),),
    "bcc": ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    "fcc": ((0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)),
}
"""Centres of the spheres in a cubic cell of edge 1."""
_TOUCH = {"sc": math.pi / 6, "bcc": math.pi * math.sqrt(3) / 8, "fcc": math.pi / math.sqrt(18)}
_TOP = 17
"""Highest multipole."""
_REACH = 8
"""Cell edges over which lattice sums are taken, faded out beyond 0.4 of that."""


def lattice_radius(lattice: str, fraction: float) -> float:
    """Return the radius of the spheres of a lattice, for a cell of edge 1.

    Parameters
    ----------
    lattice : {"sc", "bcc", "fcc"}
        Simple, body-centred or face-centred cubic.
    fraction : float
        Volume fraction of the spheres, below that where they touch (0.524, 0.680, 0.740).

    Returns
    -------
    float
        Radius in cell edges.

    Raises
    ------
    InputDataError
        If there is no such lattice or the spheres would overlap.
    """
    if lattice not in CENTERS:
        raise InputDataError(
            f"there is no lattice {lattice!r}", hint=f"choose one of {', '.join(CENTERS)}"
        )
    if not 0 <= fraction < _TOUCH[lattice]:
        raise InputDataError(
            f"spheres of a {lattice} lattice cannot take a fraction of {fraction!r}",
            hint=f"give a fraction from 0 to {_TOUCH[lattice]:.3f}, where they touch",
        )
    return float((3 * fraction / (4 * math.pi * len(CENTERS[lattice]))) ** (1 / 3))


def lattice_fractions(
    lattice: str,
    fraction: float,
    side: int,
    *,
    fine: int = 8,
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> NDArray[np.float64]:
    """Return the share of each voxel outside the spheres, over one cubic cell.

    Parameters
    ----------
    lattice : {"sc", "bcc", "fcc"}
        Simple, body-centred or face-centred cubic.
    fraction : float
        Volume fraction of the spheres.
    side : int
        Voxels along each edge.
    fine : int
        Points along each edge of a voxel that are counted.
    offset : tuple of float
        Where the first sphere is, along (Z, Y, X) in cell edges.

    Returns
    -------
    ndarray of float64, shape (side, side, side)
        From 0 to 1, in steps of ``fine ** -3``. Without an offset one sphere is in the corner of the cell.
    """
    radius = lattice_radius(lattice, fraction)
    at = (np.arange(side * fine) + 0.5) / (side * fine)
    solid = np.zeros((side * fine,) * 3, bool)
    for center in CENTERS[lattice]:
        place = zip(center, offset, strict=True)
        z, y, x = (((at - c - moved + 0.5) % 1 - 0.5) ** 2 for c, moved in place)
        solid |= z[:, None, None] + y[:, None] + x <= radius**2
    share = solid.reshape((side, fine) * 3).mean(axis=(1, 3, 5), dtype=np.float64)
    return np.asarray(1 - share, np.float64)


def lattice_conductivity(lattice: str, fraction: float, contrast: float = 0.0) -> float:
    """Return the conductivity of a cubic lattice of spheres, the matrix being 1.

    Rayleigh's method [1]_ [2]_: the field around a sphere is a sum of multipoles, each driven by
    the mean field and the multipoles of all others. With those up to order 17 it is right to
    1e-6 until the spheres nearly touch (1e-4 within 5 % of that fraction; worse for good conductors).

    Parameters
    ----------
    lattice : {"sc", "bcc", "fcc"}
        Simple, body-centred or face-centred cubic.
    fraction : float
        Volume fraction of the spheres.
    contrast : float
        Conductivity of the spheres; 0 for insulators.

    Returns
    -------
    float
        Effective conductivity, the same along all axes.

    References
    ----------
    .. [1] R. C. McPhedran and D. R. McKenzie, "The conductivity of lattices of spheres. I. The simple
       cubic lattice", Proc. R. Soc. Lond. A 359 (1978) 45-63; doi:10.1098/rspa.1978.0031
    .. [2] D. R. McKenzie, R. C. McPhedran and G. H. Derrick, "The conductivity of lattices of spheres.
       II. The body centred and face centred cubic lattices", Proc. R. Soc. Lond. A 362 (1978)
       211-232; doi:10.1098/rspa.1978.0129
    """
    radius = lattice_radius(lattice, fraction)
    if fraction == 0 or contrast == 1:
        return 1.0
    # Orders n and m that a field along z excites: n is odd, m a multiple of 4.
    orders = [(n, m) for n in range(1, _TOP + 1, 2) for m in range(-(n // 4) * 4, n + 1, 4)]
    sums = _lattice_sums(lattice)
    matrix = np.eye(len(orders))
    for row, (n, m) in enumerate(orders):
        for column, (other, k) in enumerate(orders):
            size = radius ** (n + other + 1) * sums.get((n + other, abs(m - k)), 0.0)
            size /= math.factorial(n + m) * math.factorial(other - k)
            matrix[row, column] += _response(n, contrast) * (-1) ** n * size
    drive = np.zeros(len(orders))
    drive[orders.index((1, 0))] = _response(1, contrast)
    dipole = np.linalg.solve(matrix, drive)[orders.index((1, 0))]
    polarization = 3 * fraction * float(dipole)
    return 1 + polarization / (1 - polarization / 3)


def _response(order: int, contrast: float) -> float:
    """Return the multipole that a sphere of radius 1 answers a field of that order with."""
    return (contrast - 1) * order / (contrast * order + order + 1)


@lru_cache(maxsize=4)
def _lattice_sums(lattice: str) -> dict[tuple[int, int], float]:
    """Sum the irregular solid harmonics (l - m)! P_l^m cos(m φ) / r^(l+1) over all other spheres."""
    cells = np.arange(-_REACH, _REACH + 1)
    points = np.array(list(product(cells, repeat=3)), np.float64)
    points = np.concatenate([points + np.array(center) for center in CENTERS[lattice]])
    distance = np.sqrt((points**2).sum(axis=1))
    other = (distance > 1e-9) & (distance < _REACH)
    points, distance = points[other], distance[other]
    fade = np.clip((distance / _REACH - 0.4) / 0.6, 0, 1)
    weight = 1 - fade**3 * (10 - 15 * fade + 6 * fade**2)
    found = {(2, 0): 0.0}  # zero by the symmetry of the cube
    for order in range(4, 2 * _TOP + 1, 2):
        for m in range(0, order + 1, 4):
            found[order, m] = float(weight @ _irregular(order, m, points, distance))
    return found


def _irregular(
    order: int, m: int, points: NDArray[np.float64], distance: NDArray[np.float64]
) -> NDArray[np.float64]:
    from scipy.special import sph_harm_y

    polar = np.arccos(np.clip(points[:, 0] / distance, -1, 1))
    around = np.arctan2(points[:, 1], points[:, 2])
    harmonic: NDArray[Any] = sph_harm_y(order, m, polar, around).real
    square = math.factorial(order - m) * math.factorial(order + m) * 4 * math.pi / (2 * order + 1)
    return np.asarray(harmonic * math.sqrt(square) / distance ** (order + 1), np.float64)
