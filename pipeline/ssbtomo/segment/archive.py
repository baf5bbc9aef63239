"""Files of our own: a zip of one JSON header and plain arrays, of which nothing is executed.

No pickle, no names of functions. What is allocated while a file is read is bounded by what its kind
may hold, whatever its entries say of themselves.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import FormatError, OutputError, SsbtomoError

__all__ = ["Archive"]

Arrays = dict[str, NDArray[Any]]
Types = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Archive:
    """A kind of file.

    Parameters
    ----------
    kind : str
        What its header says that it is.
    format : int
        The version of it that is written and read.
    header : str
        Name of the entry that holds the header.
    name : str
        What messages call such a file: ``model file``.
    again : str
        What to do about a file that cannot be read.
    largest : int
        Bytes that its entries may unpack to.
    packed : bool
        Whether entries are compressed; else they must not be.
    """

    kind: str
    format: int
    header: str
    name: str
    again: str
    largest: int
    packed: bool

    @property
    def _method(self) -> int:
        return zipfile.ZIP_DEFLATED if self.packed else zipfile.ZIP_STORED

    def write(self, path: Path, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Write a file in one go; the same content gives the same bytes.

        Parameters
        ----------
        path : pathlib.Path
            The file.
        header : mapping
            Plain JSON values; kind and format go before them.
        arrays : mapping of str to ndarray
            Their types are kept.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        content = {"kind": self.kind, "format": self.format, **header}
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        draft = path.with_name(f".{path.name}.tmp")
        try:
            with zipfile.ZipFile(draft, "w") as archive:
                archive.writestr(self._entry(self.header), text.encode())
                for name, array in arrays.items():
                    buffer = io.BytesIO()
                    np.lib.format.write_array(buffer, array, version=(1, 0), allow_pickle=False)
                    archive.writestr(self._entry(f"{name}.npy"), buffer.getvalue())
            draft.replace(path)
        except OSError as error:
            raise OutputError(
                f"the {self.name} cannot be written to {path}: {error.strerror or error}",
                hint="choose a folder that you may write to",
            ) from error

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name)  # with a fixed date
        entry.compress_type = self._method
        return entry

    def read(
        self, path: Path, types: Callable[[dict[str, Any]], Types]
    ) -> tuple[dict[str, Any], Arrays]:
        """Read header and arrays of a file.

        Parameters
        ----------
        path : pathlib.Path
            The file.
        types : callable
            Given the header, tells the types of the arrays by name, as ``"<i4"``; what it raises
            is said to be a flaw of the file.

        Returns
        -------
        header : dict
            As it was written, with kind and format.
        arrays : dict of str to ndarray
            Of these types; shapes and content are not checked.

        Raises
        ------
        FormatError
            If it is no such file, is damaged, or of another version.
        """
        try:
            with path.open("rb") as file, self.checked(path), zipfile.ZipFile(file) as archive:
                return self._unpacked(path, archive, types)
        except OSError as error:
            raise FormatError(
                f"there is no {self.name} {path}, or it cannot be read: {error.strerror or error}",
                hint="check the path; those in a recipe start from its folder",
            ) from None

    def refuse(self, path: Path, why: str) -> NoReturn:
        """Say that a file is not what it should be.

        Parameters
        ----------
        path : pathlib.Path
            The file.
        why : str
            What is wrong with it.

        Raises
        ------
        FormatError
            Always.
        """
        raise FormatError(
            f"{path} is no {self.name}, or a damaged one: {why[:300]}", hint=self.again
        ) from None

    @contextmanager
    def checked(self, path: Path) -> Iterator[None]:
        """Say of whatever fails while content is made sense of that it is a flaw of the file.

        Parameters
        ----------
        path : pathlib.Path
            The file.

        Yields
        ------
        None
            While the content is looked at.

        Raises
        ------
        FormatError
            If it makes no sense.
        """
        try:
            yield
        except FormatError:
            raise
        except (
            SsbtomoError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
            RuntimeError, EOFError, MemoryError, SyntaxError, zipfile.BadZipFile, zlib.error,
            struct.error,
        ) as error:  # fmt: skip
            self.refuse(path, f"{type(error).__name__}: {error}")

    def _unpacked(
        self, path: Path, archive: zipfile.ZipFile, types: Callable[[dict[str, Any]], Types]
    ) -> tuple[dict[str, Any], Arrays]:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > self.largest:
            raise ValueError("it unpacks to more than such a file can hold")
        if not self.packed and any(info.compress_type != self._method for info in infos):
            raise ValueError("its entries are not stored plainly")
        header = self._read_header(path, archive)
        wanted = types(header)
        found = sorted(info.filename for info in infos)
        if found != sorted([self.header, *(f"{name}.npy" for name in wanted)]):
            raise ValueError(f"its entries are {', '.join(found)[:200]}")
        return header, {
            name: _array(archive.read(f"{name}.npy"), name, kind) for name, kind in wanted.items()
        }

    def _read_header(self, path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
        if self.header not in archive.namelist():
            raise ValueError(f"it has no {self.header}")
        header = json.loads(archive.read(self.header).decode("utf-8"))
        if not isinstance(header, dict) or header.get("kind") != self.kind:
            raise ValueError(f"{self.header} does not say that it is one")
        if header.get("format") != self.format:
            raise FormatError(
                f"{path} has the format {str(header.get('format'))[:20]!r}, this version reads "
                f"{self.format}",
                hint=f"{self.again} with this version, or use the one that made it",
            )
        return header


def _array(data: bytes, name: str, kind: str) -> NDArray[Any]:
    """Return an array over the bytes of its entry: nothing is allocated by what the entry says."""
    stream = io.BytesIO(data)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name} is in an unknown version of the array format")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=1000)
    count = 1
    for edge in shape:
        count *= int(edge)
    here = len(data) - stream.tell()
    if fortran or dtype.str != kind or count < 0 or count * dtype.itemsize != here:
        raise ValueError(f"{name}: {dtype.str} array of shape {shape} in {here} bytes")
    return np.frombuffer(data, dtype, offset=stream.tell()).reshape(shape).copy()
