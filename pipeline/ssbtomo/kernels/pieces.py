"""One row per connected piece: what blocks add up to, and a volume's table of components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pieces"]

Ints = NDArray[np.int64]
Shape = tuple[int, int, int]

_FAR = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """One row per connected piece, in the order of the pieces' first voxels.

    Rows of the same piece merge by adding and by taking extremes, so that tables of blocks
    give the table of the volume; see `merged`. 96 bytes per piece.

    Parameters
    ----------
    label : ndarray of int64, shape (n,)
        The value that the piece's voxels share (1 for those of a mask).
    size : ndarray of int64, shape (n,)
        Voxels.
    first : ndarray of int64, shape (n,)
        Smallest linear index of its voxels in the volume, in C order.
    sums : ndarray of int64, shape (n, 3)
        Sums of the voxels' indexes along (Z, Y, X).
    start, stop : ndarray of int64, shape (n, 3)
        Bounding box: first voxel, and the one after the last.
    """

    label: Ints
    size: Ints
    first: Ints
    sums: Ints
    start: Ints
    stop: Ints

    def __len__(self) -> int:
        return self.size.size

    @property
    def columns(self) -> tuple[Ints, ...]:
        """All columns, in the order of the parameters."""
        return self.label, self.size, self.first, self.sums, self.start, self.stop

    @property
    def centroids(self) -> NDArray[np.float64]:
        """Mean voxel index along (Z, Y, X), shape (n, 3)."""
        centroids: NDArray[np.float64] = self.sums / self.size[:, None]
        return centroids

    def touches(self, shape: Shape) -> NDArray[np.bool_]:
        """Tell which faces of the volume each piece touches.

        Parameters
        ----------
        shape : tuple of int
            Voxels of the volume.

        Returns
        -------
        ndarray of bool, shape (n, 3, 2)
            For (Z, Y, X), the near and the far face.
        """
        return np.stack([self.start == 0, self.stop == np.asarray(shape)], axis=-1)

    def take(self, rows: NDArray[Any]) -> Pieces:
        """Return some of the rows.

        Parameters
        ----------
        rows : ndarray
            Their positions, or which of them.

        Returns
        -------
        Pieces
            A new table.
        """
        return Pieces(*(column[rows] for column in self.columns))

    def merged(self, groups: Ints, count: int) -> Pieces:
        """Merge the rows that belong to one piece.

        Parameters
        ----------
        groups : ndarray of int64, shape (n,)
            Number of the piece each row belongs to, 0 to ``count - 1``.
        count : int
            Number of pieces.

        Returns
        -------
        Pieces
            Row ``i`` is piece ``i``.
        """
        table = Pieces.empty(count)
        table.label[groups] = self.label
        np.add.at(table.size, groups, self.size)
        np.minimum.at(table.first, groups, self.first)
        for axis in range(3):
            np.add.at(table.sums[:, axis], groups, self.sums[:, axis])
            np.minimum.at(table.start[:, axis], groups, self.start[:, axis])
            np.maximum.at(table.stop[:, axis], groups, self.stop[:, axis])
        return table

    @classmethod
    def empty(cls, count: int) -> Pieces:
        """Return the table of pieces without voxels, which any other adds to.

        Parameters
        ----------
        count : int
            Number of rows.

        Returns
        -------
        Pieces
            Sizes and sums of 0, and bounds that hold nothing.
        """
        label, size = np.zeros(count, np.int64), np.zeros(count, np.int64)
        sums, stop = np.zeros((count, 3), np.int64), np.zeros((count, 3), np.int64)
        first, start = np.full(count, _FAR), np.full((count, 3), _FAR)
        return cls(label, size, first, sums, start, stop)

    @classmethod
    def joined(cls, tables: list[Pieces]) -> Pieces:
        """Put tables below each other.

        Parameters
        ----------
        tables : list of Pieces
            In the order wanted.

        Returns
        -------
        Pieces
            All rows.
        """
        columns = zip(*(table.columns for table in (cls.empty(0), *tables)), strict=True)
        return cls(*(np.concatenate(parts) for parts in columns))
