"""Apertures of labelled facets by the grey values across them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.facets import over_points
from ssbtomo.kernels.facet_sums import disc_means
from ssbtomo.kernels.facet_table import aperture_percentiles
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.measure.crack_facets import Network
from ssbtomo.measure.crack_profiles import LOCAL_DISC, Place, across

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssbtomo.blocks.engine import Source

__all__ = ["grey_apertures"]


def grey_apertures(
    network: Network, image: Source, level: float, place: Place
) -> dict[str, NDArray[Any]]:
    """Measure the apertures of labelled facets by what grey values lack across them.

    Parameters
    ----------
    network : Network
        The facets; their borders and areas stay those of the labels.
    image : Source
        Grey values.
    level : float
        Grey value of a crack so wide that its middle is not blurred.
    place : Place
        Where the work is done.

    Returns
    -------
    dict of ndarray
        ``aperture_grey_um`` (what is lacking, by the area over which it was told),
        ``aperture_grey_p10_um``, ``_p50``, ``_p90`` (over discs of 3 voxel edges, by area);
        ``nan`` for a facet without a single profile that tells something.

    Notes
    -----
    The background is the mean at both ends of each profile, 3 to 4.5 voxel edges beyond
    the walls: where another phase as dark as the crack lies that near, apertures read
    too narrow. Noise averages out over a facet, and widens the percentiles.
    """
    lacking, smooth = across(network.voxels, network.found, image, level, place)
    held = np.isfinite(lacking)
    areas = np.where(held, network.found.areas, 0).astype(np.float32)
    points, count = network.voxels.points, network.found.count
    fields = areas, LOCAL_DISC * voxel_edge(place.spacing)
    task = partial(disc_means, points, network.voxels.groups, network.found.normals, fields)
    around = over_points(task, held.size, place.engine)
    with np.errstate(divide="ignore", invalid="ignore"):
        local = np.where(areas > 0, smooth / around, np.nan).astype(np.float32)
    surfels = replace(network.surfels, areas=areas, apertures=local)
    total = surfels.total(areas, count)
    volume = surfels.total(np.where(held, lacking, 0), count)
    mean = np.full(count, np.nan)
    np.divide(volume, total, out=mean, where=total > 0)
    low, median, high = aperture_percentiles(surfels, count)
    return {
        "aperture_grey_um": mean, "aperture_grey_p10_um": low,
        "aperture_grey_p50_um": median, "aperture_grey_p90_um": high,
    }  # fmt: skip
