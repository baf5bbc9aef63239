"""What segmentation accepts: grey volumes, and histograms that can be split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Source
from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.kernels.histogram import Histogram
from ssbtomo.kernels.mixture import gaussian_mixture
from ssbtomo.kernels.thresholds import Classes, check_classes, classes_between, multi_otsu

__all__ = ["check_image", "check_source", "find_classes"]


def check_image(image: Any) -> NDArray[Any]:
    """Return a grey volume as a NumPy array, or say why it is none.

    Parameters
    ----------
    image : array_like
        NumPy or Dask array.

    Returns
    -------
    ndarray, shape (Z, Y, X)
        The same voxels.

    Raises
    ------
    AxisError
        If it has not three axes, or looks like colour.
    InputDataError
        If its values are not real numbers.
    """
    return np.asarray(check_source(np.asarray(image)))


def check_source(image: Source) -> Source:
    """Return a grey volume that is read in blocks, or say why it is none.

    Parameters
    ----------
    image : Source
        An array, or a store.

    Returns
    -------
    Source
        The same.

    Raises
    ------
    AxisError
        If it has not three axes, or looks like colour.
    InputDataError
        If its values are not real numbers.
    """
    shape, dtype = tuple(image.shape), np.dtype(image.dtype)
    colour = len(shape) == 4 and shape[-1] in (3, 4)
    if len(shape) != 3 or 0 in shape:
        raise AxisError(
            f"the image has shape {shape}{', which looks like colour' if colour else ''}; "
            "segmentation needs one grey value per voxel in (Z, Y, X)",
            hint="pick one channel or time point before segmenting it",
        )
    if dtype.kind not in "uifb":
        raise InputDataError(f"the image has voxels of type {dtype}, not real numbers")
    return image


def find_classes(
    histogram: Histogram, classes: int, method: str, thresholds: Sequence[float] | None
) -> Classes:
    """Split a histogram by the method of that name.

    Parameters
    ----------
    histogram : Histogram
        Of the whole volume.
    classes : int
        Number of phases.
    method : str
        ``"multi-otsu"``, ``"gaussian-mixture"`` or ``"thresholds"``.
    thresholds : sequence of float or None
        For the method of that name.

    Returns
    -------
    Classes
        Thresholds, and the classes they make.

    Raises
    ------
    InputDataError
        If there is no such method, or the classes cannot be made.
    """
    check_classes(histogram, classes)
    if method == "multi-otsu":
        return multi_otsu(histogram, classes)
    if method == "gaussian-mixture":
        return gaussian_mixture(histogram, classes)
    if method != "thresholds":
        raise InputDataError(
            f"{method!r} is no segmentation method",
            hint="use multi-otsu, gaussian-mixture or thresholds",
        )
    if thresholds is None or len(thresholds) != classes - 1:
        raise InputDataError(
            f"{classes} classes need {classes - 1} thresholds, and {thresholds} was given"
        )
    return classes_between(histogram, thresholds)
