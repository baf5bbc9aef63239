"""Slices brought to their places: all transforms of a stack at once, in one interpolation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

__all__ = [
    "Placing",
    "even_planes",
    "foreshortening",
    "placed_slice",
    "source_planes",
    "view_drift",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Placing:
    """How an image is laid on the canvas.

    Parameters
    ----------
    start : tuple of float
        Row and column of the slice that the first pixel of the canvas shows.
    step : tuple of float
        Rows and columns of the slice per pixel of the canvas.
    shape : tuple of int
        Rows and columns of the canvas.
    order : int
        1 for linear interpolation, 3 for cubic splines; 0 takes the nearest pixel, for labels.
    outside : float or None
        Value beyond the slice; its rim is continued if ``None``.
    turn : ndarray of float, shape (2, 2), or None
        Rows and columns of the slice per pixel of the canvas in all, in place of `step`, where
        they are not along the axes.
    """

    start: tuple[float, float]
    step: tuple[float, float]
    shape: tuple[int, int]
    order: int = 3
    outside: float | None = None
    turn: Floats | None = None


def placed_slice(image: NDArray[Any], placing: Placing) -> NDArray[np.float32]:
    """Lay a slice on the canvas.

    Parameters
    ----------
    image : ndarray, shape (Y, X)
        The whole slice.
    placing : Placing
        Where and how.

    Returns
    -------
    ndarray of float32
        On the canvas; the very values of the slice where it moved by whole pixels.
    """
    values = np.asarray(image, np.float32)
    straight = placing.turn is None and placing.step == (1.0, 1.0)
    whole = straight and all(float(a).is_integer() for a in placing.start)
    order = 0 if whole else placing.order
    mode = "nearest" if placing.outside is None else "constant"
    return np.asarray(
        scipy.ndimage.affine_transform(
            values,
            np.array(placing.step) if placing.turn is None else placing.turn,
            np.array(placing.start),
            output_shape=placing.shape,
            output=np.float32,
            order=order,
            mode=mode,
            cval=placing.outside or 0.0,
        )
    )


def foreshortening(view_angle: float, corrected: float | None = None) -> float:
    """Return what the height of a pixel on a cross-section is over that in the image.

    Rows that the beam scans at a distance d hit a face that it sees at the angle a at a distance
    d / sin a. A microscope's tilt correction by the angle c has scanned rows at d cos c.

    Parameters
    ----------
    view_angle : float
        Degrees between the beam and the face, 90 when it is seen straight on: 52 on most
        machines.
    corrected : float, optional
        Degrees of the microscope's tilt correction, where it was on: 38 is right for 52.

    Returns
    -------
    float
        Factor for the height of a pixel; 1.269 for 52 degrees, 1.624 for 38.
    """
    factor = 1.0 / np.sin(np.radians(view_angle))
    if corrected is not None:
        factor *= np.cos(np.radians(corrected))
    return float(factor)


def view_drift(view_angle: float, thickness: float, edge: float) -> float:
    """Return by how many rows the content of a slice lies further than in the one before.

    A beam that stays where it is sees each new face, a slice thickness further away, higher or
    lower on the image by thickness · cot(angle) on the face.

    Parameters
    ----------
    view_angle : float
        Degrees between the beam and the face.
    thickness : float
        Distance of the slices.
    edge : float
        Height of a pixel on the face, in the same unit.

    Returns
    -------
    float
        Rows per slice.
    """
    return float(thickness / np.tan(np.radians(view_angle)) / edge)


def source_planes(height: float, heights: Floats) -> tuple[tuple[int, float], tuple[int, float]]:
    """Return the two slices between which a plane lies, and what each counts.

    Parameters
    ----------
    height : float
        Of the plane.
    heights : ndarray of float, shape (slices,)
        Of the slices that are used, rising.

    Returns
    -------
    tuple of (int, float)
        Index and weight, twice; the second weight is 0 on a slice itself.
    """
    upper = int(np.searchsorted(heights, height, side="left"))
    if upper >= len(heights):
        return (len(heights) - 1, 1.0), (len(heights) - 1, 0.0)
    if upper == 0 or heights[upper] == height:
        return (upper, 1.0), (upper, 0.0)
    share = float((height - heights[upper - 1]) / (heights[upper] - heights[upper - 1]))
    return (upper - 1, 1.0 - share), (upper, share)


def even_planes(heights: Floats, edge: float) -> Floats:
    """Return heights at even distances, from the first slice to the last.

    Parameters
    ----------
    heights : ndarray of float
        Of the slices, rising.
    edge : float
        Distance.

    Returns
    -------
    ndarray of float
        At least one.
    """
    count = int(np.floor((heights[-1] - heights[0]) / edge + 1e-6)) + 1
    return np.asarray(heights[0] + edge * np.arange(count), np.float64)
