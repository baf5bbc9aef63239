"""OME-Zarr images, 0.4 and 0.5, as volumes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ssbtomo.errors import AxisError, FormatError
from ssbtomo.io import ome_zarr
from ssbtomo.io.lazy import lazy_array, slab_chunks
from ssbtomo.io.selection import pick_axes, read_selection
from ssbtomo.io.zarr_arrays import ArrayFile
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["READER", "OmeZarrReader", "ZarrVolume"]

_MARKS = ("zarr.json", ".zattrs", ".zgroup", ".zarray")


@dataclass(frozen=True, slots=True)
class ZarrVolume:
    """The (Z, Y, X) part of a zarr array that may have more axes, in any order.

    Parameters
    ----------
    array : ArrayFile
        The array.
    index : tuple of int or slice
        What to take along each of its axes.
    order : tuple of int
        Which of the remaining axes are Z, Y and X.
    """

    array: ArrayFile
    index: tuple[int | slice, ...]
    order: tuple[int, ...]

    @property
    def path(self) -> str:
        """Folder of the store."""
        return self.array.path

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along (Z, Y, X)."""
        kept = [
            n for n, i in zip(self.array.shape, self.index, strict=True) if isinstance(i, slice)
        ]
        return tuple(kept[axis] for axis in self.order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel, in this machine's byte order."""
        return self.array.dtype.newbyteorder("=")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.order)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels that are best read at once: a shard, unless that is large."""
        shards = self.array.shards
        unit = shards if prod(shards) * self.dtype.itemsize <= 2**26 else self.array.chunks
        kept = [n for n, i in zip(unit, self.index, strict=True) if isinstance(i, slice)]
        return tuple(min(kept[a], n) for a, n in zip(self.order, self.shape, strict=True))

    def __getitem__(self, window: Any) -> NDArray[Any]:
        cuts = _completed(window, self.ndim)
        reaches, inside = zip(*map(_reach, cuts, self.shape), strict=True)
        by_axis = dict(zip(self.order, reaches, strict=True))
        kept = iter(range(self.ndim))
        box = tuple(by_axis[next(kept)] if isinstance(i, slice) else i for i in self.index)
        read = np.asarray(self.array[box], dtype=self.dtype).transpose(self.order)
        return np.asarray(read[inside])


def _completed(window: Any, ndim: int) -> tuple[Any, ...]:
    """Return one cut per axis, as NumPy reads a window that leaves some out."""
    cuts = window if isinstance(window, tuple) else (window,)
    at = next((n for n, cut in enumerate(cuts) if cut is Ellipsis), len(cuts))
    return (*cuts[:at], *(slice(None),) * (ndim - len(cuts) + (at < len(cuts))), *cuts[at + 1 :])


def _reach(cut: Any, count: int) -> tuple[slice, Any]:
    """Return the least slice that holds a cut of an axis, and the cut inside it."""
    numbers = np.arange(count)[cut]
    first, stop = (int(numbers.min()), int(numbers.max()) + 1) if numbers.size else (0, 0)
    if not isinstance(cut, slice):
        return slice(first, stop), numbers - first
    return slice(first, stop), slice(None, None, cut.step)


@dataclass(frozen=True, slots=True)
class OmeZarrReader:
    """Opens OME-Zarr folders; their voxel size from the scale and the axes' units."""

    name: ClassVar[str] = "OME-Zarr 0.4, 0.5"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is a zarr folder.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for a folder with zarr's metadata, or with its ending.
        """
        if not path.is_dir():
            return False
        return path.suffix == ".zarr" or any((path / mark).is_file() for mark in _MARKS)

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open the finest level of an OME-Zarr image.

        Parameters
        ----------
        path : Path
            The folder.
        dataset : str or None
            An image inside the folder, such as ``"labels/phases"``; ``"c=0"`` or ``"t=0"``
            where there are more axes; or both, joined by a comma.

        Returns
        -------
        Volume
            Lazy voxels.
        """
        choice = read_selection(dataset)
        place = path / choice.path if choice.path else path
        if (place / ".zarray").is_file() or _is_array(place):
            return _bare_array(place)
        image = ome_zarr.multiscale(place)
        names = [str(axis["name"]) for axis in image.axes]
        if not {"y", "x", "z"} <= set(names):
            raise AxisError(
                f"{place} has the axes {names}: a volume needs z, y and x",
                hint="save the slices as z",
            )
        array = image.levels[0].array
        window = pick_axes(names, array.shape, choice.index, str(place))
        kept = [name for name, i in zip(names, window, strict=True) if isinstance(i, slice)]
        source = ZarrVolume(array, window, tuple(kept.index(axis) for axis in "zyx"))
        return Volume(
            lazy_array(source, source.chunks),
            spacing=image.spacing,
            spacing_origin="tag" if image.spacing else "unknown",
            name=ome_zarr.stem(path) if not choice.path else place.name,
            phases=image.phases,
            modality=str(image.attributes.get("modality") or ""),
            notes=(image.note,) if image.note else (),
        )


READER = OmeZarrReader()


def _is_array(place: Path) -> bool:
    meta = place / "zarr.json"
    return meta.is_file() and '"node_type": "array"' in meta.read_text(
        encoding="utf-8", errors="replace"
    )


def _bare_array(place: Path) -> Volume:
    array = ArrayFile(str(place.parent.absolute()), place.name)
    if array.ndim != 3:
        raise FormatError(
            f"{place} is a zarr array of {array.ndim} axes {array.shape} without OME metadata",
            hint="open the OME-Zarr image that it belongs to, or save it with three axes",
        )
    source = ZarrVolume(array, (slice(None),) * 3, (0, 1, 2))
    chunks = source.chunks if min(source.chunks) > 0 else slab_chunks(source.shape, 1)
    return Volume(lazy_array(source, chunks), notes=("a bare zarr array tells no voxel size",))
