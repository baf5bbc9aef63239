"""Images that a log file counts: one prefix, running numbers, TIFF or PNG."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ssbtomo.errors import FormatError, InputDataError
from ssbtomo.io.numbering import natural_key
from ssbtomo.io.slice_folder import SliceFiles, slice_header

__all__ = ["numbered_images"]

_ENDINGS = {".tif", ".tiff", ".png"}


def numbered_images(folder: Path, prefix: str, where: Path) -> SliceFiles:
    """Collect the images of a scan that bear its prefix and a running number.

    Previews, reference images and other scans in the folder are left out.

    Parameters
    ----------
    folder : Path
        Where they lie.
    prefix : str
        Begin of their names.
    where : Path
        The file that told it, for messages.

    Returns
    -------
    SliceFiles
        The images in order.

    Raises
    ------
    InputDataError
        If there is none, or they differ in size or type.
    """
    pattern = re.compile(re.escape(prefix) + r"[_\-]?(?:rec)?(\d{1,9})", re.IGNORECASE)
    files = [
        file
        for file in (folder.iterdir() if folder.is_dir() else ())
        if file.suffix.lower() in _ENDINGS and pattern.fullmatch(file.stem) and file.is_file()
    ]
    if not files:
        raise InputDataError(
            f"{where}: {folder} holds no TIFF or PNG images named {prefix[:80]}0000 and on",
            hint="keep the images beside this file, under the names that they were given; convert "
            "BMP or JPEG images to TIFF",
        )
    files.sort(key=lambda file: natural_key(file.name))
    pages = [slice_header(file) for file in files]
    first = pages[0]
    for file, page in zip(files, pages, strict=True):
        if (page.height, page.width, page.dtype) != (first.height, first.width, first.dtype):
            raise FormatError(
                f"{file} has {page.height} x {page.width} pixels of {page.dtype}, {files[0].name} "
                f"{first.height} x {first.width} of {first.dtype}",
                hint="remove what does not belong to the scan",
            )
    if first.samples > 1:
        raise InputDataError(
            f"{files[0]} is a colour image ({first.samples} channels)",
            hint="export the scan as grey images",
        )
    kind = np.dtype(first.dtype).str
    names = tuple(file.name for file in files)
    return SliceFiles(str(folder.absolute()), (first.height, first.width), kind, names)
