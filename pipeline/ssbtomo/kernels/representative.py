"""How far the mean of a volume may be from that of the material: variance between its cells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

__all__ = ["FEWEST_CELLS", "CellSpread", "cell_spread"]

FEWEST_CELLS = 8
"""Fewer say nothing about their spread."""

Shape = tuple[int, int, int]
Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class CellSpread:
    """The spread of a density over cells of one size.

    Parameters
    ----------
    cell_um : float
        Edge of a cube of a cell's volume.
    cells : int
        How many; 1 is the whole volume.
    mean, sd : float
        Of the density over the cells; `sd` is ``nan`` for fewer than 8.
    standard_error : float
        Of the whole volume's density, seen from cells of this size; for the whole volume
        extrapolated; ``nan`` if there are too few.
    """

    cell_um: float
    cells: int
    mean: float
    sd: float
    standard_error: float


def cell_spread(
    amounts: NDArray[np.number], cell: Shape, whole: Shape, spacing: Spacing
) -> list[CellSpread]:
    """Estimate the standard error of a density from its scatter over cells of growing size.

    Estimator: the standard deviation over n equal cells that fill the volume, divided by
    sqrt(n), for cells and for boxes of 2, 4, 8 ... cells to the edge; those cut by the end of the
    volume are left out. For the whole volume the variance is extrapolated with the scaling
    law D²(V) = s² A / (A + V), which is that of an integral range A [1]_ for V >> A and a
    constant for V << A; s² and A are fitted over all sizes of which there are 8, to equal
    relative errors. Where the largest of these boxes tell a larger error, it is given.

    Bias: while cells are smaller than the features they are not independent, and sd / sqrt(n)
    is too small; it grows with the cells until they are representative. The extrapolated
    error is meant to be free of that, and takes the larger of two estimates: 10 to 20 % too
    large on average. All of it is about scatter: a gradient through the sample adds to it,
    a wrong threshold does not show. From 8 boxes a standard error is itself uncertain by
    27 %. The relative error of the mean at 95 % confidence is twice the standard error over
    the mean.

    Parameters
    ----------
    amounts : ndarray, shape (cells along Z, along Y, along X)
        What each cell holds of something that adds: voxels, square or plain micrometres.
    cell : tuple of int
        Voxels of a cell; those at the far end may be smaller.
    whole : tuple of int
        Voxels of the volume.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.

    Returns
    -------
    list of CellSpread
        By growing size; the last is the whole volume. Densities are per cubic micrometre.

    References
    ----------
    .. [1] T. Kanit et al., *Int. J. Solids Struct.* 40 (2003) 3647,
       doi:10.1016/S0020-7683(03)00143-4.
    """
    voxel = math.prod(spacing)
    full = tuple(size // edge for size, edge in zip(whole, cell, strict=True))
    inside = amounts[: full[0], : full[1], : full[2]].astype(np.float64)
    sizes = []
    for density, size in _boxes(inside, math.prod(cell) * voxel):
        count = density.size
        sd = float(density.std(ddof=1)) if count >= FEWEST_CELLS else math.nan
        mean = float(density.mean())
        sizes.append(CellSpread(size ** (1 / 3), count, mean, sd, sd / math.sqrt(count)))
    volume = math.prod(whole) * voxel
    total = float(amounts.sum()) / volume
    error = _extrapolated([one for one in sizes if one.cells >= FEWEST_CELLS], volume)
    return [*sizes, CellSpread(volume ** (1 / 3), 1, total, math.nan, error)]


def _boxes(
    amounts: NDArray[np.float64], cell: float
) -> Iterator[tuple[NDArray[np.float64], float]]:
    """Yield densities and volumes of cells, and of boxes of 2, 4, 8 ... of them to the edge."""
    edge = 1
    while True:
        z, y, x = (min(edge, size) for size in amounts.shape)
        counts = [size // step for size, step in zip(amounts.shape, (z, y, x), strict=True)]
        if math.prod(counts) < 2:
            return
        kept = amounts[: counts[0] * z, : counts[1] * y, : counts[2] * x]
        boxes = kept.reshape(counts[0], z, counts[1], y, counts[2], x).sum(axis=(1, 3, 5))
        size = cell * z * y * x
        yield boxes / size, size
        edge *= 2


def _extrapolated(sizes: list[CellSpread], volume: float) -> float:
    if not sizes:
        return math.nan
    largest = sizes[-1].standard_error
    if min(one.sd for one in sizes) == 0:
        return largest
    variances = np.array([one.sd**2 for one in sizes])
    volumes = np.array([one.cell_um**3 for one in sizes]) / volume
    # 1 / D²(V) is a straight line in V; the scatter of each D² is in proportion to it.
    line = np.stack([variances, variances * volumes], axis=1)
    constant, slope = nnls(line, np.ones(len(sizes)))[0]
    return max(largest, 1 / math.sqrt(constant + slope))
