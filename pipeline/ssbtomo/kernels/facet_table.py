"""One row of numbers for each facet of a crack network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.crack_points import Points

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Surfels",
    "aperture_percentiles",
    "dip_and_strike",
    "facet_rows",
    "orientation_tensor",
    "rose",
]

Table = dict[str, "NDArray[Any]"]
_LEVEL = 0.15  # ratio of the two smaller second moments below which a facet is one plane
_FACES = ("z-min", "z-max", "y-min", "y-max", "x-min", "x-max")


@dataclass(frozen=True, slots=True, eq=False)
class Surfels:
    """Crack points with what each stands for.

    Parameters
    ----------
    points : Points
        Their places.
    facets, groups : ndarray of int32, shape (n,)
        Facet (from 0) and connected crack (from 0) of each.
    areas, contents, rims : ndarray of float32, shape (n,)
        Area of the middle surface in µm², volume of the crack in µm³, and rim in µm that each
        stands for.
    apertures : ndarray of float32, shape (n,)
        Local aperture in µm; ``nan`` where there is no area.
    normals : ndarray of float32, shape (n, 3)
        Normal at each.
    """

    points: Points
    facets: NDArray[np.int32]
    groups: NDArray[np.int32]
    areas: NDArray[np.float32]
    contents: NDArray[np.float32]
    rims: NDArray[np.float32]
    apertures: NDArray[np.float32]
    normals: NDArray[np.float32]

    def total(self, values: NDArray[Any], count: int) -> NDArray[np.float64]:
        """Add up values over each facet.

        Parameters
        ----------
        values : ndarray, shape (n,)
            One for each point.
        count : int
            Number of facets.

        Returns
        -------
        ndarray of float64, shape (count,)
            The sums, in the order of the points.
        """
        return np.bincount(self.facets, np.asarray(values, dtype=np.float64), count).astype(
            np.float64
        )


def facet_rows(surfels: Surfels, sheets: NDArray[np.int32], axis: int) -> Table:
    """Turn what each point stands for into a row for each facet.

    Parameters
    ----------
    surfels : Surfels
        The points.
    sheets : ndarray of int32, shape (facets,)
        Sheet of each facet, from 0.
    axis : int
        Stack axis: 0, 1 or 2.

    Returns
    -------
    dict of ndarray
        ``facet``, ``sheet``, ``crack`` (from 1), ``voxels``, ``volume_um3``, ``area_um2`` (of
        the middle surface), ``aperture_um`` (volume by area), ``aperture_p10_um``, ``_p50``,
        ``_p90`` (local apertures, by area), ``tip_um`` (rim that ends in the solid),
        ``normal_z``, ``normal_y``, ``normal_x``, ``dip_deg``, ``strike_deg``, ``z_um``, ``y_um``,
        ``x_um`` (centroid), ``extent_um``, ``width_um`` (√(12 λ) of the two larger second
        moments), ``depth_um`` (of the smallest), ``touches`` (faces of the volume),
        ``voxels_thick`` and ``resolved`` (3 voxels or more).
    """
    count = sheets.size
    points, area = surfels.points, surfels.total(surfels.areas, sheets.size)
    voxels = np.bincount(surfels.facets, minlength=count)
    volume = surfels.total(surfels.contents, count)
    normals, lengths, centres = _frames(surfels, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        aperture = np.where(area > 0, volume / area, np.nan)
    first = np.zeros(count, dtype=np.int64)
    first[surfels.facets[::-1]] = np.arange(surfels.facets.size)[::-1]
    low, median, high = aperture_percentiles(surfels, count)
    dip, strike = dip_and_strike(normals, axis)
    thick = aperture / np.sqrt(((normals * points.steps) ** 2).sum(axis=1))
    return {
        "facet": np.arange(1, count + 1),
        "sheet": sheets.astype(np.int64) + 1,
        "crack": surfels.groups[first].astype(np.int64) + 1,
        "voxels": voxels,
        "volume_um3": volume,
        "area_um2": area,
        "aperture_um": aperture,
        "aperture_p10_um": low,
        "aperture_p50_um": median,
        "aperture_p90_um": high,
        "tip_um": np.maximum(surfels.total(surfels.rims, count), 0.0),
        **{f"normal_{name}": normals[:, k] for k, name in enumerate("zyx")},
        "dip_deg": dip,
        "strike_deg": strike,
        **{f"{name}_um": centres[:, k] for k, name in enumerate("zyx")},
        "extent_um": lengths[:, 2],
        "width_um": lengths[:, 1],
        "depth_um": lengths[:, 0],
        "touches": _touches(surfels, count),
        "voxels_thick": thick,
        "resolved": thick > 3 * (1 - 1e-6),
    }


def dip_and_strike(
    normals: NDArray[np.float64], axis: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the angles of planes to the layers of the stack.

    Parameters
    ----------
    normals : ndarray of float, shape (n, 3)
        Unit vectors along (z, y, x), of either sign.
    axis : int
        Stack axis.

    Returns
    -------
    dip : ndarray of float
        Degrees between the plane and the layers: 0 for a crack that lies in a layer, 90 for one
        that runs along the stack.
    strike : ndarray of float
        Direction of the line in which the plane meets a layer, 0 to 180 degrees from the first
        of the two other axes towards the second.
    """
    first, second = (k for k in range(3) if k != axis)
    dip = np.degrees(np.arccos(np.clip(np.abs(normals[:, axis]), 0.0, 1.0)))
    strike = np.degrees(np.arctan2(normals[:, first], -normals[:, second])) % 180.0
    return dip, strike


def orientation_tensor(surfels: Surfels) -> NDArray[np.float64]:
    """Return the mean of n nᵀ over the area of all cracks, along (z, y, x).

    Parameters
    ----------
    surfels : Surfels
        The points.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Trace 1: one third on the diagonal for cracks in all directions, 1 in one place for
        parallel ones; ``nan`` without cracks.
    """
    normals = surfels.normals.astype(np.float64)
    weights = surfels.areas.astype(np.float64)
    total = weights.sum()
    if total <= 0:
        return np.full((3, 3), np.nan)
    tensor: NDArray[np.float64] = np.einsum("n,ni,nj->ij", weights, normals, normals) / total
    return tensor


def rose(strike_deg: NDArray[np.float64], area: NDArray[np.float64], bins: int = 18) -> Table:
    """Return the area of facets by strike.

    Parameters
    ----------
    strike_deg, area : ndarray of float
        Strike in degrees, and area, of each facet.
    bins : int
        Classes from 0 to 180 degrees.

    Returns
    -------
    dict of ndarray
        ``strike_deg`` (middle of the class), ``area_um2``.
    """
    sums, edges = np.histogram(strike_deg, bins=bins, range=(0.0, 180.0), weights=area)
    return {"strike_deg": (edges[1:] + edges[:-1]) / 2, "area_um2": sums}


def _frames(
    surfels: Surfels, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return normal, lengths (ascending) and centroid of each facet, weighted by area."""
    points = surfels.points
    where = (points.places + 0.5) * points.steps
    weights = surfels.areas.astype(np.float64) + 1e-12
    area = surfels.total(weights, count)
    centres = np.column_stack([surfels.total(weights * where[:, k], count) for k in range(3)])
    centres /= area[:, None]
    away = where - centres[surfels.facets]
    spread, turned = np.empty((count, 3, 3)), np.empty((count, 3, 3))
    normals = surfels.normals.astype(np.float64)
    for i in range(3):
        for j in range(3):
            spread[:, i, j] = surfels.total(weights * away[:, i] * away[:, j], count) / area
            turned[:, i, j] = surfels.total(weights * normals[:, i] * normals[:, j], count) / area
    endless = np.flatnonzero(points.shape == 1)
    lengths = np.sqrt(12 * np.maximum(np.linalg.eigvalsh(spread), 0.0))
    spread[:, endless, endless] += 1e6 * (np.trace(spread, axis1=1, axis2=2)[:, None] + 1e-12)
    values, vectors = np.linalg.eigh(spread)
    flat = values[:, 0] <= _LEVEL * values[:, 1]
    found = np.where(flat[:, None], vectors[:, :, 0], np.linalg.eigh(turned)[1][:, :, 2])
    largest = np.argmax(np.abs(found) > np.abs(found).max(axis=1, keepdims=True) - 1e-9, axis=1)
    signs = np.sign(np.take_along_axis(found, largest[:, None], axis=1))
    return found * signs, lengths, centres


def aperture_percentiles(
    surfels: Surfels, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the apertures below which a tenth, half and nine tenths of the area of a facet lie.

    Parameters
    ----------
    surfels : Surfels
        The points.
    count : int
        Number of facets.

    Returns
    -------
    tuple of ndarray of float64, shape (count,)
        In µm; ``nan`` for a facet without area.
    """
    held = np.flatnonzero(surfels.areas > 0)
    order = held[np.lexsort((surfels.apertures[held], surfels.facets[held]))]
    facets, weights = surfels.facets[order], surfels.areas[order].astype(np.float64)
    table = np.full((3, count), np.nan)
    ends = np.searchsorted(facets, np.arange(count + 1))
    for facet in range(count):
        part = slice(ends[facet], ends[facet + 1])
        if part.start < part.stop:
            sums = np.cumsum(weights[part])
            at = np.searchsorted(sums, np.array([0.1, 0.5, 0.9]) * sums[-1])
            table[:, facet] = surfels.apertures[order[part]][np.minimum(at, sums.size - 1)]
    low, median, high = table
    return low, median, high


def _touches(surfels: Surfels, count: int) -> NDArray[Any]:
    """Return the faces of the volume that each facet touches, joined by ``+``."""
    places, shape = surfels.points.places, surfels.points.shape
    held = np.zeros((count, 6), dtype=bool)
    for k in range(3):
        held[surfels.facets[places[:, k] == 0], 2 * k] = True
        held[surfels.facets[places[:, k] == shape[k] - 1], 2 * k + 1] = True
    return np.array(["+".join(np.asarray(_FACES)[row]) for row in held], dtype=object)
