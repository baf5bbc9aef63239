"""What the first and last bytes of a PNG file tell about it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ssbtomo.errors import FormatError
from ssbtomo.io.tiff_pages import Page

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_png_header"]

_MOST = 1100  # bytes that a packed byte can become: deflate's bound is 1,040
_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # colour type: grey, RGB, palette, grey + alpha, RGBA


def read_png_header(path: Path) -> Page:
    """Read the size and type of a PNG image.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Page
        Palette images count as colour.

    Raises
    ------
    FormatError
        If it is no PNG file, or is cut off.
    """
    with path.open("rb") as file:
        head = file.read(26)
        file.seek(0, 2)
        size = file.tell()
        file.seek(max(size - 12, 0))
        tail = file.read(12)
    if len(head) < 26 or head[:8] != b"\x89PNG\r\n\x1a\n":
        raise FormatError(f"{path} is not a PNG file", hint="check how it was made")
    if b"IEND" not in tail:
        raise FormatError(f"{path} is truncated", hint="copy or export the file again")
    width, height, bits, color = struct.unpack(">IIBB", head[16:26])
    samples = _SAMPLES.get(color, 3)
    if width * height * samples * bits // 8 > size * _MOST:
        raise FormatError(
            f"{path}: {height:,} x {width:,} pixels cannot be packed into {size:,} bytes",
            hint="its header is damaged; copy or export the file again",
        )
    return Page(height, width, "uint16" if bits == 16 else "uint8", samples, end=size)
