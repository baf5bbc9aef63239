"""Slices out of the OME-Zarr stores of a results folder, at a size that fits a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import OutputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Level", "open_level"]


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of a store, read as it is sliced.

    Parameters
    ----------
    array : zarr.Array
        The voxels, (Z, Y, X).
    spacing : tuple of float
        Voxel edges of this level along (Z, Y, X) in µm.
    path : str
        Which level it is.
    """

    array: Any
    spacing: tuple[float, float, float]
    path: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (Z, Y, X)."""
        z, y, x = self.array.shape
        return int(z), int(y), int(x)

    def middle(self, axis: int) -> NDArray[Any]:
        """Return the slice through the middle, normal to an axis.

        Parameters
        ----------
        axis : int
            0, 1, 2 for z, y, x.

        Returns
        -------
        ndarray, 2-D
            The two other axes, in order.
        """
        where: list[slice | int] = [slice(None)] * 3
        where[axis] = self.shape[axis] // 2
        return np.asarray(self.array[tuple(where)])

    def position(self, axis: int) -> float:
        """Return where the middle slice lies, in µm from the first voxel's edge.

        Parameters
        ----------
        axis : int
            0, 1, 2 for z, y, x.

        Returns
        -------
        float
            The position of its centre.
        """
        return (self.shape[axis] // 2 + 0.5) * self.spacing[axis]


def open_level(path: Path, largest: int) -> Level:
    """Open the finest level of a store that is small enough, else its coarsest.

    Parameters
    ----------
    path : pathlib.Path
        An OME-Zarr 0.4 or 0.5 multiscale image with axes (Z, Y, X).
    largest : int
        Voxels wanted along the longest axis, at most.

    Returns
    -------
    Level
        The level.

    Raises
    ------
    OutputError
        If the store cannot be read.
    """
    import zarr

    try:
        group = zarr.open_group(str(path), mode="r")
        attributes = dict(group.attrs)
        scales = attributes.get("ome", attributes)["multiscales"][0]
        levels = [_level(group, scales, dataset) for dataset in scales["datasets"]]
    except (KeyError, IndexError, ValueError, FileNotFoundError) as error:
        raise OutputError(
            f"{path} is not an OME-Zarr image that can be read ({error})",
            hint="run the recipe again; the report needs whole results",
        ) from error
    fitting = [level for level in levels if max(level.shape) <= largest]
    return fitting[0] if fitting else levels[-1]


def _level(group: Any, scales: dict[str, Any], dataset: dict[str, Any]) -> Level:
    array = group[dataset["path"]]
    scale = next(t["scale"] for t in dataset["coordinateTransformations"] if t["type"] == "scale")
    units = [axis.get("unit", "micrometer") for axis in scales["axes"]]
    factor = [_IN_MICROMETRES.get(unit, 1.0) for unit in units]
    z, y, x = (float(edge) * f for edge, f in zip(scale, factor, strict=True))
    return Level(array, (z, y, x), str(dataset["path"]))


_IN_MICROMETRES = {"nanometer": 1e-3, "micrometer": 1.0, "millimeter": 1e3}
