"""A plane through a map of heights that few outliers do not move, and how far from it they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError

__all__ = ["Plane", "fit_plane"]

_ROUNDS = 40
_SPREAD = 1.4826  # of a normal distribution: standard deviation by median absolute deviation
_MOST = 500_000  # columns that a plane is fitted to


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane over the columns of a volume: ``height = offset + along_v v + along_u u``, in voxels.

    Parameters
    ----------
    offset, along_v, along_u : float
        Height at the first column, and its rise per column.
    spread : float
        Robust standard deviation of what it was fitted to, in voxels: 1.4826 times the median
        absolute distance.
    """

    offset: float
    along_v: float = 0.0
    along_u: float = 0.0
    spread: float = 0.0

    def heights(self, v: NDArray[np.int64], u: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the height over columns, by broadcasting.

        Parameters
        ----------
        v, u : ndarray of int
            The columns.

        Returns
        -------
        ndarray of float64
            Voxels from the anode's end.
        """
        return np.asarray(self.offset + self.along_v * v + self.along_u * u)

    def over(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the height over all columns.

        Parameters
        ----------
        shape : tuple of int
            Columns along both axes.

        Returns
        -------
        ndarray of float64
            Voxels from the anode's end.
        """
        return self.heights(np.arange(shape[0])[:, None], np.arange(shape[1])[None, :])


def fit_plane(heights: NDArray[np.int32], known: NDArray[np.bool_], *, tilted: bool) -> Plane:
    """Fit the plane from which the sum of absolute distances is least.

    Parameters
    ----------
    heights : ndarray of int, shape (V, U)
        In voxels.
    known : ndarray of bool, shape (V, U)
        Which of them count.
    tilted : bool
        Whether the plane may be tilted; if not, it is the median.

    Returns
    -------
    Plane
        Less than half of the columns, wherever they lie, move it little: those of filaments do
        not. Of more than 500 000 columns every n-th is taken. Weighted least squares, repeated;
        a surface with fewer than 16 columns, or one column wide, is not tilted.

    Raises
    ------
    InputDataError
        If no column is known.
    """
    v, u = np.nonzero(known)
    if not v.size:
        raise InputDataError(
            "no column holds lithium before the electrolyte, so the electrode has no surface",
            hint="check the phases' roles, the stacking axis and on which side the anode is; "
            "or give the surface as a height",
        )
    step = -(-v.size // _MOST)
    v, u = v[::step], u[::step]
    height = heights[v, u].astype(np.float64)
    plane = np.array([np.median(height), 0.0, 0.0])
    design = np.column_stack([np.ones(v.size), v, u]).astype(np.float64)
    if tilted and v.size >= 16 and np.ptp(v) > 0 and np.ptp(u) > 0:
        plane = _least_absolute(design, height, plane)
    distance = abs(height - design @ plane)
    offset, along_v, along_u = plane.tolist()
    return Plane(offset, along_v, along_u, _SPREAD * float(np.median(distance)))


def _least_absolute(
    design: NDArray[np.float64], height: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Solve for least absolute distances; the start is kept where it is as good."""
    plane = np.asarray(np.linalg.lstsq(design, height, rcond=None)[0], np.float64)
    for round_ in range(_ROUNDS):
        least = max(0.5 ** (round_ / 2), 1e-3)
        weight = 1 / np.maximum(abs(height - design @ plane), least)
        normal = design.T @ (weight[:, None] * design)
        plane = np.asarray(np.linalg.solve(normal, design.T @ (weight * height)), np.float64)
    best, plain = (abs(height - design @ one).sum() for one in (plane, start))
    return start if plain <= best * (1 + 1e-6) else np.asarray(plane, np.float64)
