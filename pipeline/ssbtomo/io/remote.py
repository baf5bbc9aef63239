"""OME-Zarr in object stores: opened lazily by its address, and copied there or back as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import FormatError, InputDataError, OutputError, SsbtomoError
from ssbtomo.io.ome_metadata import label_table, multiscale_datasets, space_axes
from ssbtomo.io.zarr_opening import check_sizes, settings
from ssbtomo.passing import persist
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    import zarr
    from numpy.typing import NDArray

__all__ = ["RemoteArray", "copy_store", "is_address", "open_remote"]

_ADDRESS = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+://")


def is_address(path: str | Path) -> bool:
    """Tell whether something is the address of an object store, and no path.

    Parameters
    ----------
    path : str or Path
        Such as ``"s3://bucket/scan.ome.zarr"``.

    Returns
    -------
    bool
        Whether it begins with a scheme.
    """
    return isinstance(path, str) and bool(_ADDRESS.match(path))


@dataclass(frozen=True, slots=True)
class RemoteArray:
    """One array of a zarr store at an address, opened on first use in each process.

    Parameters
    ----------
    path : str
        Address of the array.
    """

    path: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return tuple(int(n) for n in _opened(self.path).shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel, in this machine's byte order."""
        dtype: np.dtype[Any] = np.dtype(_opened(self.path).dtype)
        return dtype.newbyteorder("=")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels that are best read at once."""
        array = _opened(self.path)
        return tuple(int(n) for n in array.shards or array.chunks)

    def __getitem__(self, window: Any) -> NDArray[Any]:
        try:
            return persist(lambda: np.asarray(_opened(self.path)[window], dtype=self.dtype))
        except Exception as error:  # clients of stores have errors of every kind
            raise InputDataError(
                f"{self.path} cannot be read at {window}: {type(error).__name__}: {error}",
                hint="see whether the store can be reached, and your credentials",
            ) from error


@lru_cache(maxsize=16)
def _opened(address: str) -> zarr.Array[Any]:
    import zarr
    from zarr.storage import FsspecStore

    with settings(fast=False):
        array = zarr.open_array(FsspecStore.from_url(address, read_only=True), mode="r")
    check_sizes(array, address)
    return array


def open_remote(address: str, name: str = "") -> Volume:
    """Open an OME-Zarr image at an address.

    Parameters
    ----------
    address : str
        Anything that fsspec knows and whose client is installed (extra ``remote``), such as
        ``s3://bucket/scan.ome.zarr``, ``gs://``, ``az://``, ``https://``, ``file://``.
    name : str
        Name of the sample; from the address if not given.

    Returns
    -------
    Volume
        Lazy (Z, Y, X) voxels of the finest level.

    Raises
    ------
    FormatError
        If there is no such image, or none of three axes.
    """
    place = address.rstrip("/")
    try:
        axes, datasets = multiscale_datasets(_attributes(place), place)
        spacing, note = space_axes(axes, datasets[0].scale)
        array = RemoteArray(f"{place}/{datasets[0].path}")
        names = [axis["name"] for axis in axes]
        shape = array.shape
    except SsbtomoError:
        raise
    except ImportError as error:
        raise FormatError(
            f"{address} needs a client that is not installed: {error}",
            hint="pip install 'ssbtomo[remote]', or the client that the message names",
        ) from error
    except Exception as error:  # clients of stores have errors of every kind
        raise FormatError(
            f"there is no OME-Zarr image at {address}: {type(error).__name__}: {str(error)[:200]}",
            hint="check the address and your credentials; it must name the image's own folder",
        ) from error
    if names != ["z", "y", "x"]:
        raise FormatError(
            f"{address} has the axes {names}, {shape}; at an address only (Z, Y, X) is opened",
            hint="copy it with st.io.copy_store, and choose channel and time there",
        )
    return _volume(array, place, spacing, note, name)


def _volume(array: RemoteArray, place: str, spacing: Any, note: str, name: str) -> Volume:
    from ssbtomo.io.lazy import lazy_array

    chunks = tuple(min(c, n) for c, n in zip(array.chunks, array.shape, strict=True))
    volume = Volume(
        lazy_array(array, chunks), spacing=spacing,
        spacing_origin="tag" if spacing else "unknown",
        phases=label_table(_attributes(place))[0], notes=(note,) if note else (),
    )  # fmt: skip
    stem = place.rsplit("/", 1)[-1].removesuffix(".zarr").removesuffix(".ome")
    return replace(volume, name=name or stem, source=place)


def _attributes(address: str) -> dict[str, Any]:
    import zarr
    from zarr.storage import FsspecStore

    return dict(zarr.open_group(FsspecStore.from_url(address, read_only=True), mode="r").attrs)


def copy_store(source: str | Path, target: str | Path) -> int:
    """Copy a finished store, or a results folder, to an object store or back.

    The metadata of the whole are copied last: a reader sees no store before it is complete.

    Parameters
    ----------
    source, target : str or pathlib.Path
        Folder or address, one of each or two of a kind. What is at the target must not exist.

    Returns
    -------
    int
        Files that were copied.

    Raises
    ------
    InputDataError
        If there is nothing at the source.
    OutputError
        If something is at the target already, or it cannot be written.
    """
    import fsspec

    (near, begin), (far, end) = (fsspec.core.url_to_fs(str(place)) for place in (source, target))
    files = sorted(near.find(begin), key=lambda name: (_is_root(name, begin), name))
    if not files:
        raise InputDataError(f"there is nothing at {source}", hint="check the path or the address")
    if far.exists(end) and far.find(end):
        raise OutputError(f"something is at {target} already", hint="choose another name")
    for name in files:
        goal = end.rstrip("/") + name[len(begin.rstrip("/")) :]
        try:
            persist(lambda name=name, goal=goal: _copy(near, name, far, goal))  # type: ignore[misc]
        except OSError as error:
            raise OutputError(
                f"{goal} cannot be written: {error}",
                hint="see whether the store can be reached, and your credentials",
            ) from error
    return len(files)


def _is_root(name: str, begin: str) -> bool:
    return "/" not in name[len(begin.rstrip("/")) + 1 :]


def _copy(near: Any, name: str, far: Any, goal: str) -> None:
    far.makedirs(goal.rsplit("/", 1)[0], exist_ok=True)
    with near.open(name, "rb") as reading, far.open(goal, "wb") as writing:
        while piece := reading.read(2**23):
            writing.write(piece)
