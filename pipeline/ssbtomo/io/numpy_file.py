"""NumPy's own files: ``.npy``, and the members of ``.npz``."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import IO, TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.lib import format as npy_format

from ssbtomo.errors import FormatError, SsbtomoError
from ssbtomo.io.lazy import MappedFile, check_type, lazy_array
from ssbtomo.io.selection import read_selection
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["READER", "NumpyReader", "PackedMember"]

_MOST = 1100  # bytes that a packed byte can become: deflate's bound is 1,040
Header = tuple[tuple[int, ...], bool, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class PackedMember:
    """A compressed member of an ``.npz`` file: it can only be unpacked as a whole.

    Parameters
    ----------
    path : str
        The file.
    member : str
        Name of the member, with ``.npy``.
    shape : tuple of int
        Voxels along each axis.
    stored : str
        Type of a voxel.
    stamp : int
        When the file was changed, so that an older content is not taken for it.
    """

    path: str
    member: str
    shape: tuple[int, ...]
    stored: str
    stamp: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel, in this machine's byte order."""
        return np.dtype(self.stored).newbyteorder("=")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, window: Any) -> NDArray[Any]:
        return np.array(_unpacked(self)[window], dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class NumpyReader:
    """Opens ``.npy`` and ``.npz``. They tell no voxel size; pickled objects are refused."""

    name: ClassVar[str] = "NumPy .npy, .npz"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is named like a NumPy file.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for the endings ``.npy`` and ``.npz``.
        """
        return path.is_file() and path.suffix.lower() in (".npy", ".npz")

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open a NumPy file.

        Parameters
        ----------
        path : Path
            The file.
        dataset : str or None
            Name of the member of an ``.npz`` file.

        Returns
        -------
        Volume
            Lazy voxels; a compressed member is one chunk.
        """
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                shape, fortran, dtype = _header(file, str(path))
                source = _mapped(path, shape, dtype, fortran=fortran, offset=file.tell())
            return _volume(source)
        try:
            with zipfile.ZipFile(path) as archive:
                member, header = _member(archive, path, read_selection(dataset).path)
                return _open_member(archive, path, member, header)
        except SsbtomoError:
            raise
        except Exception as error:  # a damaged archive provokes errors of every kind
            raise FormatError(
                f"{path} is not a readable .npz file: {error}", hint="copy or save the file again"
            ) from error


READER = NumpyReader()


def _volume(source: MappedFile) -> Volume:
    notes = ("the values true and false were stored as 1 and 0 (uint8)",)
    return Volume(lazy_array(source), notes=notes if source.dtype == np.bool_ else ())


def _open_member(archive: zipfile.ZipFile, path: Path, member: str, header: Header) -> Volume:
    shape, fortran, dtype = header
    info = archive.getinfo(member)
    if info.compress_type == zipfile.ZIP_STORED:
        with path.open("rb") as file:
            file.seek(info.header_offset + 26)  # the lengths of the name and of the extra field
            lengths = np.frombuffer(file.read(4), dtype="<u2").astype(int)
            file.seek(info.header_offset + 30 + int(lengths.sum()))
            _header(file, str(path))
            source = _mapped(path, shape, dtype, fortran=fortran, offset=file.tell())
        return _volume(source)
    need = prod(shape) * dtype.itemsize
    if need > info.file_size or info.file_size > info.compress_size * _MOST:
        raise FormatError(
            f"{path}: {member} {shape} of {dtype} needs {need:,} bytes; {info.compress_size:,} "
            f"packed bytes are said to hold {info.file_size:,}",
            hint="the file is damaged; copy or save it again",
        )
    stamp = path.stat().st_mtime_ns
    packed = PackedMember(str(path.absolute()), member, shape, dtype.str, stamp)
    note = "the file is compressed as a whole: all of it is unpacked when any part is read"
    return Volume(lazy_array(packed, chunks=shape if len(shape) == 3 else None), notes=(note,))


def _mapped(
    path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], *, fortran: bool, offset: int
) -> MappedFile:
    source = MappedFile(str(path.absolute()), shape, dtype.str, offset, "F" if fortran else "C")
    if source.end > path.stat().st_size:
        raise FormatError(
            f"{path} is truncated: {source.end:,} bytes are needed, it has {path.stat().st_size:,}",
            hint="copy or save the file again",
        )
    return source


def _member(archive: zipfile.ZipFile, path: Path, wanted: str) -> tuple[str, Header]:
    """Choose a member: the one that was named, or the only one of three axes."""
    headers: dict[str, Header] = {}
    for name in archive.namelist():
        if name.endswith(".npy"):
            with archive.open(name) as file:
                headers[name] = _header(file, f"{path}: {name}", check=False)
    story = ", ".join(f"{name[:-4]} {h[0]} {h[2]}" for name, h in headers.items()) or "nothing"
    chosen = [n for n, h in headers.items() if (n[:-4] == wanted if wanted else len(h[0]) == 3)]
    if len(chosen) != 1:
        problem = (
            f"has no array {wanted!r}" if wanted else f"has {len(chosen)} arrays of three axes"
        )
        raise FormatError(f"{path} {problem}; it holds {story}", hint="choose one: dataset: NAME")
    check_type(headers[chosen[0]][2], f"{path}: {chosen[0]}")
    return chosen[0], headers[chosen[0]]


def _header(file: IO[bytes], where: str, *, check: bool = True) -> Header:
    """Read shape, order and type; the file then stands at the first voxel."""
    try:
        version = npy_format.read_magic(file)
        read = (
            npy_format.read_array_header_1_0
            if version == (1, 0)
            else npy_format.read_array_header_2_0
        )
        shape, fortran, dtype = read(file)
    except Exception as error:  # a damaged header is parsed as Python, and fails as that
        raise FormatError(f"{where} is not a NumPy file: {error}", hint="save it again") from error
    if any(n < 0 for n in shape):
        raise FormatError(f"{where}: the shape {shape} is none", hint="save it again")
    if check:
        check_type(dtype, where)
    return tuple(int(n) for n in shape), bool(fortran), dtype


@lru_cache(maxsize=1)
def _unpacked(source: PackedMember) -> NDArray[Any]:
    with zipfile.ZipFile(source.path) as archive:
        try:
            content = io.BytesIO(archive.read(source.member))
            return np.asarray(npy_format.read_array(content, allow_pickle=False))
        except Exception as error:  # as above
            raise FormatError(f"{source.path} is damaged: {error}", hint="copy it again") from error
