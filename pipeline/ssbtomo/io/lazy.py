"""Files as lazy arrays: objects that can be sent to a worker and read there, box by box."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from ssbtomo.errors import AxisError, InputDataError

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["LazyFile", "MappedFile", "SliceStack", "check_type", "lazy_array", "slab_chunks"]

_MOST = 2**60  # bytes of a volume
_MANY = 10**6  # chunks along the axes, one after the other: each is held in memory
_SLAB = 32 * 2**20  # bytes that one task reads at once


class LazyFile(Protocol):
    """Something on disk that reads like a NumPy array, and can be pickled."""

    @property
    def path(self) -> str:
        """The file or folder."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    def __getitem__(self, window: Any) -> NDArray[Any]:
        """Read a box."""


@dataclass(frozen=True, slots=True)
class MappedFile:
    """An uncompressed array inside a file, mapped into memory where it is read.

    Parameters
    ----------
    path : str
        The file.
    shape : tuple of int
        Voxels along each axis.
    stored : str
        Type of a voxel in the file, byte order included, such as ``">u2"``.
    offset : int
        First byte of the voxels.
    order : {"C", "F"}
        Whether the last axis or the first runs fastest.
    """

    path: str
    shape: tuple[int, ...]
    stored: str
    offset: int = 0
    order: Literal["C", "F"] = "C"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel, in this machine's byte order."""
        return np.dtype(self.stored).newbyteorder("=")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def end(self) -> int:
        """The byte after the last voxel."""
        return self.offset + prod(self.shape) * np.dtype(self.stored).itemsize

    def __getitem__(self, window: Any) -> NDArray[Any]:
        mapped = np.memmap(
            self.path, self.stored, mode="r", offset=self.offset, shape=self.shape, order=self.order
        )
        return np.array(mapped[window], dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class SliceStack(ABC):
    """Images of one size as a volume; an image is read when a box needs it.

    Parameters
    ----------
    path : str
        The file or folder.
    plane : tuple of int
        Pixels along (Y, X).
    stored : str
        Type of a pixel.
    """

    path: str
    plane: tuple[int, int]
    stored: str

    @property
    @abstractmethod
    def count(self) -> int:
        """Number of slices."""

    @abstractmethod
    def read(self, number: int) -> NDArray[Any]:
        """Read a slice, given its place in the stack."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (Z, Y, X)."""
        return (self.count, *self.plane)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""
        return np.dtype(self.stored)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return 3

    def __getitem__(self, window: Any) -> NDArray[Any]:
        cuts = window if isinstance(window, tuple) else (window,)
        whole = not cuts or cuts[0] is Ellipsis
        numbers = np.arange(self.count)[slice(None) if whole else cuts[0]]
        inside = cuts if whole else cuts[1:]
        slices = [self.read(int(number))[inside] for number in np.atleast_1d(numbers)]
        return np.stack(slices) if np.ndim(numbers) else slices[0]


def lazy_array(source: LazyFile, chunks: tuple[int, ...] | None = None) -> da.Array:
    """Wrap a file into a Dask array of three axes; bool becomes uint8.

    Parameters
    ----------
    source : LazyFile
        The file.
    chunks : tuple of int, optional
        Voxels per chunk; slabs of whole slices if not given.

    Returns
    -------
    dask.array.Array
        Lazy voxels.
    """
    import dask.array as da

    if source.ndim == 2:
        raise AxisError(
            f"{source.path} holds one 2-D image {tuple(source.shape)}, not a volume",
            hint="open the folder that holds all slices, or the multi-page file",
        )
    if source.ndim != 3:
        raise AxisError(
            f"{source.path} holds an array of {source.ndim} axes, {tuple(source.shape)}; "
            "a volume has three, (Z, Y, X)",
            hint="save one channel and one time point as a volume of its own",
        )
    if min(source.shape) < 1:
        raise AxisError(
            f"{source.path} holds no voxel: its shape is {tuple(source.shape)}",
            hint="the file is empty or damaged; export it again",
        )
    check_type(source.dtype, source.path)
    if prod(source.shape) * source.dtype.itemsize > _MOST:
        raise AxisError(
            f"{source.path} declares {tuple(source.shape)} voxels, more than any disk holds",
            hint="its header is damaged, or made to do harm; export it again",
        )
    cut = chunks or slab_chunks(source.shape, source.dtype.itemsize)
    if sum(n // max(edge, 1) for n, edge in zip(source.shape, cut, strict=True)) > _MANY:
        raise AxisError(
            f"{source.path} declares {tuple(source.shape)} voxels in chunks of {tuple(cut)}: more "
            f"than {_MANY} along the axes",
            hint="its header is damaged; if not, write it again with larger chunks",
        )
    make: Any = da.from_array  # has no types in some of Dask's versions
    array = make(
        source,
        chunks=cut,
        name=f"open-{_token(source)}",
        meta=np.empty((0, 0, 0), dtype=source.dtype),
        asarray=True,
    )
    widened: da.Array = array.astype(np.uint8) if source.dtype == np.bool_ else array
    return widened


def slab_chunks(shape: tuple[int, ...], itemsize: int, multiple: int = 1) -> tuple[int, ...]:
    """Cut a stack into slabs of whole slices of about 32 MB.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    itemsize : int
        Bytes per voxel.
    multiple : int
        Slices that the file stores together.

    Returns
    -------
    tuple of int
        Voxels per chunk along (Z, Y, X).
    """
    thick = max(_SLAB // max(prod(shape[1:]) * itemsize, 1) // multiple, 1) * multiple
    return (min(thick, shape[0]), *shape[1:])


def check_type(dtype: np.dtype[Any], where: str) -> None:
    """Refuse voxels that are not grey values or labels.

    Parameters
    ----------
    dtype : dtype
        Type of a voxel.
    where : str
        The path, for the message.

    Raises
    ------
    InputDataError
        For complex numbers, objects, texts, times and records.
    """
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        what = {"c": "complex numbers", "O": "Python objects", "V": "records"}.get(dtype.kind, "")
        raise InputDataError(
            f"{where}: voxels of type {dtype} cannot be used" + (f" ({what})" if what else ""),
            hint="save the volume as integers or floats"
            + ("; take the magnitude or the phase first" if dtype.kind == "c" else ""),
        )


def _token(source: LazyFile) -> str:
    """Name the content: the source's parameters, and when the file was changed."""
    path = Path(source.path)
    stamp = path.stat().st_mtime_ns if path.exists() else 0
    return f"{zlib.crc32(repr(source).encode()):08x}-{stamp:x}"
