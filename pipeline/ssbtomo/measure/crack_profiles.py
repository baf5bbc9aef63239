"""Grey values across facets: what they lack, and what that says of apertures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks.crack_points import CrackVoxels
from ssbtomo.blocks.crack_sides import across_grey
from ssbtomo.blocks.facets import Facets, over_points
from ssbtomo.kernels.crack_planes import local_quantiles
from ssbtomo.kernels.facet_sums import disc_means
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssbtomo.blocks.engine import Engine, Source
    from ssbtomo.blocks.grid import Grid

__all__ = [
    "LOCAL_DISC",
    "Place",
    "across",
    "discs",
    "filled_up",
    "grey_levels",
    "inner_apertures",
    "inner_contents",
]

LOCAL_DISC = 3.0  # radius in voxel edges of the discs over which grey values are averaged
_INSIDE = 7.0  # voxel edges within which the inside of that sheet lies
_BLUR = 2.5  # voxel edges beyond a crack that profiles reach, for the blur of the image
_RIM = 0.85  # share of what discs mostly hold, below which a point is at a rim
_LONGEST = 16.0  # longest half profile, in voxel edges


@dataclass(frozen=True, slots=True)
class Place:
    """Where the work is done, and on what voxels.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where tasks run.
    axis : int
        Stack axis.
    """

    spacing: Spacing
    grid: Grid
    engine: Engine
    axis: int


def across(
    voxels: CrackVoxels, found: Facets, image: Source, level: float, place: Place
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Measure at each point what grey values lack across its crack.

    Parameters
    ----------
    voxels : CrackVoxels
        The cracks.
    found : Facets
        Their planes.
    image : Source
        Grey values.
    level : float
        Grey value of a crack so wide that its middle is not blurred.
    place : Place
        Where the work is done.

    Returns
    -------
    lacking : ndarray of float32
        Aperture times area in µm³; ``nan`` where a profile tells nothing.
    smooth : ndarray of float32
        Aperture in µm over a disc around the point.
    """
    points, edge = voxels.points, voxel_edge(place.spacing)
    ground, _ = grey_levels(image, place)
    thick = voxels.strengths / max(abs(ground - level), 1e-12)
    halves = np.minimum(0.5 * np.maximum(thick, found.widths) + _BLUR * edge, _LONGEST * edge)
    halves = np.where(found.areas > 0, halves, 0).astype(np.float32)
    apertures = across_grey(
        image, place.spacing, place.grid, place.engine,
        points=points, ways=(found.normals, found.heights, halves), level=level,
    )  # fmt: skip
    lacking = (found.areas * apertures).astype(np.float32)
    return lacking, discs(np.nan_to_num(lacking, nan=0.0), voxels, found, place)


def discs(
    values: NDArray[np.float32], voxels: CrackVoxels, found: Facets, place: Place
) -> NDArray[np.float32]:
    """Average what points stand for over discs of 3 voxel edges.

    Parameters
    ----------
    values : ndarray of float32
        What each point stands for, per area times its area.
    voxels : CrackVoxels
        The cracks.
    found : Facets
        Their planes.
    place : Place
        Where the work is done.

    Returns
    -------
    ndarray of float32
        See `ssbtomo.kernels.facet_sums.disc_means`.
    """
    fields = values, LOCAL_DISC * voxel_edge(place.spacing)
    task = partial(disc_means, voxels.points, voxels.groups, found.normals, fields)
    return np.asarray(over_points(task, len(values), place.engine), dtype=np.float32)


def inner_contents(
    lacking: NDArray[np.float32],
    near: tuple[NDArray[np.float32], NDArray[np.float32]],
    voxels: CrackVoxels,
    found: Facets,
    place: Place,
) -> NDArray[np.float32]:
    """Take the apertures at rims from further inside: there blur carries them out of the facet.

    Parameters
    ----------
    lacking : ndarray of float32
        Volume of each point in µm³; ``nan`` where it is not known.
    near : tuple of ndarray of float32
        Areas of the points in µm², and their averages over discs.
    voxels : CrackVoxels
        The cracks.
    found : Facets
        Their planes.
    place : Place
        Where the work is done.

    Returns
    -------
    ndarray of float32
        In µm³; where discs hold less than 0.85 of what they mostly hold, those of the points inside
        that the discs hold, or ``nan``.
    """
    areas, around = near
    known = (areas > 0) & np.isfinite(lacking)
    usual = np.median(around[known]) if known.any() else 1.0
    inside = known & (around >= _RIM * usual)
    least = np.float32(1e-9 * voxel_edge(place.spacing) ** 3)  # so that discs around it are asked
    volume = discs(np.where(inside, lacking, least).astype(np.float32), voxels, found, place)
    area = discs(np.where(inside, areas, least).astype(np.float32), voxels, found, place)
    with np.errstate(divide="ignore", invalid="ignore"):
        taken = np.where(area > 1e-3, areas * volume / area, np.nan)
    return np.where(inside, lacking, taken).astype(np.float32)


def grey_levels(image: Source, place: Place) -> tuple[float, tuple[float, float]]:
    """Return the median grey value of sample boxes, and the extremes when they are smoothed.

    Parameters
    ----------
    image : Source
        Grey values.
    place : Place
        Its voxels.

    Returns
    -------
    median : float
        Of at most 64 boxes of 32³ voxels.
    extremes : tuple of float
        Smallest and largest value of the boxes, smoothed by two voxel edges.
    """
    from ssbtomo.kernels.filters import gaussian
    from ssbtomo.kernels.noise import sample_windows

    boxes = [np.asarray(image[window]) for window in sample_windows(place.grid.shape)]
    edge = voxel_edge(place.spacing)
    z, y, x = (2 * edge / step for step in place.spacing)
    smooth = [gaussian(box, (z, y, x)) for box in boxes]
    low, high = min(float(s.min()) for s in smooth), max(float(s.max()) for s in smooth)
    return float(np.median(np.concatenate([box.ravel() for box in boxes]))), (low, high)


def filled_up(
    lacking: NDArray[np.float32], areas: NDArray[np.float32], found: Facets
) -> NDArray[np.float32]:
    """Return volumes by the mean aperture of its facet where a point has none of its own.

    Parameters
    ----------
    lacking : ndarray of float32
        Volume of each point in µm³; ``nan`` where it is not known.
    areas : ndarray of float32
        Area of each in µm²; those without any are not asked.
    found : Facets
        The facet of each.

    Returns
    -------
    ndarray of float32
        In µm³.
    """
    held = np.isfinite(lacking) & (areas > 0)
    volume = np.bincount(found.facets[held], lacking[held], found.count)
    area = np.bincount(found.facets[held], areas[held], found.count)
    mean = np.divide(volume, area, out=np.zeros(found.count), where=area > 0)
    return np.where(held, lacking, areas * mean[found.facets]).astype(np.float32)


def inner_apertures(
    points: Any, smooth: NDArray[np.float32], held: NDArray[np.bool_], edge: float, engine: Engine
) -> NDArray[np.float32]:
    """Return the aperture further inside the sheet of each point that has one.

    Parameters
    ----------
    points : Points
        The list.
    smooth : ndarray of float32
        Aperture in µm over a disc around each point.
    held : ndarray of bool
        Which points have one.
    edge : float
        Voxel edge in µm.
    engine : Engine
        Where the work is done.

    Returns
    -------
    ndarray of float32
        In µm; infinite where there is none.
    """
    before = np.append(0, np.cumsum(held))
    some = points._replace(places=points.places[held], rows=before[points.rows])
    task = partial(local_quantiles, some, smooth[held], (_INSIDE * edge, 0.6))
    inner = np.full(held.size, np.inf, dtype=np.float32)
    inner[held] = over_points(task, int(held.sum()), engine)
    return inner
