"""Planes from which the sheets of an image are traced: of its ridges, and of sheets already traced."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.crack_points import CrackVoxels
from ssbtomo.blocks.engine import Engine
from ssbtomo.blocks.facets import over_points
from ssbtomo.kernels.crack_facets import connected
from ssbtomo.kernels.crack_planes import middle_areas, planes
from ssbtomo.kernels.crack_points import Points
from ssbtomo.kernels.ridge_planes import mean_normals, ridge_planes
from ssbtomo.kernels.sheets import voxel_edge

__all__ = ["Seeds", "ridge_seeds", "sheet_seeds", "subset"]

_BALL = (5.5, 8.5)  # least and largest radius in voxel edges of the balls that give planes
_CLEAR = 120.0  # score from which the least radius will do
_ROUGH = 0.9  # second moment in squared voxel edges of ridge voxels across one plane, at most
_EVEN = 0.6  # the same of sheets already traced
_WIDELY = 10.0  # radius in voxel edges over which planes are compared
_AGREE = 0.966  # least cosine to their mean
_MANY = 0.4  # least share of the planes around that run about the same way
_SHEET = 2.0  # thickness in voxel edges of a sheet that was traced
_MIDDLE = 3.0  # standard deviation in voxel edges of the weights that give its middle


@dataclass(frozen=True, slots=True, eq=False)
class Seeds:
    """Points with planes.

    Parameters
    ----------
    points : Points
        The list.
    chosen : ndarray of bool, shape (n,)
        Where a plane fits.
    normals : ndarray of float32, shape (n, 3)
        Of the plane around each.
    heights : ndarray of float32, shape (n,)
        Height in µm above it.
    scores : ndarray of uint8, shape (n,)
        Ten times signal to noise.
    """

    points: Points
    chosen: NDArray[np.bool_]
    normals: NDArray[np.float32]
    heights: NDArray[np.float32]
    scores: NDArray[np.uint8]

    def radii(self, edge: float) -> NDArray[np.float32]:
        """Return how far around each point a plane is fitted: further where noise is strong.

        Parameters
        ----------
        edge : float
            Voxel edge in µm.

        Returns
        -------
        ndarray of float32
            In µm.
        """
        return _radii(self.scores, edge)


def ridge_seeds(voxels: CrackVoxels, engine: Engine) -> Seeds:
    """Fit planes to the floors of valleys.

    Parameters
    ----------
    voxels : CrackVoxels
        From `ssbtomo.blocks.crack_points.ridge_voxels`.
    engine : Engine
        Where the work is done.

    Returns
    -------
    Seeds
        Chosen where enough floors lie on the plane, few voxels lie beside it, and the planes around
        run the same way: at the rims of cracks ridges fan out.
    """
    points, groups, count = voxels.points, voxels.groups, len(voxels.groups)
    edge = voxel_edge(tuple(points.steps))
    radii = _radii(voxels.scores, edge)
    ways = np.zeros((count, 4), dtype=np.float32) if voxels.ways is None else voxels.ways
    ridges = ways, voxels.scores.astype(np.float32) ** 2
    task = partial(ridge_planes, points, groups, ridges, radii)
    normals, heights, held = over_points(task, count, engine)
    _, spreads = over_points(partial(planes, points, groups, radii), count, engine)
    flat = held & (spreads <= _ROUGH * edge**2)
    some, inside = subset(points, flat), groups[flat]
    alike = partial(mean_normals, some, inside, normals[flat], _WIDELY * edge)
    means, shares = over_points(alike, inside.size, engine)
    agree = np.abs((means * normals[flat]).sum(axis=1)) >= _AGREE
    flat[flat] = agree & (shares >= _MANY)
    return Seeds(points, flat, normals, heights, voxels.scores)


def sheet_seeds(points: Points, scores: NDArray[np.uint8], engine: Engine) -> Seeds:
    """Fit planes to sheets that were traced.

    Parameters
    ----------
    points : Points
        Their voxels.
    scores : ndarray of uint8, shape (n,)
        Ten times signal to noise.
    engine : Engine
        Where the work is done.

    Returns
    -------
    Seeds
        Chosen where the voxels around lie on one plane.
    """
    edge, groups, count = voxel_edge(tuple(points.steps)), connected(points), len(scores)
    radii = _radii(scores, edge)
    normals, spreads = over_points(partial(planes, points, groups, radii), count, engine)
    flat = spreads <= _EVEN * edge**2
    plate = np.full(count, _SHEET * edge, dtype=np.float32)
    task = partial(middle_areas, points, (groups, flat), normals, (plate, _MIDDLE * edge))
    heights, _ = over_points(task, count, engine)
    return Seeds(points, flat, normals, heights, scores)


def subset(points: Points, chosen: NDArray[np.bool_]) -> Points:
    """Return the list of some of the points.

    Parameters
    ----------
    points : Points
        The list.
    chosen : ndarray of bool, shape (n,)
        Which of them.

    Returns
    -------
    Points
        Those.
    """
    before = np.append(0, np.cumsum(chosen))
    return points._replace(places=points.places[chosen], rows=before[points.rows])


def _radii(scores: NDArray[np.uint8], edge: float) -> NDArray[np.float32]:
    wanted = np.clip(_BALL[0] * np.sqrt(_CLEAR / np.maximum(scores, 1.0)), *_BALL)
    return (wanted * edge).astype(np.float32)
