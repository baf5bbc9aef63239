"""HDF5: one dataset of three axes inside the file."""

from __future__ import annotations

import difflib
import threading
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ssbtomo.errors import AxisError, FormatError, InputDataError
from ssbtomo.io.lazy import lazy_array, slab_chunks
from ssbtomo.io.selection import pick_axes, read_selection
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

    import h5py
    from numpy.typing import NDArray

    from ssbtomo.units import Spacing

__all__ = ["READER", "Hdf5Dataset", "Hdf5Reader"]

_ENDINGS = {".h5", ".hdf5", ".hdf", ".nxs", ".nx"}
_MAGIC = b"\x89HDF\r\n\x1a\n"
_lock = threading.Lock()


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
        import h5py

        cuts = window if isinstance(window, tuple) else (window,)
        try:
            with _lock, h5py.File(self.path, "r") as file:
                return np.asarray(file[self.dataset][(*self.outer, *cuts)], dtype=self.dtype)
        except OSError as error:
            raise InputDataError(
                f"{self.path}: {self.dataset} cannot be read: {error}",
                hint="the file is damaged, or compressed by a filter that is not installed "
                "(pip install hdf5plugin)",
            ) from error


@dataclass(frozen=True, slots=True)
class Hdf5Reader:
    """Opens HDF5 files; their voxel size from ``element_size_um``, if that is there."""

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
        import h5py

        choice = read_selection(dataset)
        try:
            with _lock, h5py.File(path, "r") as file:
                found = _choose(file, path, choice.path)
                axes = "abcdef"[: max(found.ndim - 3, 0)] + "zyx"[-min(found.ndim, 3) :]
                outer = pick_axes(axes, found.shape, choice.index, str(path))[
                    : max(found.ndim - 3, 0)
                ]
                shape = tuple(int(n) for n in found.shape[len(outer) :])
                numbers = tuple(int(n) for n in outer if isinstance(n, int))
                source = Hdf5Dataset(
                    str(path.absolute()), found.name, numbers, shape, found.dtype.str
                )
                spacing = _spacing(found)
                chunks = found.chunks[-3:] if found.chunks and found.ndim >= 3 else None
        except OSError as error:
            raise FormatError(
                f"{path} is not a readable HDF5 file: {error}",
                hint="it may be cut off, or still open in another program; copy it again",
            ) from error
        data = lazy_array(source, _chunks(source, chunks) if len(shape) == 3 else None)
        origin = "tag" if spacing else "unknown"
        return Volume(data, spacing=spacing, spacing_origin=origin)  # type: ignore[arg-type]


READER = Hdf5Reader()


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
    """Read the attribute that ImageJ's and ilastik's HDF5 plugins write, (Z, Y, X) in µm."""
    edges = np.ravel(np.asarray(dataset.attrs.get("element_size_um", ())))
    if (
        edges.size != 3
        or edges.dtype.kind not in "iuf"
        or not (np.isfinite(edges) & (edges > 0)).all()
    ):
        return None
    return float(edges[0]), float(edges[1]), float(edges[2])
