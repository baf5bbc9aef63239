"""TIFF, BigTIFF, ImageJ TIFF and OME-TIFF with many pages."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ssbtomo.errors import AxisError, FormatError, InputDataError, SsbtomoError
from ssbtomo.io.handles import Handles
from ssbtomo.io.lazy import MappedFile, SliceStack, check_type, lazy_array
from ssbtomo.io.selection import Selection, pick_axes, read_selection
from ssbtomo.io.sem_metadata import sem_metadata
from ssbtomo.io.slice_thickness import with_metadata
from ssbtomo.io.tiff_pages import Page, check_complete, is_tiff
from ssbtomo.io.tiff_spacing import spacing_of
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray

__all__ = ["READER", "TiffReader", "TiffStack"]

_ENDINGS = {".tif", ".tiff", ".btf", ".tf8", ".tf2"}
_OTHER_NAMES = "QIRT"  # what programs call the third axis


@dataclass(frozen=True, slots=True)
class TiffStack(SliceStack):
    """Pages of a TIFF file as a volume; a page is decoded when a box needs it.

    Parameters
    ----------
    path : str
        The file.
    plane : tuple of int
        Pixels along (Y, X).
    stored : str
        Type of a pixel.
    series : int
        Which of its images.
    pages : tuple of int
        The page of each slice, as numbers within the image.
    """

    series: int
    pages: tuple[int, ...]

    @property
    def count(self) -> int:
        """Number of slices."""
        return len(self.pages)

    def read(self, number: int) -> NDArray[Any]:
        """Decode the page of a slice."""
        which = self.pages[number]
        tif, lock = _files.get(self.path)
        with lock:
            page = tif.series[self.series].pages[which]
        if page is None:
            raise InputDataError(
                f"{self.path}: page {which + 1} lies in another file, which is missing",
                hint="keep all files of a multi-file OME-TIFF in one folder",
            )
        try:
            values = page.asarray(lock=lock, maxworkers=1)
        except Exception as error:  # the decoders raise whatever they like
            raise InputDataError(
                f"{self.path}: page {which + 1} cannot be decoded: {error}",
                hint="the file is damaged; copy or export it again",
            ) from error
        if values.size != prod(self.plane):
            raise InputDataError(
                f"{self.path}: page {which + 1} holds {values.size} voxels, not {self.plane}",
                hint="the file is damaged; copy or export it again",
            )
        return np.asarray(values, dtype=self.dtype).reshape(self.plane)


@dataclass(frozen=True, slots=True)
class TiffReader:
    """Opens TIFF files; their voxel size if ImageJ or OME metadata tell it."""

    name: ClassVar[str] = "TIFF, BigTIFF, OME-TIFF, ImageJ TIFF"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is a TIFF file, or is named like one.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for the ending or the first bytes of TIFF.
        """
        return path.is_file() and (path.suffix.lower() in _ENDINGS or is_tiff(path))

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open a TIFF file of many pages.

        Parameters
        ----------
        path : Path
            The file.
        dataset : str or None
            ``"c=0"``, ``"t=0"``, ``"series=1"`` where the file holds more than a volume;
            ``"z=c"`` where it calls its slices channels.

        Returns
        -------
        Volume
            Lazy voxels.
        """
        import tifffile

        pages = check_complete(path)
        choice = read_selection(dataset)
        try:
            with tifffile.TiffFile(path) as tif:
                series = _series(tif, pages, choice, path)
                return _volume(tif, series, choice, path)
        except SsbtomoError:
            raise
        except Exception as error:  # a damaged directory provokes errors of every kind
            raise FormatError(
                f"{path} is not a readable TIFF file: {error}", hint="copy or export it again"
            ) from error


READER = TiffReader()


def _series(tif: tifffile.TiffFile, pages: list[Page], choice: Selection, path: Path) -> int:
    """Choose one image of the file; a stack that changes its shape on the way is none."""
    count = len(tif.series)
    if choice.series is not None:
        if choice.series >= count:
            raise FormatError(
                f"{path} holds {count} image series, so there is no series={choice.series}",
                hint="count from 0",
            )
        return choice.series
    if count == 1:
        return 0
    kinds = [(page.height, page.width, page.dtype) for page in pages if not page.reduced]
    story = "; ".join(f"series={i}: {s.axes} {s.shape} {s.dtype}" for i, s in enumerate(tif.series))
    if tif.is_ome or len(set(kinds)) == 1:
        raise FormatError(f"{path} holds {count} images: {story}", hint="choose: dataset: series=0")
    odd = next(i for i, kind in enumerate(kinds) if kind != kinds[0])
    raise InputDataError(
        f"{path} is ragged: page {odd + 1} has {kinds[odd][0]} x {kinds[odd][1]} pixels of "
        f"{kinds[odd][2]}, page 1 has {kinds[0][0]} x {kinds[0][1]} of {kinds[0][2]}",
        hint=f"export the stack again; or choose a part of it: dataset: series=0 ({story})",
    )


def _volume(tif: tifffile.TiffFile, number: int, choice: Selection, path: Path) -> Volume:
    series = tif.series[number]
    notes = []
    axes = _axes(series, choice.depth, path)
    if series.axes != axes.upper() and "T" in series.axes:
        notes.append("the third axis is labelled time in the file; it is taken as z")
    window = pick_axes(axes, series.shape, choice.index, str(path))
    source = _mapped(series, axes, window, path) or _paged(series, number, axes, window, path)
    if source.dtype == np.bool_:
        notes.append("1-bit pixels were widened to 0 and 1 (uint8)")
    if int(tif.pages.first.photometric) == 0:
        notes.append("the file declares that white is zero; its values are kept as stored")
    spacing, note = spacing_of(tif, number)
    volume = Volume(
        lazy_array(source),
        spacing=spacing,
        spacing_origin="tag" if spacing else "unknown",
        notes=(*notes, note) if note else tuple(notes),
    )
    return volume if spacing else with_metadata(volume, sem_metadata(path), path.parent)


def _axes(series: tifffile.TiffPageSeries, depth: str, path: Path) -> str:
    """Return the axes with one letter each, z among them; refuse colour and single images."""
    axes, shape = series.axes, series.shape
    check_type(series.dtype, str(path))
    if "S" in axes:
        raise InputDataError(
            f"{path} holds colour images ({axes} {shape})",
            hint="convert them to one grey channel first (ImageJ: Image > Type > 16-bit)",
        )
    sizes = [f"{axis}: {size}" for axis, size in zip(axes, shape, strict=True)]
    if sum(size > 1 for axis, size in zip(axes, shape, strict=True) if axis not in "YX") == 0:
        raise AxisError(
            f"{path} holds one 2-D image ({', '.join(sizes)}), not a volume",
            hint="open the folder that holds all slices, or the multi-page file",
        )
    if "Z" not in axes:
        other = [axis for axis in axes if axis == depth.upper()]
        other = other or [axis for axis in axes if axis in _OTHER_NAMES]
        if len(other) == 1:
            axes = axes.replace(other[0], "Z")
        elif len(axes) == 3:
            raise AxisError(
                f"{path}: its third axis is not depth ({', '.join(sizes)})",
                hint=f"if it is, say so: dataset: z={axes[0].lower()}",
            )
    return str(axes).lower()


def _mapped(
    series: tifffile.TiffPageSeries, axes: str, window: tuple[int | slice, ...], path: Path
) -> MappedFile | None:
    """Map an uncompressed, unbroken image into memory, if it is one."""
    if series.dataoffset is None or axes != "zyx":
        return None
    order = series.keyframe.parent.byteorder
    stored = np.dtype(series.dtype).newbyteorder(order).str
    source = MappedFile(str(path.absolute()), tuple(series.shape), stored, series.dataoffset)
    if source.end > path.stat().st_size:
        raise FormatError(
            f"{path} is truncated: {source.end:,} bytes are needed, it has {path.stat().st_size:,}",
            hint="copy or export the file again",
        )
    return source


def _paged(
    series: tifffile.TiffPageSeries,
    number: int,
    axes: str,
    window: tuple[int | slice, ...],
    path: Path,
) -> TiffStack:
    if not axes.endswith("yx") or "z" not in axes:
        raise AxisError(
            f"{path}: the axes {axes.upper()} do not end in Y, X with Z before them",
            hint="save the volume as (Z, Y, X)",
        )
    outer = series.shape[:-2]
    if len(series.pages) != int(np.prod(outer)):
        raise FormatError(
            f"{path}: {len(series.pages)} pages do not make the declared shape {series.shape}",
            hint="some pages are missing or volumetric; export the stack again, one slice per page",
        )
    pages = np.arange(len(series.pages)).reshape(outer)[window[:-2]]
    plane = (int(series.shape[-2]), int(series.shape[-1]))
    kind = np.dtype(series.dtype).newbyteorder("=").str
    return TiffStack(str(path.absolute()), plane, kind, number, tuple(pages.ravel().tolist()))


def _open(path: str) -> tifffile.TiffFile:
    import tifffile

    return tifffile.TiffFile(path)


_files = Handles(_open)  # finding a page walks through the file
