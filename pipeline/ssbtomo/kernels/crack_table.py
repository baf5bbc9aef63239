"""One row of numbers for each crack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.kernels.planes import Sheets
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["crack_rows"]

Table = dict[str, "NDArray[Any]"]

_FACES = tuple(f"{axis}-{end}" for axis in AXES for end in ("min", "max"))


def crack_rows(names: NDArray[np.int64], sheets: Sheets, spacing: Spacing) -> Table:
    """Turn what was measured of each crack into the rows of a table.

    Parameters
    ----------
    names : ndarray of int64, shape (n,)
        Label of each crack.
    sheets : Sheets
        The cracks, measured; none without voxels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

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
    Estimator and bias of the areas: see `ssbtomo.kernels.planes.measured_sheets`; of the
    aperture: within 0.5 voxel for widths of 1 to 8 voxels, which is how well voxels know the
    thickness of a plane. Below 3 voxels the aperture depends on where the threshold was
    set: ``resolved`` is false. Extent, width and normal describe one plane; for bent
    or crossing cracks they describe the whole.
    """
    edges = check_spacing(spacing)
    found, normals, aperture = sheets.moments, sheets.normals, sheets.aperture_um
    table: Table = {
        "crack": names,
        "voxels": found.sums[:, 0],
        "volume_um3": sheets.volume_um3,
        "area_um2": sheets.sides_um2 / 2,
        "aperture_um": aperture,
    }
    centroids = found.centroids(edges)
    lengths = np.sqrt(12 * np.linalg.eigvalsh(found.covariances(edges)))
    faces = ["+".join(np.asarray(_FACES)[row]) for row in found.touching()]
    thick = aperture / np.sqrt(((normals * np.asarray(edges)) ** 2).sum(axis=1))
    table |= {f"normal_{axis}": normals[:, k] for k, axis in enumerate(AXES)}
    table |= {f"{axis}_um": centroids[:, k] for k, axis in enumerate(AXES)}
    table |= {"extent_um": lengths[:, 2], "width_um": lengths[:, 1], "depth_um": lengths[:, 0]}
    table["touches"] = np.array(faces, dtype=object)
    table |= {"voxels_thick": thick, "resolved": thick > 3 * (1 - 1e-6)}
    return table
