"""What tells cracks from pores: by thickness, flatness and extent; the parts that blocks are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.planes import Sheets, principal_axes
from ssbtomo.kernels.sheets import planarity, voxel_edge
from ssbtomo.kernels.spheres import classes_of
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssbtomo.kernels.particles import Moments

__all__ = [
    "ENDS",
    "JOIN",
    "OUTSIDE",
    "RIM",
    "CrackRules",
    "flat_voxels",
    "near_voxels",
    "void_classes",
]

Window = tuple[slice, slice, slice]

OUTSIDE = 255  # the thickness class of what is not void
RIM = 4.0  # how far a sheet reaches beyond its flat voxels, in voxel edges: its rim
JOIN = 2.5  # how far a crack reaches beyond that: where it crosses another it looks less flat
ENDS = 8.0  # how far what lies closed in beside cracks does: the box that tells flatness
_WIDEST = 10.0  # default widest crack, in voxel edges
_SMALLEST = 8.0  # default smallest second extent, in voxel edges
_MARGIN = 1.5  # what a pore takes of its surroundings beyond its spheres, in voxel edges
_FLAT = 130  # planarity (of 200) from which a voxel is part of a sheet
_UNJOINED = 0.35  # the same while the places where cracks cross are still missing
_LEVEL = 0.25  # least share of flat voxels in a piece: wide cracks that cross have few
_OPEN = 0.2  # a sheet whose surface is open to the pores by more than this is their edge


@dataclass(frozen=True, slots=True)
class CrackRules:
    """What a crack is.

    Parameters
    ----------
    max_aperture : float, optional
        Widest crack in µm: where a larger sphere fits in, there is a pore. By default ten
        voxel edges (of the cube of the same volume).
    min_extent : float, optional
        Smallest size in µm of a crack along both directions of its plane; by default
        eight voxel edges.
    aspect : float
        A crack is at least this many times its own aperture wide, along both directions
        of its plane (√(12 λ) of its second moments); spheres have 1.6, ellipsoids of 2:1 have 2.3.
    """

    max_aperture: float | None = None
    min_extent: float | None = None
    aspect: float = 3.0

    def on(self, spacing: Spacing) -> Limits:
        """Return what they amount to on given voxels.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.

        Returns
        -------
        Limits
            The same rules, with nothing left open.

        Raises
        ------
        InputDataError
            If a size is not positive.
        """
        edges = check_spacing(spacing)
        mean = voxel_edge(edges)
        aperture = _WIDEST * mean if self.max_aperture is None else self.max_aperture
        extent = _SMALLEST * mean if self.min_extent is None else self.min_extent
        if min(aperture, extent, self.aspect) <= 0:
            raise InputDataError(
                f"max_aperture={self.max_aperture}, min_extent={self.min_extent}, "
                f"aspect={self.aspect}: not all positive",
                hint="give lengths in µm, above zero",
            )
        return Limits(edges, aperture, extent, self.aspect)


@dataclass(frozen=True, slots=True)
class Limits:
    """Rules on given voxels.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    aperture, extent : float
        Of the widest and of the smallest crack, in µm.
    aspect : float
        Least ratio of a crack's width to its aperture.
    """

    spacing: Spacing
    aperture: float
    extent: float
    aspect: float

    @property
    def voxel(self) -> float:
        """Mean voxel edge, in units of the smallest."""
        return voxel_edge(self.spacing) / min(self.spacing)

    @property
    def margin(self) -> float:
        """What a pore takes of its surroundings beyond its spheres, in smallest voxel edges."""
        return _MARGIN * self.voxel

    @property
    def radii(self) -> NDArray[np.float64]:
        """Radii of the spheres that are told apart, in smallest voxel edges: the last are pores."""
        # A gap n voxels wide has distances up to (n + 1) / 2.
        widest = self.aperture / min(self.spacing) / 2 + 0.75 * self.voxel
        count = max(int((widest - 1.75 * self.voxel) / (1.3 * self.voxel)), 0) + 1
        return np.linspace(min(1.75 * self.voxel, widest), widest, min(max(count, 2), OUTSIDE - 1))

    def reach(self, edges: float) -> float:
        """Return a length in units of the smallest voxel edge.

        Parameters
        ----------
        edges : float
            In mean voxel edges.

        Returns
        -------
        float
            For `near_voxels`.
        """
        return edges * voxel_edge(self.spacing) / min(self.spacing)

    def pore_class(self, apertures: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return the first thickness class that is a pore beside a crack so wide.

        Parameters
        ----------
        apertures : ndarray of float
            In µm.

        Returns
        -------
        ndarray of uint8
            As of `void_classes`.
        """
        radii = self.radii
        radius = 0.75 * apertures / min(self.spacing) + self.voxel
        found = np.minimum(np.searchsorted(radii, radius), radii.size - 1) + 1
        return found.astype(np.uint8)

    def wide(self, found: Moments, flat: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which pieces are flat in most places and extend far along two directions.

        Parameters
        ----------
        found : Moments
            Sums over the voxels of each piece.
        flat : ndarray of int64
            Flat voxels of each.

        Returns
        -------
        ndarray of bool
            One per piece.
        """
        values, _ = principal_axes(found, self.spacing)
        wide: NDArray[np.bool_] = np.sqrt(12 * values[:, 1]) >= self.extent
        return wide & (flat >= _LEVEL * found.sums[:, 0])

    def closed(self, sheets: Sheets, *, whole: bool) -> NDArray[np.bool_]:
        """Tell which pieces are wide for their aperture, and closed on their sides.

        Parameters
        ----------
        sheets : Sheets
            The pieces, measured.
        whole : bool
            Whether they have been joined where they cross; before that they may be open there.

        Returns
        -------
        ndarray of bool
            One per piece.
        """
        keep: NDArray[np.bool_] = sheets.extents_um[:, 1] >= self.aspect * sheets.aperture_um
        keep &= sheets.open_share <= (_OPEN if whole else _UNJOINED)
        return keep & (sheets.aperture_um <= self.aperture)


def void_classes(
    distances: NDArray[np.float32], weights: Spacing, limits: Limits, core: Window
) -> NDArray[np.uint8]:
    """Tell the thickness class of each voxel of a part of the void.

    Parameters
    ----------
    distances : ndarray of float32, shape (Z, Y, X)
        Distance to the outside of the void in units of the smallest voxel edge, in the part
        and around it; see `ssbtomo.kernels.spheres.classes_of`.
    weights : tuple of float
        As from `ssbtomo.kernels.distance_passes.squared_edges`, of the whole volume.
    limits : Limits
        Gives the radii and their margin.
    core : tuple of slice
        Where the part lies in `distances`.

    Returns
    -------
    ndarray of uint8
        For the voxels of `core`: `OUTSIDE`, or the class. The void is thin where the class is
        less than the number of radii.
    """
    classes = classes_of(distances, weights, limits.radii, core, limits.margin)
    classes[distances[core] == 0] = OUTSIDE
    return classes


def flat_voxels(classes: NDArray[np.uint8], limits: Limits, core: Window) -> NDArray[np.bool_]:
    """Tell where the thin part of the void looks like a sheet.

    Parameters
    ----------
    classes : ndarray of uint8, shape (Z, Y, X)
        As from `void_classes`, in the part and `ssbtomo.kernels.sheets.sheet_halo` around it.
    limits : Limits
        Tells what is thin.
    core : tuple of slice
        Where the part lies in `classes`.

    Returns
    -------
    ndarray of bool
        For the voxels of `core`. Estimator, bias and memory: `ssbtomo.kernels.sheets.planarity`.
    """
    return planarity(classes < limits.radii.size, limits.spacing, core) >= _FLAT


def near_voxels(
    chosen: NDArray[np.bool_], reach: float, weights: Spacing, core: Window
) -> NDArray[np.bool_]:
    """Tell which voxels of a part of a volume lie within reach of chosen ones.

    Parameters
    ----------
    chosen : ndarray of bool, shape (Z, Y, X)
        In the part and `ssbtomo.kernels.spheres.sphere_reach` around it.
    reach : float
        In units of the smallest voxel edge.
    weights : tuple of float
        As from `ssbtomo.kernels.distance_passes.squared_edges`, of the whole volume.
    core : tuple of slice
        Where the part lies in `chosen`; from plain numbers.

    Returns
    -------
    ndarray of bool
        For the voxels of `core`: exact distance between voxel centres, the same for any part.

    Notes
    -----
    Memory: 9 bytes per voxel of `chosen` beside it.
    """
    from ssbtomo.kernels.distance_passes import across_planes, in_planes

    if not chosen.any():
        return np.zeros(chosen[core].shape, dtype=bool)
    limit = (1.0001 * reach) ** 2
    packed = np.ascontiguousarray(in_planes(~chosen, weights, core[2], limit)[:, core[1]])
    gaps = across_planes(packed, weights, in_place=True, limit=limit)[core[0]]
    np.sqrt(gaps, out=gaps)
    return np.asarray(gaps <= reach)
