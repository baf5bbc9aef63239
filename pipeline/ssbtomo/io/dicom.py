"""DICOM series: a folder of slices, sorted by where they lie; or one file of many frames."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ssbtomo.errors import AxisError, FormatError, InputDataError
from ssbtomo.io.headers import number, spacing_with_unit
from ssbtomo.io.lazy import SliceStack, lazy_array
from ssbtomo.io.numbering import natural_key
from ssbtomo.io.selection import read_selection
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ssbtomo.units import Spacing

__all__ = ["READER", "DicomReader", "DicomSlices"]

_UNEVEN = 0.01  # of the distance of slices: more than that is said
_MOST_PIXELS = 2**31
_MOST = 1100  # bytes that a packed byte can become


@dataclass(frozen=True, slots=True)
class DicomSlices(SliceStack):
    """Slices in DICOM files as a volume; a file is decoded when a box needs it.

    Parameters
    ----------
    path : str
        The folder.
    plane : tuple of int
        Pixels along (Y, X).
    stored : str
        Type of a pixel, after its rescaling.
    names : tuple of str
        File of each slice.
    scales : tuple of (float, float)
        Slope and intercept of each slice.
    frames : int
        Frames of the only file; 0 if every slice is a file.
    """

    names: tuple[str, ...]
    scales: tuple[tuple[float, float], ...]
    frames: int = 0

    @property
    def count(self) -> int:
        """Number of slices."""
        return self.frames or len(self.names)

    def read(self, number: int) -> NDArray[Any]:
        """Decode a slice."""
        file = Path(self.path) / self.names[0 if self.frames else number]
        slope, intercept = self.scales[0 if self.frames else number]
        try:
            with _Bounded(file) as content:
                if self.frames:
                    pixels = _pydicom().pixels.pixel_array(content, index=number)
                else:
                    pixels = _pydicom().dcmread(content).pixel_array
        except Exception as error:  # the decoders raise whatever they like
            raise InputDataError(
                f"{file} cannot be decoded: {error}",
                hint="the file is damaged, or packed by a codec that is not installed "
                "(pip install pylibjpeg pylibjpeg-libjpeg)",
            ) from error
        values = np.asarray(pixels).reshape(self.plane)
        if (slope, intercept) != (1.0, 0.0):
            values = values * slope + intercept
        return values.astype(self.dtype, copy=False)


class _Bounded(io.BufferedReader):
    """A file of which no more is asked than it has: damaged lengths would be allocated at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._end = path.stat().st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most what is left."""
        left = max(self._end - self.tell(), 0)
        return super().read(left if size is None or not 0 <= size <= left else size)


@dataclass(frozen=True, slots=True)
class DicomReader:
    """Opens DICOM series; lengths are millimetres by the standard."""

    name: ClassVar[str] = "DICOM series"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is a DICOM file, or a folder of them.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for DICM at byte 128, or the ending ``.dcm``.
        """
        if path.is_file():
            return _is_dicom(path)
        return path.is_dir() and any(_is_dicom(file) for file in _candidates(path)[:3])

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open a DICOM series.

        Parameters
        ----------
        path : Path
            The folder of the slices, or a file of many frames.
        dataset : str or None
            ``"series=1"`` where the folder holds several.

        Returns
        -------
        Volume
            Lazy voxels: rescaled values, sorted along the normal of the slices.
        """
        if path.is_file():
            return _frames(path)
        heads = [(file, _head(file)) for file in _candidates(path) if _is_dicom(file)]
        chosen = _series(path, heads, read_selection(dataset).series)
        return _volume(path, chosen)


READER = DicomReader()


def _pydicom() -> Any:
    try:
        import pydicom
        import pydicom.pixels
    except ImportError as error:
        raise FormatError(
            "DICOM files need the package pydicom, which is not installed",
            hint="pip install 'ssbtomo[io]'",
        ) from error
    return pydicom


def _candidates(folder: Path) -> list[Path]:
    files = [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in ("", ".dcm", ".dicom", ".ima") and file.name != "DICOMDIR"
    ]
    return sorted(
        (f for f in files if f.is_file() and not f.name.startswith(".")),
        key=lambda file: natural_key(file.name),
    )


def _is_dicom(file: Path) -> bool:
    if file.suffix.lower() in (".dcm", ".dicom", ".ima"):
        return True
    with file.open("rb") as opened:
        return opened.read(132)[128:] == b"DICM"


def _head(file: Path) -> Any:
    pydicom = _pydicom()
    try:
        with _Bounded(file) as content:
            head = pydicom.dcmread(content, stop_before_pixels=True)
        size = int(head.Rows), int(head.Columns)
    except Exception as error:  # damaged files provoke anything
        raise FormatError(
            f"{file} is not a readable DICOM image: {type(error).__name__}: {error}",
            hint="copy or export it again",
        ) from error
    if min(size) < 1 or size[0] * size[1] > _MOST_PIXELS:
        raise FormatError(
            f"{file}: an image of {size[0]} x {size[1]} pixels", hint="the file is damaged"
        )
    head.filename = str(file)
    if _whole(head, "SamplesPerPixel", 1) != 1:
        raise InputDataError(f"{file} is a colour image", hint="export grey images")
    _check_length(file, head, size)
    return head


def _check_length(file: Path, head: Any, size: tuple[int, int]) -> None:
    """Refuse an image that is longer than its file, unpacked if need be."""
    syntax = getattr(getattr(head, "file_meta", None), "TransferSyntaxUID", None)
    try:
        most = _MOST if syntax is not None and syntax.is_compressed else 1
    except ValueError as error:
        raise FormatError(
            f"{file}: its transfer syntax {str(syntax)[:64]!r} is none",
            hint="copy or export it again",
        ) from error
    frames = max(_whole(head, "NumberOfFrames", 1), 1)
    need = size[0] * size[1] * frames * max(_whole(head, "BitsAllocated", 8) // 8, 1)
    if need > file.stat().st_size * most:
        raise FormatError(
            f"{file} is truncated: its pixels need {need:,} bytes, it has {file.stat().st_size:,}",
            hint="copy or export it again",
        )


def _whole(head: Any, key: str, otherwise: int) -> int:
    try:
        return int(_told(head, key, otherwise))
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"{head.filename}: {key} is no whole number", hint="the file is damaged; copy it again"
        ) from error


def _told(head: Any, key: str, otherwise: Any) -> Any:
    """Return a value of a header; damaged ones raise when they are first looked at."""
    try:
        value = head.get(key)
    except Exception as error:  # as above
        raise FormatError(
            f"{getattr(head, 'filename', 'the file')}: {key} cannot be read: {error}",
            hint="the file is damaged; copy or export it again",
        ) from error
    return otherwise if value is None or value == "" else value


def _series(
    path: Path, heads: list[tuple[Path, Any]], wanted: int | None
) -> list[tuple[Path, Any]]:
    groups: dict[str, list[tuple[Path, Any]]] = {}
    for file, head in heads:
        groups.setdefault(str(_told(head, "SeriesInstanceUID", "")), []).append((file, head))
    if wanted is None and len(groups) > 1:
        sizes = ", ".join(
            f"series={i}: {len(group)} files" for i, group in enumerate(groups.values())
        )
        raise FormatError(
            f"{path} holds {len(groups)} DICOM series: {sizes}", hint="choose: dataset: series=0"
        )
    if (wanted or 0) >= len(groups):
        raise FormatError(f"{path} holds {len(groups)} DICOM series", hint="count from 0")
    return list(groups.values())[wanted or 0]


def _volume(path: Path, found: list[tuple[Path, Any]]) -> Volume:
    if len(found) < 2:
        raise AxisError(
            f"{path} holds one DICOM image, not a volume",
            hint="open the folder that holds all slices",
        )
    first = found[0][1]
    plane = int(first.Rows), int(first.Columns)
    for file, head in found:
        if (int(head.Rows), int(head.Columns)) != plane:
            raise InputDataError(
                f"the slices are ragged: {file.name} has {head.Rows} x {head.Columns} pixels, "
                f"{found[0][0].name} has {plane[0]} x {plane[1]}",
                hint="remove what does not belong to the series",
            )
    places = [_place(head) for _, head in found]
    notes: list[str] = []
    dz = None
    if all(place is not None for place in places):
        order = np.argsort([float(place or 0.0) for place in places], kind="stable")
        found = [found[i] for i in order]
        dz, note = _distance(np.sort(np.array(places, dtype=float)))
        notes += [note] if note else []
    else:
        notes.append("the slices tell no position: they are in the order of their names")
    scales = tuple(_scale(head) for _, head in found)
    kind = _kind(first, scales)
    names = tuple(file.name for file, _ in found)
    source = DicomSlices(str(path.absolute()), plane, kind, names, scales)
    spacing, why = _spacing(first, dz)
    return Volume(
        lazy_array(source),
        spacing=spacing,
        spacing_origin="tag" if spacing else "unknown",
        modality="xct" if str(_told(first, "Modality", "")) == "CT" else "",
        notes=(*notes, why) if why else tuple(notes),
    )


def _frames(path: Path) -> Volume:
    head = _head(path)
    count = _whole(head, "NumberOfFrames", 1)
    if count < 2:
        raise AxisError(
            f"{path} holds one DICOM image, not a volume",
            hint="open the folder that holds all slices",
        )
    scale = _scale(head)
    plane = int(head.Rows), int(head.Columns)
    place, kind = str(path.absolute().parent), _kind(head, (scale,))
    source = DicomSlices(place, plane, kind, (path.name,), (scale,), count)
    dz = number(str(_told(head, "SpacingBetweenSlices", "")))
    spacing, why = _spacing(head, None if dz is None else abs(dz))
    return Volume(
        lazy_array(source),
        spacing=spacing,
        spacing_origin="tag" if spacing else "unknown",
        notes=(why,) if why else (),
    )


def _place(head: Any) -> float | None:
    """Return where a slice lies along the normal of its rows and columns, in mm."""
    position = _numbers(head, "ImagePositionPatient", 3)
    turned = _numbers(head, "ImageOrientationPatient", 6)
    if position is None:
        return None
    normal = np.array((0.0, 0.0, 1.0)) if turned is None else np.cross(turned[:3], turned[3:])
    return float(position @ normal)


def _numbers(head: Any, key: str, count: int) -> NDArray[np.float64] | None:
    value = _told(head, key, None)
    try:
        found = np.array(value, dtype=float)
    except (TypeError, ValueError):
        return None
    return found if found.shape == (count,) and np.isfinite(found).all() else None


def _distance(places: NDArray[np.float64]) -> tuple[float | None, str]:
    steps = np.diff(places)
    middle = float(np.median(steps))
    if not middle > 0 or steps.min() <= 0.01 * middle:
        return None, "slices lie at one place, so their distance is unknown"
    if np.abs(steps - middle).max() > _UNEVEN * middle:
        worst = int(np.abs(steps - middle).argmax())
        return middle, (
            f"the slices are not evenly spaced: {steps[worst]:.6g} mm after slice {worst}, "
            f"{middle:.6g} mm mostly; a slice may be missing"
        )
    return float(steps.mean()), ""


def _scale(head: Any) -> tuple[float, float]:
    try:
        slope, shift = (
            float(_told(head, key, otherwise))
            for key, otherwise in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
        )
    except (TypeError, ValueError) as error:
        raise FormatError(
            f"{head.filename}: its rescaling is no pair of numbers", hint="the file is damaged"
        ) from error
    if not (np.isfinite(slope) and np.isfinite(shift)):
        raise FormatError(
            f"{head.filename}: it is rescaled by {slope} and {shift}", hint="the file is damaged"
        )
    return slope, shift


def _kind(head: Any, scales: tuple[tuple[float, float], ...]) -> str:
    """Return the type after rescaling: integers stay integers where they fit."""
    bits = _whole(head, "BitsAllocated", 16)
    signed = _whole(head, "PixelRepresentation", 0) == 1
    if bits not in (8, 16, 32):
        raise InputDataError(
            f"{head.filename}: {bits} bits per pixel are not read", hint="export 8 or 16 bits"
        )
    if all(scale == (1.0, 0.0) for scale in scales):
        return f"{'i' if signed else 'u'}{bits // 8}"
    if all(slope == 1.0 and shift == int(shift) for slope, shift in scales) and bits <= 16:
        return "i4"
    return "f4"


def _spacing(head: Any, dz: float | None) -> tuple[Spacing | None, str]:
    pixel = _numbers(head, "PixelSpacing", 2)
    if pixel is None or min(pixel) <= 0:
        return None, "the headers give no PixelSpacing, so the voxel size is unknown"
    if dz is None or not dz > 0:
        return None, (
            f"the pixel is {pixel[0]:.6g} x {pixel[1]:.6g} mm, but nothing gives the distance of "
            "the slices (SliceThickness is not that), so the voxel size is unknown"
        )
    return spacing_with_unit((dz, float(pixel[0]), float(pixel[1])), "mm", "PixelSpacing")
