"""HDF5: one dataset of three axes inside the file."""

from __future__ import annotations

import difflib
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ssbtomo.errors import (
    AxisError,
    FormatError,
    InputDataError,
    ProjectionsError,
    ResourceError,
    SsbtomoError,
)
from ssbtomo.io.headers import length
from ssbtomo.io.lazy import lazy_array, slab_chunks
from ssbtomo.io.nexus import find_scan, read_scan
from ssbtomo.io.selection import pick_axes, read_selection
from ssbtomo.projections import Geometry, Projections
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    import h5py
    from numpy.typing import NDArray

    from ssbtomo.units import Spacing

__all__ = ["READER", "Hdf5Dataset", "Hdf5Reader", "check_storage", "read_box"]

_ENDINGS = {".h5", ".hdf5", ".hdf", ".nxs", ".nx"}
_MAGIC = b"\x89HDF\r\n\x1a\n"
_lock = threading.Lock()
_MOST = 1100  # bytes that a packed byte of a chunk can become


@dataclass(frozen=True, slots=True)
class Hdf5Dataset:
    """A dataset of an HDF5 file; the file is opened for each box that is read.

    Parameters
    ----------
    path : str
        The file.
    dataset : str
        Path of the dataset inside it.
    outer : tuple of int
        Where to stand along axes before (Z, Y, X), such as time.
    shape : tuple of int
        Voxels along (Z, Y, X).
    stored : str
        Type of a voxel.
    """

    path: str
    dataset: str
    outer: tuple[int, ...]
    shape: tuple[int, ...]
    stored: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel, in this machine's byte order."""
        return np.dtype(self.stored).newbyteorder("=")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, window: Any) -> NDArray[Any]:
        cuts = window if isinstance(window, tuple) else (window,)
        values = read_box(self.path, self.dataset, (*self.outer, *cuts))
        return values.astype(self.dtype, copy=False)


def read_box(path: str, dataset: str, window: tuple[Any, ...]) -> NDArray[Any]:
    """Read a box of a dataset; the file is open only meanwhile.

    Parameters
    ----------
    path : str
        The file.
    dataset : str
        Path of the dataset inside it.
    window : tuple of int or slice
        The box.

    Returns
    -------
    ndarray
        Its values.

    Raises
    ------
    InputDataError
        If they cannot be read.
    ResourceError
        If they do not fit the memory.
    """
    import h5py

    try:
        with _lock, h5py.File(path, "r") as file:
            return np.asarray(file[dataset][window])
    except MemoryError as error:
        raise ResourceError(
            f"{path}: {dataset} at {window} does not fit the memory",
            hint="crop or split the file, or read it on a machine with more memory",
        ) from error
    except (OSError, KeyError, RuntimeError) as error:
        raise InputDataError(
            f"{path}: {dataset} cannot be read: {error}",
            hint="the file is damaged, or compressed by a filter that is not installed "
            "(pip install hdf5plugin)",
        ) from error


@dataclass(frozen=True, slots=True)
class Hdf5Reader:
    """Opens HDF5 files; voxel size from ``element_size_um`` or from NXdata's axes."""

    name: ClassVar[str] = "HDF5"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is an HDF5 file, or is named like one.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for the ending or the first bytes of HDF5.
        """
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return path.suffix.lower() in _ENDINGS or file.read(8) == _MAGIC

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open a dataset of an HDF5 file.

        Parameters
        ----------
        path : Path
            The file.
        dataset : str or None
            Path inside the file; not needed if just one dataset has three axes. An axis
            before them is chosen as ``"entry/data,a=0"`` (a, b: the first, the second).

        Returns
        -------
        Volume
            Lazy voxels.
        """
        choice = read_selection(dataset)
        with _opened(path) as file:
            if not choice.path and find_scan(file):
                raise ProjectionsError(
                    f"{path} holds projections of a CT scan, not a volume",
                    hint="reconstruct it first: st.io.open_projections(path) opens it; or choose a "
                    "dataset: dataset: path/inside/the/file",
                )
            found = _choose(file, path, choice.path)
            check_storage(found, path)
            extra = max(found.ndim - 3, 0)
            axes = "abcdefghijklm"[:extra] + "zyx"[-min(found.ndim, 3) :]
            outer = pick_axes(axes, found.shape, choice.index, str(path))[:extra]
            shape = tuple(int(n) for n in found.shape[extra:])
            numbers = tuple(int(n) for n in outer if isinstance(n, int))
            source = Hdf5Dataset(str(path.absolute()), found.name, numbers, shape, found.dtype.str)
            spacing = _spacing(found)
            chunks = found.chunks[-3:] if found.chunks and found.ndim >= 3 else None
        data = lazy_array(source, _chunks(source, chunks) if len(shape) == 3 else None)
        origin = "tag" if spacing else "unknown"
        return Volume(data, spacing=spacing, spacing_origin=origin)  # type: ignore[arg-type]

    def open_projections(self, path: Path, dataset: str | None = None) -> Projections:
        """Open the projections of an NXtomo or Data Exchange file.

        Parameters
        ----------
        path : Path
            The file.
        dataset : str or None
            Path of a dataset (image, row, column) where the file follows neither; its
            angles then have to be given.

        Returns
        -------
        Projections
            Lazy images, with dark and flat images, angles and pixel size where told.
        """
        if not read_selection(dataset).path:
            with _opened(path) as file:
                place = find_scan(file)
                if place:
                    return read_scan(file, path, place)
        volume = self.open(path, dataset)
        notes = (*volume.notes, "the dataset follows neither NXtomo nor Data Exchange")
        return Projections(
            volume.data, Geometry("parallel"), origins={"beam": "unknown"}, notes=notes
        )


READER = Hdf5Reader()


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    import h5py

    try:
        with _lock, h5py.File(path, "r") as file:
            yield file
    except SsbtomoError:
        raise
    except Exception as error:  # a damaged file provokes errors of every kind
        raise FormatError(
            f"{path} is not a readable HDF5 file: {error}",
            hint="it may be cut off, or still open in another program; copy it again",
        ) from error


def check_storage(data: h5py.Dataset, path: Path) -> None:
    """Refuse a dataset that cannot lie in its file, or whose chunks could not be unpacked from it.

    Parameters
    ----------
    data : h5py.Dataset
        The dataset.
    path : Path
        The file, for messages.

    Raises
    ------
    FormatError
        If the file is too short for it, or it lies in files outside of the file's folder.
    """
    _check_places(data, path)
    size = Path(data.file.filename).stat().st_size
    stored = int(data.id.get_storage_size())
    if not stored and data.size and not (data.external or data.is_virtual):
        raise FormatError(
            f"{path}: {data.name} was declared with {data.shape} voxels, and none was ever written",
            hint="the program that wrote the file was stopped; write it again",
        )
    chunk = prod(data.chunks) * data.dtype.itemsize if data.chunks else 0
    if not data.external and (stored > size or chunk > size * _MOST):
        raise FormatError(
            f"{path}: {data.name} {data.shape} in chunks of {data.chunks} takes "
            f"{max(stored, chunk):,} bytes; the file has {size:,}",
            hint="the file is cut off or damaged; copy it again",
        )


def _check_places(data: h5py.Dataset, path: Path) -> None:
    """Refuse a dataset whose voxels lie in files elsewhere: a file can name any file of yours."""
    named = [data.file.filename, *(name for name, _, _ in data.external or ())]
    if data.is_virtual:
        named += [source.file_name for source in data.virtual_sources()]
    home = path.absolute().parent.resolve()
    for name in named:
        place = (home / name).resolve()  # "." is the file itself
        if not place.is_relative_to(home):
            raise FormatError(
                f"{path}: the voxels of {data.name} are in {name!r}, outside of the file's folder",
                hint="copy that file beside this one and link to it there, or copy the voxels into "
                "one file (h5repack, h5copy)",
            )


def _choose(file: h5py.File, path: Path, wanted: str) -> h5py.Dataset:
    """Return the dataset that was named, or the only one of three axes."""
    import h5py

    found: dict[str, h5py.Dataset] = {}
    file.visititems(
        lambda name, node: found.update({name: node} if isinstance(node, h5py.Dataset) else {})
    )
    story = ", ".join(f"{name} {d.shape}" for name, d in list(found.items())[:12]) or "no dataset"
    if wanted:
        if wanted in found:
            return found[wanted]
        close = difflib.get_close_matches(wanted, found, n=1)
        raise FormatError(
            f"{path} has no dataset {wanted!r}; it holds {story}",
            hint=f"did you mean {close[0]!r}?" if close else "choose one: dataset: path/inside",
        )
    solid = [d for d in found.values() if d.shape and sum(n > 1 for n in d.shape) == 3 == d.ndim]
    if len(solid) == 1:
        return solid[0]
    if not solid and len(found) == 1:
        (only,) = found.values()
        if only.ndim > 3 or only.ndim == 2:
            return only
    kind = FormatError if solid else AxisError
    raise kind(
        f"{path} has {len(solid)} datasets of three axes; it holds {story}",
        hint="choose one: dataset: path/inside/the/file",
    )


def _chunks(source: Hdf5Dataset, stored: tuple[int, ...] | None) -> tuple[int, ...]:
    """Read slabs that are whole chunks of the file, unless slabs of chunks are too large."""
    size = source.dtype.itemsize
    if stored is None or stored[0] * prod(source.shape[1:]) * size <= 2**28:
        return slab_chunks(source.shape, size, multiple=stored[0] if stored else 1)
    return tuple(min(c * max(128 // c, 1), n) for c, n in zip(stored, source.shape, strict=True))


def _spacing(dataset: h5py.Dataset) -> Spacing | None:
    """Read the voxel size: ImageJ's and ilastik's attribute in µm, or the axes of NXdata."""
    edges = np.ravel(np.asarray(dataset.attrs.get("element_size_um", ())))
    if (
        edges.size != 3
        or edges.dtype.kind not in "iuf"
        or not (np.isfinite(edges) & (edges > 0)).all()
    ):
        return _axis_steps(dataset)
    return float(edges[0]), float(edges[1]), float(edges[2])


def _axis_steps(dataset: h5py.Dataset) -> Spacing | None:
    """Read the steps of evenly spaced coordinates with a unit, one row of them per axis."""
    names = np.ravel(np.asarray(dataset.parent.attrs.get("axes", ())))[-3:]
    if dataset.ndim < 3 or len(names) != 3:
        return None
    steps = [_step(dataset, name, n) for name, n in zip(names, dataset.shape[-3:], strict=True)]
    z, y, x = steps
    return None if z is None or y is None or x is None else (z, y, x)


def _step(dataset: h5py.Dataset, name: str | bytes, count: int) -> float | None:
    row = dataset.parent.get(name)
    if getattr(row, "shape", None) != (count,) or count < 2 or row.dtype.kind not in "iuf":
        return None
    places = np.asarray(row[()], dtype=float)
    step = (places[-1] - places[0]) / (count - 1)
    if not np.allclose(np.diff(places), step, rtol=1e-3, atol=0):
        return None
    unit = row.attrs.get("units", "")
    return length(abs(step), unit.decode() if isinstance(unit, bytes) else str(unit))
