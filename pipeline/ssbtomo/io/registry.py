"""Which reader opens a path, and what a path, a sidecar and the user say together."""

from __future__ import annotations

import difflib
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

from ssbtomo.errors import FormatError, InputDataError, VoxelSizeError
from ssbtomo.io.remote import is_address, open_remote
from ssbtomo.io.sidecar import Sidecar, read_sidecar, user_voxel_size
from ssbtomo.units import format_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ssbtomo.units import Spacing
    from ssbtomo.volume import Volume

__all__ = ["Reader", "formats", "open_volume", "reader_for", "register", "stem"]

# Looked at in this order; each module holds one READER. Vendors' formats come first,
# because many of them are also TIFF or HDF5.
_BUILT_IN = (
    "xradia",
    "dicom",
    "skyscan",
    "nikon",
    "vgi",
    "metaimage",
    "nrrd",
    "amira",
    "mrc",
    "ome_reader",
    "slice_folder",
    "tiff",
    "numpy_file",
    "hdf5",
    "raw",
)
_added: list[Reader] = []


@runtime_checkable
class Reader(Protocol):
    """What opens one family of formats.

    Attributes
    ----------
    name : str
        What the family is called in messages: "TIFF".
    """

    name: ClassVar[str]

    def matches(self, path: Path) -> bool:
        """Tell whether a path looks like this family: by name, or by its first bytes.

        Parameters
        ----------
        path : Path
            A file or folder that exists.

        Returns
        -------
        bool
            True if `open` should be tried; it may still refuse the content.
        """

    def open(self, path: Path, dataset: str | None) -> Volume:
        """Open a path lazily, with the voxel size that the file itself tells.

        Parameters
        ----------
        path : Path
            A file or folder that exists.
        dataset : str or None
            What to take of a file that holds several things.

        Returns
        -------
        Volume
            Lazy voxels; ``spacing=None`` where the file does not tell it.
        """


def register(reader: Reader) -> None:
    """Add a reader; it is asked before the built-in ones and before earlier additions.

    Parameters
    ----------
    reader : Reader
        An object with a name, `matches` and `open`.
    """
    _added.insert(0, reader)


def formats() -> tuple[str, ...]:
    """Return the names of the families that can be opened.

    Returns
    -------
    tuple of str
        Names, in the order in which the readers are asked.
    """
    return tuple(reader.name for reader in (*_added, *_built_in()))


def reader_for(path: Path) -> Reader:
    """Return the reader of a path.

    Parameters
    ----------
    path : Path
        A file or folder.

    Returns
    -------
    Reader
        The first that matches.

    Raises
    ------
    InputDataError
        If there is no such path.
    FormatError
        If no reader matches.
    """
    if not path.exists():
        raise InputDataError(f"there is no file or folder {path}", hint=_nearby(path))
    for reader in (*_added, *_built_in()):
        if reader.matches(path):
            return reader
    raise FormatError(
        f"{path}: no reader for this format ({path.suffix or 'no ending'})",
        hint=f"formats: {', '.join(formats())}; convert the file to one of them"
        + ("; unpack the archive first" if path.suffix in (".zip", ".gz", ".tar", ".7z") else ""),
    )


def open_volume(
    path: str | Path,
    voxel_size: Sequence[str] | None = None,
    *,
    slice_thickness: str | None = None,
    dataset: str | None = None,
    name: str | None = None,
    modality: str = "",
) -> Volume:
    """Open a scan lazily: nothing but headers is read.

    Parameters
    ----------
    path : str or Path
        TIFF stack, folder of TIFF, PNG or DICOM slices, OME-Zarr, ``.txm``, HDF5, ``.mhd``,
        ``.mha``, ``.nrrd``, ``.am``, ``.mrc``, ``.vgi``, ``.xtekct``, a SkyScan ``.log``,
        ``.npy``, ``.npz``, or a headerless raw file; `formats` lists all. Or the address of an
        OME-Zarr image, such as ``s3://bucket/scan.ome.zarr`` (extra ``remote``).
    voxel_size : sequence of str, optional
        Voxel edges along (Z, Y, X), each with its unit: ``["18.4 nm"] * 3``. Only where
        the file tells none, or to overrule it (the volume's notes then say so).
    slice_thickness : str, optional
        Distance of the slices, with its unit, where the file tells only the pixel: images
        of an electron microscope never tell it.
    dataset : str, optional
        What to take where a file holds several things: the path inside HDF5 or Zarr, the
        member of an ``.npz``, or ``"c=0"``, ``"t=3"``, ``"series=1"``, ``"z=c"`` (the
        file's channels are its slices), ``"unit=mm"`` (of voxel edges without one), joined
        by commas.
    name : str, optional
        Name of the sample; from the file name if not given.
    modality : str
        ``"xct"``, ``"fib-sem"``, or empty.

    Returns
    -------
    Volume
        A lazy (Z, Y, X) array with its voxel size and where that came from.

    Raises
    ------
    InputDataError
        If the path does not exist, or its slices cannot be used.
    FormatError
        If the file is not what it claims to be, or is damaged.
    AxisError
        If it does not hold one 3-D volume.
    VoxelSizeError
        If a voxel size is not positive, or has no unit.
    """
    given = None if voxel_size is None else user_voxel_size(voxel_size)
    if is_address(path):
        volume, place = open_remote(str(path)), Path(str(path))
    else:
        place = Path(path).expanduser()
        volume = reader_for(place).open(place, dataset)
        beside = read_sidecar(place)
        volume = _with_sidecar(volume, beside) if beside else volume
    if given is not None and slice_thickness is not None:
        raise VoxelSizeError(
            f"voxel_size {list(voxel_size or ())} and slice_thickness {slice_thickness!r} are both "
            "given",
            hint="voxel_size holds the distance of the slices: give one of the two",
        )
    if slice_thickness is not None:
        given = _with_thickness(volume, slice_thickness)
    if given is not None:
        volume = _overruled(volume, given, "user", "given by the user")
    return replace(
        volume,
        name=name or volume.name or stem(place),
        modality=modality or volume.modality,
        source=str(path if is_address(path) else place),
    )


@cache
def _built_in() -> tuple[Reader, ...]:
    return tuple(import_module(f"ssbtomo.io.{module}").READER for module in _BUILT_IN)


def _with_thickness(volume: Volume, text: str) -> Spacing:
    """Return the spacing that the user's slice thickness and the file's pixel make together."""
    pixel = volume.pixel_size or (volume.spacing[1:] if volume.spacing else None)
    if pixel is None:
        raise VoxelSizeError(
            f"slice_thickness {text!r} is given, but nothing tells the pixel size",
            hint="give all three edges: voxel_size=['20 nm', '5 nm', '5 nm'] (Z, Y, X)",
        )
    return user_voxel_size([text, *(f"{edge!r} um" for edge in pixel)], "slice_thickness")


def _with_sidecar(volume: Volume, beside: Sidecar) -> Volume:
    if beside.spacing is not None:
        volume = _overruled(volume, beside.spacing, "sidecar", f"in {beside.path.name}")
    return replace(
        volume,
        name=beside.name or volume.name,
        modality=beside.modality or volume.modality,
        phases=beside.phases or volume.phases,
        conditions={**volume.conditions, **beside.conditions},
    )


def _overruled(volume: Volume, spacing: Spacing, origin: str, who: str) -> Volume:
    old = volume.spacing
    if old is not None and any(abs(a - b) > 1e-6 * b for a, b in zip(old, spacing, strict=True)):
        note = (
            f"the voxel size {who}, {_edges(spacing)}, overrules the {volume.spacing_origin}'s "
            f"{_edges(old)}"
        )
        volume = replace(volume, notes=(*volume.notes, note))
    return volume.with_spacing(spacing, "user" if origin == "user" else "sidecar")


def _edges(spacing: Spacing) -> str:
    return " x ".join(map(format_length, spacing))


def stem(path: Path) -> str:
    """Return a sample's name: that of its file without the ending.

    Parameters
    ----------
    path : Path
        A file or folder.

    Returns
    -------
    str
        The name.
    """
    name = path.name
    for ending in (".zarr", ".tif", ".tiff", ".ome", path.suffix):
        name = name.removesuffix(ending) if path.is_file() or ending in (".zarr", ".ome") else name
    return name or path.name


def _nearby(path: Path) -> str:
    """Say what is there instead: a similar name, or the folder's content."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    if folder != path.parent:
        return f"the folder {path.parent} does not exist; {folder} does"
    names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    close = difflib.get_close_matches(path.name, names, n=1)
    if close:
        return f"did you mean {folder / close[0]}?"
    some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return f"{folder} holds {some}" if names else f"{folder} is empty"
