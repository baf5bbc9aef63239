"""Compound files (OLE), the container of Zeiss/Xradia scans: named streams of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import FormatError, InputDataError
from ssbtomo.io.handles import Handles

if TYPE_CHECKING:
    from pathlib import Path

    import olefile
    from numpy.typing import NDArray

__all__ = ["OLE_MAGIC", "Streams", "open_streams"]

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST_SECTOR = 0xFFFFFFFA  # larger numbers in the allocation table are marks, not sectors
_LONGEST = 2**24  # bytes of a stream of metadata; images are read one by one


class Streams:
    """The streams of an open compound file.

    Parameters
    ----------
    ole : olefile.OleFileIO
        The open file.
    path : str
        Its path, for messages.
    """

    def __init__(self, ole: olefile.OleFileIO, path: str) -> None:
        self._ole = ole
        self.path = path

    def size(self, name: str) -> int:
        """Return the bytes of a stream.

        Parameters
        ----------
        name : str
            Path of the stream: "ImageInfo/Angles".

        Returns
        -------
        int
            Its length; 0 if there is no such stream.
        """
        try:
            return int(self._ole.get_size(name)) if self._ole.exists(name) else 0
        except Exception as error:  # the library raises whatever a damaged directory provokes
            raise self._damaged(name, error) from error

    def read(self, name: str) -> bytes:
        """Read a stream as a whole.

        Parameters
        ----------
        name : str
            Path of the stream.

        Returns
        -------
        bytes
            Its content.

        Raises
        ------
        InputDataError
            If it cannot be read: the file is damaged or cut off.
        """
        try:
            content: bytes = self._ole.openstream(name).read()
        except Exception as error:  # as above
            raise self._damaged(name, error) from error
        return content

    def numbers(self, name: str, kind: str) -> NDArray[Any]:
        """Read a stream of numbers.

        Parameters
        ----------
        name : str
            Path of the stream.
        kind : str
            Type of a number: "<f4", "<i4".

        Returns
        -------
        ndarray
            All whole numbers in it; empty if there is no such stream.
        """
        size = self.size(name)
        if size == 0:
            return np.empty(0, dtype=kind)
        if size > _LONGEST:
            raise FormatError(
                f"{self.path}: the metadata {name} claim {size:,} bytes",
                hint="the file is damaged; copy or export it again",
            )
        content = self.read(name)
        whole = len(content) // np.dtype(kind).itemsize * np.dtype(kind).itemsize
        return np.frombuffer(content[:whole], dtype=kind)

    def close(self) -> None:
        """Close the file."""
        self._ole.close()

    def _damaged(self, name: str, error: Exception) -> InputDataError:
        return InputDataError(
            f"{self.path}: {name} cannot be read: {error}",
            hint="the file is damaged or cut off; copy or export it again",
        )


def open_streams(path: Path) -> Streams:
    """Open a compound file and check that its table leads nowhere outside of it.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Streams
        Close it after use.

    Raises
    ------
    FormatError
        If it is no compound file, or is cut off.
    """
    import olefile

    with path.open("rb") as file:
        if file.read(8) != OLE_MAGIC:
            raise FormatError(
                f"{path} is not a Zeiss/Xradia scan: it does not start like a compound file",
                hint="check how it was made; an incomplete copy may be empty at the start",
            )
    try:
        ole = olefile.OleFileIO(str(path))
    except Exception as error:  # as above
        raise FormatError(
            f"{path} is not a readable compound file: {error}",
            hint="the file is damaged or cut off; copy or export it again",
        ) from error
    table = np.array(ole.fat, dtype=np.uint32)
    regular = table[table < _LAST_SECTOR]
    held = -(-path.stat().st_size // max(int(ole.sectorsize), 1)) - 1  # the first is the header
    if regular.size and int(regular.max()) >= held:
        ole.close()
        raise FormatError(
            f"{path} is truncated: its table names sector {int(regular.max()):,}, the file has "
            f"{held:,}",
            hint="copy or export the file again",
        )
    return Streams(ole, str(path))


def _open(path: str) -> Streams:
    from pathlib import Path

    return open_streams(Path(path))


opened = Handles(_open)
