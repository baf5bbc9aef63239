"""Projections inside HDF5: NeXus NXtomo, and Data Exchange."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import FormatError, InputDataError
from ssbtomo.io.headers import length
from ssbtomo.io.lazy import lazy_array
from ssbtomo.projections import Geometry, Projections

if TYPE_CHECKING:
    import dask.array as da
    import h5py
    from numpy.typing import NDArray

__all__ = ["Hdf5Images", "find_scan", "read_scan"]

_SAMPLE, _FLAT, _DARK = 0, 1, 2  # image_key of NXtomo; 3 is invalid
_MOST_ANGLES = 2**22


@dataclass(frozen=True, slots=True)
class Hdf5Images:
    """Some images of a dataset (image, row, column); neighbours are read together.

    Parameters
    ----------
    path : str
        The file.
    dataset : str
        Path of the dataset inside it.
    runs : tuple of (int, int)
        First image and the one after the last, of each run that is taken.
    plane : tuple of int
        Pixels along rows and columns.
    stored : str
        Type of a pixel.
    """

    path: str
    dataset: str
    runs: tuple[tuple[int, int], ...]
    plane: tuple[int, int]
    stored: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Images, rows and columns."""
        return (sum(stop - first for first, stop in self.runs), *self.plane)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel, in this machine's byte order."""
        return np.dtype(self.stored).newbyteorder("=")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return 3

    def __getitem__(self, window: Any) -> NDArray[Any]:
        from ssbtomo.io.hdf5 import read_box

        cuts = window if isinstance(window, tuple) else (window,)
        wanted = np.arange(self.shape[0])[cuts[0] if cuts else slice(None)]
        where = np.concatenate([np.arange(*run) for run in self.runs])[np.atleast_1d(wanted)]
        breaks = np.flatnonzero(np.diff(where) != 1) + 1
        parts = [
            read_box(self.path, self.dataset, (slice(int(run[0]), int(run[-1]) + 1), *cuts[1:]))
            for run in np.split(where, breaks)
            if run.size
        ]
        images = np.concatenate(parts) if parts else np.empty((0, *self.plane), self.dtype)
        images = images.astype(self.dtype, copy=False)
        return images if np.ndim(wanted) else images[0]


def find_scan(file: h5py.File) -> str:
    """Find projections in a file.

    Parameters
    ----------
    file : h5py.File
        The open file.

    Returns
    -------
    str
        ``"exchange"`` for Data Exchange, the path of the entry for NXtomo (with a slash at
        its end), or empty.
    """
    import h5py

    if isinstance(file.get("exchange/data"), h5py.Dataset) and (
        "exchange/theta" in file or "exchange/data_white" in file
    ):
        return "exchange"
    found: list[str] = []

    def look(name: str, node: Any) -> None:
        if name.endswith("detector/image_key") and isinstance(node, h5py.Dataset):
            found.append(name.removesuffix("image_key"))

    file.visititems(look)
    for place in found:
        if isinstance(file.get(place + "data"), h5py.Dataset):
            return place.removesuffix("detector/").removesuffix("instrument/") or "/"
    return ""


def read_scan(file: h5py.File, path: Path, place: str) -> Projections:
    """Open the projections that `find_scan` found.

    Parameters
    ----------
    file : h5py.File
        The open file; only small datasets are read.
    path : Path
        Its path.
    place : str
        What `find_scan` returned.

    Returns
    -------
    Projections
        Lazy images.
    """
    return _exchange(file, path) if place == "exchange" else _nxtomo(file, path, place)


def _nxtomo(file: h5py.File, path: Path, entry: str) -> Projections:
    entry = "" if entry == "/" else entry
    detector = file[f"{entry}instrument/detector"]
    data = detector["data"]
    keys = _small(path, detector["image_key"]).astype(int)
    if data.ndim != 3 or keys.shape != data.shape[:1]:
        raise FormatError(
            f"{path}: {data.name} has the shape {data.shape}, its image_key {keys.shape}",
            hint="there must be one key per image; write the file again",
        )
    if not (keys == _SAMPLE).any():
        raise InputDataError(
            f"{path}: no image of {data.name} is a projection (image_key 0)",
            hint="the scan was aborted before its first projection",
        )
    taken = keys == _SAMPLE
    origins = {"beam": "convention: NXtomo without source distance"}
    angles = _angles(file, path, f"{entry}sample/rotation_angle", data.shape[0], "degrees")
    if angles is not None:
        angles, origins["angles"] = angles[taken], "tag sample/rotation_angle"
    pixel, told = _pixel(detector, (("y_pixel_size", "x_pixel_size"),))
    far = _length(detector, "distance")
    near = _length(file.get(f"{entry}instrument/source"), "distance")
    geometry, more = _beam(pixel, near, far)
    flats, darks = (_picked(path, data, keys == key) for key in (_FLAT, _DARK))
    origins |= {
        k: "tag image_key" for k, v in (("flats", flats), ("darks", darks)) if v is not None
    }
    return Projections(
        _lazy(path, data, taken),
        geometry,
        angles=angles,
        flats=flats,
        darks=darks,
        origins={**origins, **more, **({"pixel_size": told} if pixel else {})},
        conditions=_energy(
            file, f"{entry}instrument/beam/incident_energy", f"{entry}beam/incident_energy"
        ),
        notes=() if pixel else (told,),
    )


def _exchange(file: h5py.File, path: Path) -> Projections:
    group = file["exchange"]
    data = group["data"]
    if data.ndim != 3:
        raise FormatError(
            f"{path}: exchange/data has the shape {data.shape}; projections are (angle, row, column)",
            hint="write the file again",
        )
    angles = _angles(file, path, "exchange/theta", data.shape[0], "degrees")
    extra = {
        what: _lazy(path, group[name], np.ones(group[name].shape[0], dtype=bool))
        for what, name in (("flats", "data_white"), ("darks", "data_dark"))
        if name in group and group[name].ndim == 3 and group[name].shape[0]
    }
    names = (
        (
            "measurement/instrument/detector/y_pixel_size",
            "measurement/instrument/detector/x_pixel_size",
        ),
        (
            "measurement/instrument/detector/pixel_size_y",
            "measurement/instrument/detector/pixel_size_x",
        ),
        ("measurement/instrument/detector/pixel_size",) * 2,
        ("measurement/instrument/detection_system/objective/resolution",) * 2,
    )
    pixel, told = _pixel(file, names)
    origins = {"beam": "convention: Data Exchange is parallel"}
    origins |= {
        what: f"tag exchange/data_{'white' if what == 'flats' else 'dark'}" for what in extra
    }
    if angles is not None:
        origins["angles"] = "tag exchange/theta"
    return Projections(
        _lazy(path, data, np.ones(data.shape[0], dtype=bool)),
        Geometry("parallel", pixel),
        angles=angles,
        origins={**origins, **({"pixel_size": told} if pixel else {})},
        conditions=_energy(file, "measurement/instrument/monochromator/energy"),
        notes=() if pixel else (told,),
        **extra,
    )


def _beam(
    pixel: tuple[float, float] | None, near: float | None, far: float | None
) -> tuple[Geometry, dict[str, str]]:
    """Take a beam as parallel unless its source is nearer than 50 times the detector."""
    if near is not None and far is not None and near < 50 * far:
        told = {"beam": "estimate from the distances", "distances": "tag source, detector"}
        return Geometry("cone", pixel, near, far), told
    return Geometry("parallel", pixel, object_detector=far), (
        {"object_detector": "tag detector/distance"} if far is not None else {}
    )


def _lazy(path: Path, data: h5py.Dataset, taken: NDArray[np.bool_]) -> da.Array:
    from ssbtomo.io.hdf5 import check_storage

    edges = np.flatnonzero(np.diff(np.concatenate([[False], taken, [False]]).astype(int)))
    runs = tuple((int(a), int(b)) for a, b in edges.reshape(-1, 2))
    plane = int(data.shape[1]), int(data.shape[2])
    check_storage(data, path)
    home = str(Path(data.file.filename).absolute())  # a link may lead into another file
    return lazy_array(Hdf5Images(home, data.name, runs, plane, data.dtype.str))


def _picked(path: Path, data: h5py.Dataset, taken: NDArray[np.bool_]) -> da.Array | None:
    return _lazy(path, data, taken) if taken.any() else None


def _small(path: Path, data: h5py.Dataset) -> NDArray[Any]:
    if data.size is None or data.size > _MOST_ANGLES or data.dtype.kind not in "buif":
        raise FormatError(
            f"{path}: {data.name} should be a short row of numbers; it has the shape {data.shape} "
            f"and the type {data.dtype}",
            hint="the file is damaged",
        )
    return np.asarray(data[()])


def _angles(
    file: h5py.File, path: Path, name: str, count: int, otherwise: str
) -> NDArray[np.float64] | None:
    """Read one angle per image in radians; both conventions give degrees without a unit."""
    import h5py

    data = file.get(name)
    if not isinstance(data, h5py.Dataset):
        return None
    values = np.ravel(_small(path, data)).astype(float)
    if values.size != count:
        raise FormatError(
            f"{path}: {name} gives {values.size} angles for {count} images",
            hint="the scan may have been aborted; give the angles: angles_deg=...",
        )
    unit = (_unit(data) or otherwise).lower()
    return values if unit.startswith("rad") else np.deg2rad(values)


def _pixel(
    group: Any, names: tuple[tuple[str, ...], ...]
) -> tuple[tuple[float, float] | None, str]:
    for pair in names:
        high, wide = (_length(group, name) for name in pair)
        if high is not None and wide is not None:
            return (high, wide), f"tag {pair[1]}"
        if pair[1] in group:
            return None, f"{pair[1]} has no unit of length, so the pixel size is unknown"
    return None, "no pixel size is stored"


def _length(group: Any, name: str) -> float | None:
    """Read a length in µm; its sign tells the side, and without a unit it is nothing."""
    import h5py

    data = None if group is None else group.get(name)
    if not isinstance(data, h5py.Dataset) or data.size != 1 or data.dtype.kind not in "iuf":
        return None
    return length(abs(float(np.ravel(data[()])[0])), _unit(data))


def _energy(file: h5py.File, *names: str) -> dict[str, str]:
    import h5py

    for name in names:
        data = file.get(name)
        if isinstance(data, h5py.Dataset) and data.size == 1 and data.dtype.kind in "iuf":
            return {"energy": f"{float(np.ravel(data[()])[0]):.6g} {_unit(data)}".strip()}
    return {}


def _unit(data: h5py.Dataset) -> str:
    unit = data.attrs.get("units", data.attrs.get("unit", ""))
    if isinstance(unit, np.ndarray):
        unit = unit.ravel()[0] if unit.size else ""
    return unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
