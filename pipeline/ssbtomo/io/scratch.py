"""Room on disk for arrays that do not fit into memory."""

from __future__ import annotations

import errno
import math
import mmap
import os
import tempfile
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ssbtomo.errors import OutputError

__all__ = ["Scratch"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CHUNK = 2**24


class Scratch:
    """Arrays in files of a folder, gone with the last use; for a ``with`` statement.

    The files have no name once they are open, where the system allows it, so that nothing is
    left behind even by a process that is killed.

    Parameters
    ----------
    folder : path
        Where; it must exist.
    small : int
        Arrays of fewer bytes are kept in memory.
    slab : int
        Voxels that a pass works on before what it read is let go.

    Raises
    ------
    OutputError
        If the folder does not exist.
    """

    def __init__(self, folder: str | Path, *, small: int = 2**22, slab: int = 2**24) -> None:
        self.folder = Path(folder)
        self.small = small
        self.slab: int | None = slab
        self._maps: list[tuple[int, int, weakref.ref[mmap.mmap]]] = []
        self._paths: list[Path] = []
        if not self.folder.is_dir():
            raise OutputError(
                f"the scratch folder {self.folder} does not exist",
                hint="create it, or name another",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def zeros(self, shape: tuple[int, ...], kind: DTypeLike) -> NDArray[Any]:
        """Return an array of zeros, in a file unless it is small.

        Parameters
        ----------
        shape : tuple of int
            Its shape.
        kind : dtype
            Its type.

        Returns
        -------
        ndarray
            Zeros. It stays valid when the scratch is closed.

        Raises
        ------
        OutputError
            If the disk is full or the folder cannot be written.
        """
        size = math.prod(shape) * np.dtype(kind).itemsize
        if size < max(self.small, 1):
            return np.zeros(shape, kind)
        try:
            pages = self._pages(size)
        except OSError as error:
            full = error.errno in _FULL
            raise OutputError(
                f"the disk is full: {size / 1e9:.3g} GB for a solve do not fit into {self.folder}"
                if full
                else f"the scratch folder {self.folder} cannot be written: {error}",
                hint="name a scratch folder on a disk with more room",
            ) from error
        array = np.frombuffer(pages, kind, math.prod(shape)).reshape(shape)
        self._maps = [one for one in self._maps if one[2]() is not None]
        self._maps.append((array.ctypes.data, size, weakref.ref(pages)))
        return array

    def release(self, array: NDArray[Any], near: int, far: int) -> None:
        """Let go of the memory of some rows of an array; what they hold stays.

        Parameters
        ----------
        array : ndarray
            Any array; those that lie elsewhere are left alone.
        near, far : int
            The first row, and one past the last.
        """
        if array.ndim == 0 or not hasattr(mmap, "MADV_DONTNEED"):
            return
        row = array.strides[0]
        for start, size, held in self._maps:
            pages = held()
            offset = array.ctypes.data - start
            if pages is not None and 0 <= offset < size and row > 0:
                first = -(-(offset + max(near, 0) * row) // mmap.PAGESIZE) * mmap.PAGESIZE
                last = offset + min(far, array.shape[0]) * row
                last = last if last >= size else last // mmap.PAGESIZE * mmap.PAGESIZE
                if first < min(last, size):
                    pages.madvise(mmap.MADV_DONTNEED, first, min(last, size) - first)
                return

    def close(self) -> None:
        """Remove what is left of the files."""
        self._maps.clear()
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths.clear()

    def _pages(self, size: int) -> mmap.mmap:
        number, name = tempfile.mkstemp(prefix="ssbtomo-", suffix=".scratch", dir=self.folder)
        try:
            try:
                Path(name).unlink()
            except OSError:  # open files keep their names on some systems
                self._paths.append(Path(name))
            _take(number, size)
            return mmap.mmap(number, size)
        finally:
            os.close(number)


def _take(number: int, size: int) -> None:
    """Make a file of a size, with its room on the disk."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(number, 0, size)
        return
    block = bytes(_CHUNK)
    for start in range(0, size, _CHUNK):
        os.write(number, block[: min(_CHUNK, size - start)])
