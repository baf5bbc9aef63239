"""Objects taken as sheets: their planes, their sides without the rim, their apertures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.kernels.particles import Moments
from ssbtomo.kernels.sheets import FIXED, voxel_edge
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Sheets", "measured_sheets", "principal_axes"]

_LEVEL = 1.5  # an object less deep than this times its aperture is one plane


@dataclass(frozen=True, slots=True)
class Sheets:
    """Shape of each object taken as a sheet; one entry per label from 1.

    Parameters
    ----------
    moments : Moments
        Sums over its voxels.
    extents_um : ndarray of float, shape (n, 3)
        √(12 λ) of its second moments in µm, ascending; ``inf`` along endless axes.
    normals : ndarray of float, shape (n, 3)
        Direction of the smallest, along (z, y, x); the largest component is positive.
    volume_um3 : ndarray of float
        Volume of its voxels.
    sides_um2 : ndarray of float
        The surface projected on the plane: both sides of a sheet, without its rim.
    aperture_um : ndarray of float
        Twice the volume by the sides; ``nan`` where there is no surface.
    open_share : ndarray of float
        Share of the voxel faces behind which the same phase goes on.
    """

    moments: Moments
    extents_um: NDArray[np.float64]
    normals: NDArray[np.float64]
    volume_um3: NDArray[np.float64]
    sides_um2: NDArray[np.float64]
    aperture_um: NDArray[np.float64]
    open_share: NDArray[np.float64]


def measured_sheets(found: Moments, sums: NDArray[np.int64], spacing: Spacing) -> Sheets:
    """Measure each object as a sheet: its plane, its sides without the rim, its aperture.

    Parameters
    ----------
    found : Moments
        Sums over the voxels of each object.
    sums : ndarray of int64, shape (n, 4)
        Sums over their faces, by `face_sums` with the normals of `principal_axes`.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    Sheets
        One entry per object.

    Notes
    -----
    Estimator: voxel faces on the sides count with |e·N|, as a plane's faces sum to its
    area. N is the normal of the object where it is one plane (less deep than 1.5 times
    its aperture), else the main direction of the structure tensor around the face. A face
    is on a side where |n·N| > 0.6, n the gradient of the smoothed objects. Faces on the
    border of the volume do not count. Bias: the sides of pennies of radius 16 and 32 voxels
    are within 2 % from 2 to 8 voxels of width; at 1 voxel they read 2 to 11 % low. Crossing
    sheets lose the band where they cross. Sums are fixed-point: exact for any cut into
    blocks.
    """
    values, normals = principal_axes(found, spacing)
    areas = sums[:, :2].astype(np.float64) * (voxel_edge(spacing) ** 2 / FIXED)
    extents: NDArray[np.float64] = np.asarray(np.sqrt(12 * values), dtype=np.float64)
    volume = found.sums[:, 0].astype(np.float64) * float(np.prod(spacing))
    with np.errstate(divide="ignore", invalid="ignore"):
        plane = extents[:, 0] <= _LEVEL * 2 * volume / areas[:, 0]
        sides = np.where(plane, areas[:, 1], areas[:, 0])
        aperture = np.where(sides > 0, 2 * volume / sides, np.nan)
    opened = sums[:, 3] / np.maximum(sums[:, 2], 1)
    return Sheets(found, extents, normals, volume, sides, aperture, opened)


def principal_axes(
    found: Moments, spacing: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the second moments in µm², ascending, and the direction of the smallest.

    An axis on which the volume is one voxel deep counts as endless: what it holds is a cut
    through objects that go on.

    Parameters
    ----------
    found : Moments
        Of the objects.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    values : ndarray of float, shape (n, 3)
        ``inf`` for an endless axis.
    normals : ndarray of float, shape (n, 3)
        Unit vectors along (z, y, x), the largest component positive.
    """
    endless = np.flatnonzero(np.asarray(found.shape) == 1)
    matrices = found.covariances(spacing)
    far = 1e6 * (1 + np.trace(matrices, axis1=1, axis2=2))
    matrices[:, endless, endless] = far[:, None]
    values, vectors = np.linalg.eigh(matrices)
    values[:, 3 - endless.size :] = np.inf
    normals = vectors[:, :, 0]
    largest = np.argmax(np.abs(normals), axis=1)
    signs = np.sign(np.take_along_axis(normals, largest[:, None], axis=1))
    return values, normals * signs
