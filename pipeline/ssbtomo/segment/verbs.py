"""Segmentation for scripts and notebooks: one call, arrays in, labels out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.cleanup import remove_small
from ssbtomo.errors import InputDataError
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.inputs import check_image
from ssbtomo.segment.segmentation import Segmentation
from ssbtomo.segment.volumes import segment_volume
from ssbtomo.units import Spacing

__all__ = ["gaussian_mixture", "multi_otsu", "remove_small_objects", "repair_partial_volume"]


def multi_otsu(
    image: Any,
    classes: int,
    *,
    smallest_object: int = 0,
) -> Segmentation:
    """Segment by exact multi-Otsu thresholds, without repair.

    Parameters
    ----------
    image : array_like, shape (Z, Y, X)
        Grey values, NumPy or Dask.
    classes : int
        Number of phases, 2 to 5.
    smallest_object : int
        Pieces of fewer voxels go to the phase around them; 0 keeps all.

    Returns
    -------
    Segmentation
        ``.labels`` is 0 for the darkest phase. Beware: between a dark and a bright phase the
        blurred edge is labelled as the phase in between; `repair_partial_volume` avoids that.

    Raises
    ------
    AxisError
        If the image is not (Z, Y, X).
    InputDataError
        If the image is constant, not finite, or cannot give so many classes.

    References
    ----------
    .. [1] N. Otsu, 1979, doi:10.1109/TSMC.1979.4310076.

    Examples
    --------
    >>> image = np.repeat(np.uint8([10, 12, 90, 91]), 4).reshape(1, 4, 4)
    >>> multi_otsu(image, 2).labels[0, :, 0].tolist()
    [0, 0, 1, 1]
    """
    # No physical quantity comes out, and without repair none goes in: any spacing will do.
    return segment_volume(
        check_image(image), (1.0, 1.0, 1.0), classes, repair=False, smallest_object=smallest_object
    )


def gaussian_mixture(
    image: Any,
    classes: int,
    *,
    smallest_object: int = 0,
) -> Segmentation:
    """Segment where the Gaussians of a mixture cross, without repair.

    Parameters
    ----------
    image : array_like, shape (Z, Y, X)
        Grey values, NumPy or Dask.
    classes : int
        Number of phases, 2 to 5.
    smallest_object : int
        Pieces of fewer voxels go to the phase around them; 0 keeps all.

    Returns
    -------
    Segmentation
        ``.labels`` is 0 for the darkest phase. Classes of very different size are parted better
        than by `multi_otsu`; false films on dark | bright edges stay.

    Raises
    ------
    AxisError
        If the image is not (Z, Y, X).
    InputDataError
        If the image is constant, not finite, or cannot give so many classes.
    """
    return segment_volume(
        check_image(image),
        (1.0, 1.0, 1.0),
        classes,
        method="gaussian-mixture",
        repair=False,
        smallest_object=smallest_object,
    )


def repair_partial_volume(
    image: Any,
    spacing: Spacing,
    classes: int,
    *,
    thresholds: Sequence[float] | None = None,
    smallest_object: int = 0,
) -> Segmentation:
    """Segment without the false films that blur makes between dark and bright phases.

    Parameters
    ----------
    image : array_like, shape (Z, Y, X)
        Grey values, NumPy or Dask, denoised or not.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    classes : int
        Number of phases, 2 to 5.
    thresholds : sequence of float, optional
        Ascending grey values; multi-Otsu if not given.
    smallest_object : int
        Pieces of fewer voxels go to the phase around them; 0 keeps all.

    Returns
    -------
    Segmentation
        ``.labels`` is 0 for the darkest phase.

    Raises
    ------
    AxisError
        If the image is not (Z, Y, X).
    InputDataError
        If the image is constant, not finite, or cannot give so many classes.

    Notes
    -----
    Plateaus (low gradient) keep their class, grow in order of the gradient (seeded watershed),
    and each surface settles half-way between the plateaus on its two sides. One last step puts
    it where the blur of the labels would show it, as curved surfaces do not show half-way. Cracks
    of four voxels between bright walls are kept, but about 15 % of the area where void meets
    the brightest phase goes to phases between them. A real film of a
    middle phase between a dark and a bright one is kept if it is wider than about three
    voxels (or 2.4 times the blur of the edges, if that is more); a thinner one cannot be told from
    blur. A wedge of the middle phase ends that much too early. 7 bytes per voxel
    beside the image, and 0.5 GB for the block at hand.
    """
    return segment_volume(
        check_image(image),
        spacing,
        classes,
        method="multi-otsu" if thresholds is None else "thresholds",
        thresholds=thresholds,
        smallest_object=smallest_object,
    )


def remove_small_objects(
    labels: Any,
    smallest: int,
    *,
    phases: Sequence[int] | None = None,
) -> NDArray[np.uint8]:
    """Give small pieces to the phase around them.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Phase of each voxel, 0 to 254.
    smallest : int
        A piece of at least so many voxels stays.
    phases : sequence of int, optional
        Phases that lose their small pieces; all if not given. The void alone closes pores,
        a solid alone removes blobs.

    Returns
    -------
    ndarray of uint8
        A new array.

    Raises
    ------
    AxisError
        If the labels are not (Z, Y, X).
    InputDataError
        If a label does not fit, or `smallest` is negative.
    """
    found = check_image(labels)
    if found.dtype.kind == "f" or (
        found.size and not 0 <= int(found.min()) <= int(found.max()) < 255
    ):
        raise InputDataError("labels must be integers from 0 to 254, one per phase")
    bench, values = Bench.in_memory(found.shape), found.astype(np.uint8)
    cleaned = remove_small(
        values, smallest, bench.grid, bench.engine, phases=phases, allocate=bench.allocate
    )
    return np.asarray(cleaned)
