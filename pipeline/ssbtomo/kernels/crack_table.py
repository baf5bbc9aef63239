"""One row of numbers for each crack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.particles import Moments
from ssbtomo.kernels.sheets import Cancelled, facing
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["crack_table"]

Table = dict[str, "NDArray[Any]"]

_FACES = tuple(f"{axis}-{end}" for axis in AXES for end in ("min", "max"))


def crack_table(
    labels: NDArray[np.integer[Any]], spacing: Spacing, *, cancelled: Cancelled | None = None
) -> Table:
    """Measure each crack.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        Cracks from 1; 0 is none.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    cancelled : callable, optional
        Asked between blocks; true stops the work.

    Returns
    -------
    dict of ndarray
        One row per crack: ``crack`` (its label), ``voxels``, ``volume_um3``, ``area_um2``
        (of the middle surface: half of the two sides, without the rim), ``aperture_um``
        (mean, 2V/S with S the two sides), ``normal_z``, ``normal_y``, ``normal_x`` (unit
        vector of the smallest second moment; its largest component is positive), ``z_um``,
        ``y_um``, ``x_um`` (centroid), ``extent_um``, ``width_um``, ``depth_um`` (√(12 λ) for
        the three second moments, largest first), ``touches`` (faces of the volume, joined
        by ``+``), ``voxels_thick`` (aperture in voxels along the normal) and ``resolved``
        (3 voxels or more).

    Notes
    -----
    Estimator and bias of the areas: see `facing`; of the aperture: within 0.5 voxel
    for widths of 1 to 8 voxels, which is how well voxels know the thickness of a plane. Below 3 voxels the aperture depends on where the threshold was
    set: ``resolved`` is false. Extent, width and normal describe one plane; for bent
    or crossing cracks they describe the whole. Memory: see `facing`.
    """
    cracks = np.ascontiguousarray(labels, dtype=np.int32)
    edges = check_spacing(spacing)
    sheets = facing(cracks, edges, cancelled=cancelled)
    found = sheets.moments
    kept = np.flatnonzero(found.sums[:, 0])
    found = Moments(found.sums[kept], found.boxes[kept], found.shape)
    normals, aperture = sheets.normals[kept], sheets.aperture_um[kept]
    table: Table = {
        "crack": kept + 1,
        "voxels": found.sums[:, 0],
        "volume_um3": sheets.volume_um3[kept],
        "area_um2": sheets.sides_um2[kept] / 2,
        "aperture_um": aperture,
    }
    centroids = found.centroids(edges)
    lengths = np.sqrt(12 * np.linalg.eigvalsh(found.covariances(edges)))
    names = ["+".join(np.asarray(_FACES)[row]) for row in found.touching()]
    thick = aperture / np.sqrt(((normals * np.asarray(edges)) ** 2).sum(axis=1))
    table |= {f"normal_{axis}": normals[:, k] for k, axis in enumerate(AXES)}
    table |= {f"{axis}_um": centroids[:, k] for k, axis in enumerate(AXES)}
    table |= {"extent_um": lengths[:, 2], "width_um": lengths[:, 1], "depth_um": lengths[:, 0]}
    table["touches"] = np.array(names, dtype=object)
    table |= {"voxels_thick": thick, "resolved": thick > 3 * (1 - 1e-6)}
    return table
