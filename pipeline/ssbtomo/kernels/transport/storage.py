"""Where the fields of a solve lie: in memory, or where the caller wants them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["MEMORY", "Memory", "Storage"]


class Storage(Protocol):
    """What gives room for fields.

    `ssbtomo.io.scratch.Scratch` gives room on disk.
    """

    @property
    def slab(self) -> int | None:
        """Voxels that a pass works on before what it read is let go; None for no limit."""

    def zeros(self, shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
        """Return an array of zeros.

        Parameters
        ----------
        shape : tuple of int
            Its shape.
        kind : dtype
            Its type.
        """

    def release(self, array: NDArray[Any], near: int, far: int) -> None:
        """Let go of the memory of some rows of an array; what they hold stays.

        Parameters
        ----------
        array : ndarray
            Any array; those that lie elsewhere are left alone.
        near, far : int
            The first row, and one past the last.
        """


class Memory:
    """Fields in memory."""

    slab: int | None = None

    def zeros(self, shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
        """Return an array of zeros.

        Parameters
        ----------
        shape : tuple of int
            Its shape.
        kind : dtype
            Its type.

        Returns
        -------
        ndarray
            Zeros.
        """
        return np.zeros(shape, kind)

    def release(self, array: NDArray[Any], near: int, far: int) -> None:
        """Do nothing.

        Parameters
        ----------
        array : ndarray
            Any array.
        near, far : int
            Rows of it.
        """


MEMORY = Memory()
"""For all solves without a storage of their own."""
