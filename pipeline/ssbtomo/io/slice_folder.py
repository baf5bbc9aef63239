"""A folder of slices, one TIFF or PNG file each, in their natural order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ssbtomo.errors import AxisError, FormatError, InputDataError
from ssbtomo.io.lazy import SliceStack, lazy_array
from ssbtomo.io.numbering import gaps, natural_key, slice_numbers
from ssbtomo.io.png_header import read_png_header
from ssbtomo.io.sem_metadata import common_metadata
from ssbtomo.io.slice_thickness import with_metadata
from ssbtomo.io.tiff_pages import Page, check_complete
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["READER", "FolderReader", "SliceFiles", "read_slice", "slice_files", "slice_header"]

_TIFF, _PNG = {".tif", ".tiff"}, {".png"}
_OTHER_IMAGES = {".jpg", ".jpeg", ".bmp", ".gif", ".dcm", ".jp2"}


@dataclass(frozen=True, slots=True)
class SliceFiles(SliceStack):
    """Slices in files of their own as a volume; a file is read when a box needs it.

    Parameters
    ----------
    path : str
        The folder.
    plane : tuple of int
        Pixels along (Y, X).
    stored : str
        Type of a pixel.
    names : tuple of str
        File of each slice.
    """

    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of slices."""
        return len(self.names)

    def read(self, number: int) -> NDArray[Any]:
        """Read the file of a slice."""
        return read_slice(Path(self.path) / self.names[number]).astype(self.dtype, copy=False)


@dataclass(frozen=True, slots=True)
class FolderReader:
    """Opens folders of slices; their pixel size from the microscope's metadata, if there are any."""

    name: ClassVar[str] = "folder of TIFF or PNG slices"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is a folder.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for every folder that an earlier reader did not take.
        """
        return path.is_dir()

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open the slices of a folder.

        Parameters
        ----------
        path : Path
            The folder.
        dataset : str or None
            Not used: a folder holds one volume.

        Returns
        -------
        Volume
            Lazy voxels.
        """
        files = slice_files(path)
        first = slice_header(files[0])
        for file in files:
            _check_slice(file, slice_header(file), files[0], first)
        if len(files) == 1:
            raise AxisError(
                f"{path} holds one 2-D image, {files[0].name}, not a volume",
                hint="put all slices into the folder; open a multi-page TIFF by its own name",
            )
        kind = np.dtype(first.dtype).str
        names = tuple(file.name for file in files)
        source = SliceFiles(str(path.absolute()), (first.height, first.width), kind, names)
        volume = Volume(lazy_array(source), notes=tuple(_gap_notes(names)))
        return with_metadata(volume, common_metadata(files), path)


READER = FolderReader()


def slice_files(path: Path) -> list[Path]:
    """List the slices of a folder in their natural order.

    Parameters
    ----------
    path : Path
        The folder.

    Returns
    -------
    list of Path
        All TIFF files, or all PNG files.

    Raises
    ------
    InputDataError
        If there is no slice.
    FormatError
        If there are images of several formats.
    """
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    files = [e for e in entries if e.is_file() and e.suffix.lower() in _TIFF | _PNG | _OTHER_IMAGES]
    if not files:
        folders = sorted(entry.name for entry in entries if entry.is_dir())
        what = f"it holds {len(entries)} other entries" if entries else "it is empty"
        raise InputDataError(
            f"{path} holds no TIFF or PNG slices: {what}",
            hint=f"open a folder inside it: {', '.join(folders[:5])}"
            if folders
            else "give the folder that holds the slices",
        )
    kinds = Counter(
        "TIFF" if e.suffix.lower() in _TIFF else e.suffix.lower()[1:].upper() for e in files
    )
    if len(kinds) > 1 or not kinds.keys() <= {"TIFF", "PNG"}:
        story = " and ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        raise FormatError(
            f"{path} holds {story} files; a stack has one format, TIFF or PNG",
            hint="move what does not belong to the stack elsewhere, or convert it",
        )
    return sorted(files, key=lambda file: natural_key(file.name))


def slice_header(file: Path) -> Page:
    """Read size and type of a slice without its pixels.

    Parameters
    ----------
    file : Path
        A TIFF or PNG file.

    Returns
    -------
    Page
        What its header tells.

    Raises
    ------
    FormatError
        If it is damaged or cut off.
    AxisError
        If it has several pages.
    """
    if file.suffix.lower() in _PNG:
        return read_png_header(file)
    pages = [page for page in check_complete(file) if not page.reduced]
    if len(pages) != 1:
        raise AxisError(
            f"{file} has {len(pages)} pages; a slice in a folder has one",
            hint=f"open the file by its own name: {file}",
        )
    return pages[0]


def read_slice(file: Path) -> NDArray[Any]:
    """Read the pixels of a slice.

    Parameters
    ----------
    file : Path
        A TIFF or PNG file.

    Returns
    -------
    ndarray, shape (Y, X)
        The pixels.

    Raises
    ------
    InputDataError
        If they cannot be decoded.
    """
    import imagecodecs
    import tifffile

    try:
        if file.suffix.lower() in _PNG:
            return np.asarray(imagecodecs.png_decode(file.read_bytes()))
        return np.asarray(tifffile.imread(file, key=0))
    except Exception as error:  # the decoders raise whatever they like
        raise InputDataError(
            f"{file} cannot be decoded: {error}", hint="copy or export this slice again"
        ) from error


def _check_slice(file: Path, page: Page, model_file: Path, model: Page) -> None:
    if page.samples > 1:
        raise InputDataError(
            f"{file} is a colour image ({page.samples} channels)",
            hint="convert the slices to one grey channel first (ImageJ: Image > Type > 8-bit)",
        )
    if (page.height, page.width, page.dtype) != (model.height, model.width, model.dtype):
        raise InputDataError(
            f"the slices are ragged: {file.name} has {page.height} x {page.width} pixels of "
            f"{page.dtype}, {model_file.name} has {model.height} x {model.width} of {model.dtype}",
            hint="remove what does not belong to the stack, or export all slices alike",
        )


def _gap_notes(names: tuple[str, ...]) -> list[str]:
    numbers = slice_numbers(names)
    if numbers is None:
        return ["the file names are not numbered alike, so gaps cannot be found"]
    missing, repeated = gaps(numbers)
    notes = []
    if missing:
        some = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        notes.append(f"{len(missing)} slice numbers are missing: {some}")
    if repeated:
        some = ", ".join(map(str, repeated[:5])) + (", ..." if len(repeated) > 5 else "")
        notes.append(f"{len(repeated)} slice numbers occur more than once: {some}")
    return notes
