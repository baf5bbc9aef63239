"""Integers that add over blocks, from which areas and lengths follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.normals import FIXED_POINT
from ssbtomo.units import Spacing

__all__ = ["AreaCounts", "AreaSums", "corrected", "weighted"]


@dataclass(frozen=True, slots=True)
class AreaCounts:
    """Integers that add over blocks, from which all areas and lengths follow.

    Parameters
    ----------
    normals : ndarray of int64, shape (pairs, 3)
        Sum of |n . e| over the faces across each axis, in units of 1 / `FIXED_POINT`.
    neighbours : ndarray of int64, shape (pairs, 13)
        Unlike neighbours in each direction, doubled.
    lines : ndarray of int64, shape (triples, 3)
        Sum of |t . e| over the edges along each axis, in units of 1 / (2 `FIXED_POINT`).
    strips : ndarray of int64, shape (regions + 1, pairs, 3, 3)
        Area that voxel faces lack along triple lines, in the same units, for each object
        (row 0: for none); one row if no objects were given.
    by_region : ndarray of int64, shape (regions + 1, pairs, 3)
        Like `normals`, for each object; no rows if none were given.
    """

    normals: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    lines: NDArray[np.int64]
    strips: NDArray[np.int64]
    by_region: NDArray[np.int64]

    def __add__(self, other: AreaCounts) -> AreaCounts:
        return AreaCounts(
            self.normals + other.normals,
            self.neighbours + other.neighbours,
            self.lines + other.lines,
            self.strips + other.strips,
            self.by_region + other.by_region,
        )


@dataclass(frozen=True, slots=True, eq=False)
class AreaSums:
    """The same integers for each of many parts and objects.

    Parameters
    ----------
    neighbours : ndarray of int64, shape (pairs, 13)
        As in `AreaCounts`, for the whole block.
    normals : ndarray of int64, shape (rows, pairs, 3)
        As in `AreaCounts`.
    lines : ndarray of int64, shape (rows, triples, 3)
        As in `AreaCounts`.
    strips : ndarray of int64, shape (rows, pairs, 3, 3)
        As in `AreaCounts`.
    """

    neighbours: NDArray[np.int64]
    normals: NDArray[np.int64]
    lines: NDArray[np.int64]
    strips: NDArray[np.int64]

    def __add__(self, other: AreaSums) -> AreaSums:
        return AreaSums(
            self.neighbours + other.neighbours,
            self.normals + other.normals,
            self.lines + other.lines,
            self.strips + other.strips,
        )

    def rows(self, first: int, last: int) -> AreaSums:
        """Return some of the rows.

        Parameters
        ----------
        first, last : int
            The first row, and the one after the last.

        Returns
        -------
        AreaSums
            With the same neighbours.
        """
        part = slice(first, last)
        return AreaSums(self.neighbours, self.normals[part], self.lines[part], self.strips[part])

    def areas(self, spacing: Spacing) -> NDArray[np.float64]:
        """Return the area of each row and pair, in the square of the unit of `spacing`.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X).

        Returns
        -------
        ndarray of float64, shape (rows, pairs)
            They add; that of a part where a contact only brushes past can be below 0.
        """
        return corrected(self.normals, self.strips, spacing)

    def lengths(self, spacing: Spacing) -> NDArray[np.float64]:
        """Return the line length of each row and triple, in the unit of `spacing`.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X).

        Returns
        -------
        ndarray of float64, shape (rows, triples)
            They add.
        """
        return weighted(self.lines, np.array(spacing)) / (2 * FIXED_POINT)


def corrected(
    weights: NDArray[np.int64], strips: NDArray[np.int64], spacing: Spacing
) -> NDArray[np.float64]:
    """Sum the weighted faces and the strips along triple lines that they lack.

    Parameters
    ----------
    weights : ndarray of int64, shape (..., 3)
        As in `AreaCounts.normals`.
    strips : ndarray of int64, shape (..., 3, 3)
        As in `AreaCounts.strips`.
    spacing : tuple of float
        Voxel edges along (Z, Y, X).

    Returns
    -------
    ndarray of float64, shape (...)
        Area in the square of the unit of `spacing`; a contact of a few faces that triple
        lines explain can be below 0.
    """
    edges = np.array(spacing)
    area = weighted(weights, np.prod(edges) / edges) / FIXED_POINT
    lacking = (strips * np.outer(edges, edges)).sum(axis=(-2, -1)) / (2 * FIXED_POINT)
    total: NDArray[np.float64] = area + lacking
    return total


def weighted(counts: NDArray[np.int64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the last axis in a fixed order, which a matrix product does not promise.

    Parameters
    ----------
    counts : ndarray of int64, shape (..., n)
        Counts.
    factors : ndarray of float64, shape (n,)
        What each stands for.

    Returns
    -------
    ndarray of float64, shape (...)
        The sums.
    """
    total: NDArray[np.float64] = (counts * factors).sum(axis=-1)
    return total
