"""What a count is attributed to beside the whole: parts of the volume, and objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Places", "whole_block"]

Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Rows of the sums that an owned voxel adds to.

    Parameters
    ----------
    along : tuple of three ndarrays of int32, shapes (k, Z), (k, Y), (k, X)
        For each of k divisions of the block, the voxel (z, y, x) belongs to the row
        ``along[0][k, z] + along[1][k, y] + along[2][k, x]``.
    count : int
        Number of all rows; those of the objects, if there are any, come first.
    objects : ndarray of int32, shape (Z, Y, X), optional
        Objects, whose number is also their row; 0 for none.
    """

    along: tuple[Int32, Int32, Int32]
    count: int
    objects: Int32 | None = None

    def rows_at(self, edges: Int32) -> Int32:
        """Return the rows that voxel edges add to.

        Parameters
        ----------
        edges : ndarray of int32, shape (n, >= 4)
            Rows (z, y, x, axis, ...): an edge lies after its voxel along the other axes.

        Returns
        -------
        ndarray of int32, shape (n, k) or (n, k + 1)
            For each division that of the edge's voxel; then, if there are objects, the one
            around the edge (the last one, where several meet).
        """
        z, y, x = edges[:, :3].T
        rows = (self.along[0][:, z] + self.along[1][:, y] + self.along[2][:, x]).T
        if self.objects is not None:
            rows = np.column_stack([rows, _object_at(edges, self.objects)])
        return np.ascontiguousarray(rows, dtype=np.int32)


def whole_block(
    shape: tuple[int, int, int], objects: Int32 | None = None, largest: int = 0
) -> Places:
    """Return one row for the whole block, after those of the objects.

    Parameters
    ----------
    shape : tuple of int
        Of the block with its margin.
    objects : ndarray of int32, optional
        Objects.
    largest : int
        Largest object number.

    Returns
    -------
    Places
        The last row is the whole.
    """
    first = 0 if objects is None else largest + 1
    z, y, x = (np.zeros((1, size), np.int32) for size in shape)
    return Places((z + np.int32(first), y, x), first + 1, objects)


def _object_at(edges: Int32, objects: Int32) -> Int32:
    z, y, x, axis = edges[:, :4].T
    up_z, up_y = axis > 0, axis == 0
    over_y, over_x = axis == 2, axis < 2
    around = [
        objects[z, y, x],
        objects[z + up_z, y + up_y, x],
        objects[z, y + over_y, x + over_x],
        objects[z + up_z, y + up_y + over_y, x + over_x],
    ]
    found: Int32 = np.max(around, axis=0)
    return found
