"""Zeiss/Xradia scans: ``.txm`` volumes, ``.txrm`` projections, ``.xrm`` single images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ssbtomo.errors import AxisError, FormatError, InputDataError, ProjectionsError
from ssbtomo.io.lazy import SliceStack, lazy_array
from ssbtomo.io.ole import OLE_MAGIC, Streams, open_streams, opened
from ssbtomo.projections import Geometry, Projections
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    import dask.array as da
    from numpy.typing import NDArray

__all__ = ["READER", "XradiaReader", "XradiaStack"]

_ENDINGS = {".txm", ".txrm", ".xrm"}
_TYPES = {2: "<i1", 3: "<u1", 4: "<i2", 5: "<u2", 6: "<i4", 7: "<u4", 10: "<f4", 11: "<f8"}
_CONE, _PARALLEL = 1, 2  # ImageInfo/XrayGeometry
_ABORTED = "the scan was aborted: {0} of {1} announced images were taken"
_Y_SIGN = (
    "Y-Shifts are added along the stored rows, as four other readers do; dxchange's notes call them "
    "inverted: compare both signs if the slices look blurred along z"
)


@dataclass(frozen=True, slots=True)
class XradiaStack(SliceStack):
    """Images of an Xradia file; an image is read when a box needs it.

    Parameters
    ----------
    path : str
        The file.
    plane : tuple of int
        Pixels along rows and columns.
    stored : str
        Type of a pixel.
    names : tuple of str
        Stream of each image.
    """

    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.names)

    def read(self, number: int) -> NDArray[Any]:
        """Read an image, given its place."""
        streams, lock = opened.get(self.path)
        with lock:
            content = streams.read(self.names[number])
        kind = np.dtype(self.stored)
        need = self.plane[0] * self.plane[1] * kind.itemsize
        if len(content) < need:
            raise InputDataError(
                f"{self.path}: {self.names[number]} holds {len(content):,} bytes, an image needs "
                f"{need:,}",
                hint="the file is damaged or cut off; copy or export it again",
            )
        pixels = np.frombuffer(content, dtype=kind, count=self.plane[0] * self.plane[1])
        return pixels.reshape(self.plane).astype(self.dtype, copy=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel, in this machine's byte order."""
        return np.dtype(self.stored).newbyteorder("=")


@dataclass(frozen=True, slots=True)
class XradiaReader:
    """Opens Zeiss/Xradia files; voxel size from *PixelSize*, which is in micrometres."""

    name: ClassVar[str] = "Zeiss/Xradia .txm, .txrm, .xrm"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is an Xradia file.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for the endings, and for any compound file.
        """
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return path.suffix.lower() in _ENDINGS or file.read(8) == OLE_MAGIC

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open the slices of a ``.txm`` file.

        Parameters
        ----------
        path : Path
            The file.
        dataset : str or None
            Not used: the file holds one volume.

        Returns
        -------
        Volume
            Lazy voxels; cubic, as the microscope's software reconstructs them.
        """
        streams = open_streams(path)
        try:
            if path.suffix.lower() in (".txrm", ".xrm") or _turns(streams):
                raise ProjectionsError(
                    f"{path} holds projections of a CT scan, not a volume",
                    hint="reconstruct it first: st.io.open_projections(path) opens it",
                )
            stack, notes = _stack(streams)
            edge = _positive(streams, "ImageInfo/PixelSize")
        finally:
            streams.close()
        return Volume(
            lazy_array(stack),
            spacing=None if edge is None else (edge, edge, edge),
            spacing_origin="unknown" if edge is None else "tag",
            modality="xct",
            notes=notes,
        )

    def open_projections(self, path: Path, dataset: str | None = None) -> Projections:
        """Open the images of a ``.txrm`` or ``.xrm`` file with their geometry.

        The angles are stored in degrees, distances in millimetres, the pixel size in
        micrometres at the object. X-Shifts are added to the columns of an image's content
        (measured on a genuine scan), Y-Shifts to its rows.

        Parameters
        ----------
        path : Path
            The file.
        dataset : str or None
            Not used.

        Returns
        -------
        Projections
            Lazy images; `flats` is the reference image, if the file holds one.
        """
        streams = open_streams(path)
        try:
            if path.suffix.lower() == ".txm" and not _turns(streams):
                raise AxisError(
                    f"{path} holds a volume, not projections", hint="open it: st.open(path)"
                )
            return _projections(streams, path)
        finally:
            streams.close()


READER = XradiaReader()


def _projections(streams: Streams, path: Path) -> Projections:
    stack, notes = _stack(streams)
    count = stack.count
    geometry, origins, more = _geometry(streams)
    angles = _of_images(streams, "ImageInfo/Angles", count)
    shifts = _shifts(streams, count)
    flats, odd = _reference(streams, stack)
    if angles is not None:
        origins["angles"] = "tag ImageInfo/Angles"
    if shifts is not None:
        origins["shifts"] = "tag Alignment/X-Shifts, Y-Shifts"
        more = (*more, _Y_SIGN)
    if flats is not None:
        origins["flats"] = "tag ReferenceData/Image"
    return Projections(
        lazy_array(stack),
        geometry,
        angles=None if angles is None else np.deg2rad(angles),
        flats=flats,
        shifts=shifts,
        normalised=_first(streams, "ImageInfo/OriginalDataRefCorrected", "<i4") == 1,
        origins=origins,
        conditions=_conditions(streams),
        source=str(path),
        notes=(*notes, *more, *odd),
    )


def _stack(streams: Streams) -> tuple[XradiaStack, tuple[str, ...]]:
    """Find the images that are really there: an aborted scan announces more."""
    wide, high, code, announced, taken = (
        _first(streams, f"ImageInfo/{name}", "<i4")
        for name in ("ImageWidth", "ImageHeight", "DataType", "NoOfImages", "ImagesTaken")
    )
    where = streams.path
    if wide is None or high is None or wide < 1 or high < 1:
        raise FormatError(
            f"{where}: the image size ({high} rows, {wide} columns) is missing or not positive",
            hint="it is no Xradia scan, or is damaged; export it again",
        )
    if code not in _TYPES:
        raise FormatError(
            f"{where}: the type of its pixels, DataType {code}, is not known",
            hint="export the scan again as 16-bit integers or 32-bit floats",
        )
    need = int(wide) * int(high) * np.dtype(_TYPES[int(code)]).itemsize
    names = _images(streams, need, int(announced or taken or 0))
    if not names:
        raise FormatError(
            f"{where} holds no complete image of {high} x {wide} pixels, {need:,} bytes each",
            hint="the file is damaged or cut off; copy or export it again",
        )
    if taken is not None and taken > len(names):
        raise FormatError(
            f"{where} is truncated: {taken:.0f} images were taken, {len(names)} are complete",
            hint="copy or export the file again",
        )
    short = announced is not None and announced > len(names)
    notes = (_ABORTED.format(len(names), int(announced or 0)),) if short else ()
    return XradiaStack(where, (int(high), int(wide)), _TYPES[int(code)], tuple(names)), notes


def _images(streams: Streams, need: int, announced: int) -> list[str]:
    """List the images, 100 to a folder, up to the first that is not complete."""
    names: list[str] = []
    while announced == 0 or len(names) < announced:
        number = len(names) + 1
        name = f"ImageData{(number + 99) // 100}/Image{number}"
        if streams.size(name) < need:
            break
        names.append(name)
    return names


def _turns(streams: Streams) -> bool:
    """Tell projections from slices where the ending does not."""
    angles = streams.numbers("ImageInfo/Angles", "<f4")
    return bool(angles.size > 1 and np.ptp(angles) > 1e-3)


def _geometry(streams: Streams) -> tuple[Geometry, dict[str, str], tuple[str, ...]]:
    kind = _first(streams, "ImageInfo/XrayGeometry", "<i4")
    source, detector = (
        _distance(streams, f"ImageInfo/{name}") for name in ("StoRADistance", "DtoRADistance")
    )
    notes: list[str] = []
    cone = kind == _CONE
    if kind not in (_CONE, _PARALLEL):
        cone = source is not None and detector is not None
        found = "cone beam: both distances are there" if cone else "parallel beam: no distances"
        notes.append(f"XrayGeometry is {kind}; taken as {found}")
    edge = _positive(streams, "ImageInfo/PixelSize")
    origins = {"beam": "tag ImageInfo/XrayGeometry" if not notes else "estimate from distances"}
    if edge is not None:
        origins["pixel_size"] = "tag ImageInfo/PixelSize"
    if not cone:
        pixel = None if edge is None else (edge, edge)
        if detector is not None:
            origins["object_detector"] = "tag ImageInfo/DtoRADistance"
        return Geometry("parallel", pixel, object_detector=detector), origins, tuple(notes)
    if source is None or detector is None:
        raise FormatError(
            f"{streams.path}: a cone beam without its distances (source {source} µm, detector "
            f"{detector} µm from the axis)",
            hint="export the scan again with its metadata",
        )
    origins["distances"] = "tag ImageInfo/StoRADistance, DtoRADistance"
    if edge is not None:
        origins["pixel_size"] += " (at the object), times the magnification"
    magnified = None if edge is None else edge * (source + detector) / source
    pixel = None if magnified is None else (magnified, magnified)
    return Geometry("cone", pixel, source, detector), origins, tuple(notes)


def _distance(streams: Streams, name: str) -> float | None:
    """Read a distance in µm; its sign tells the side, and 1 mm stands for nothing known."""
    values = np.abs(streams.numbers(name, "<f4").astype(float))
    if values.size == 0 or not np.isfinite(values[0]) or values[0] in (0.0, 1.0):
        return None
    return float(values[0]) * 1e3


def _shifts(streams: Streams, count: int) -> NDArray[np.float64] | None:
    across = _of_images(streams, "Alignment/X-Shifts", count)
    down = _of_images(streams, "Alignment/Y-Shifts", count)
    if across is None or down is None or not (across.any() or down.any()):
        return None
    return np.stack([down, across], axis=1)


def _reference(streams: Streams, stack: XradiaStack) -> tuple[da.Array | None, tuple[str, ...]]:
    name = "ReferenceData/Image"
    size = streams.size(name)
    if size == 0:
        return None, ()
    pixels = stack.plane[0] * stack.plane[1]
    code = _first(streams, "ReferenceData/DataType", "<i4")
    kind = _TYPES.get(int(code or 0), "")
    if not kind or size < pixels * np.dtype(kind).itemsize:
        kind = {2 * pixels: "<u2", 4 * pixels: "<f4"}.get(size, "")
    if not kind:
        return None, (f"the reference image is of another size ({size:,} bytes); it is left out",)
    return lazy_array(XradiaStack(stack.path, stack.plane, kind, (name,))), ()


def _conditions(streams: Streams) -> dict[str, str]:
    wanted = {
        "energy": ("ImageInfo/Energy", "eV"),
        "voltage": ("AcquisitionSettings/SrcVoltage", "kV"),
        "exposure": ("ImageInfo/ExpTimes", "s"),
        "flat_exposure": ("ReferenceData/ExpTime", "s"),
        "optical_magnification": ("ImageInfo/OpticalMagnification", ""),
        "center_shift": ("ReconSettings/CenterShift", "px"),
    }
    found = {key: (_first(streams, name, "<f4"), unit) for key, (name, unit) in wanted.items()}
    told = {key: f"{v:.6g} {unit}".strip() for key, (v, unit) in found.items() if v}
    for axis in "XYZ":
        at = _first(streams, f"ImageInfo/{axis}Position", "<f4")
        if at is not None:
            told[f"{axis.lower()}_position"] = f"{at!r} um"
    return told


def _of_images(streams: Streams, name: str, count: int) -> NDArray[np.float64] | None:
    """Return one number per image; the stream of an aborted scan is longer."""
    values = streams.numbers(name, "<f4")[:count].astype(float)
    return values if values.size == count and np.isfinite(values).all() else None


def _positive(streams: Streams, name: str) -> float | None:
    value = _first(streams, name, "<f4")
    return value if value is not None and value > 0 else None


def _first(streams: Streams, name: str, kind: str) -> float | None:
    values = streams.numbers(name, kind)
    return float(values[0]) if values.size and np.isfinite(values[0]) else None
