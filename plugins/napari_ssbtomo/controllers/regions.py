"""Regions of a volume: a box from a drawn shape or from what the window shows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from ssbtomo.errors import InputDataError
from ssbtomo.units import Spacing, format_length

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Box", "box_of_shapes", "box_of_view", "whole_box"]


@dataclass(frozen=True, slots=True)
class Box:
    """Voxels from `start` to before `stop`, along (Z, Y, X).

    Parameters
    ----------
    start, stop : tuple of int
        Corners.
    """

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each axis."""
        z, y, x = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def voxels(self) -> int:
        """How many there are."""
        return prod(self.shape)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Indexes into a volume."""
        z, y, x = (slice(a, b) for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    def told(self, spacing: Spacing | None = None) -> str:
        """Say how large it is.

        Parameters
        ----------
        spacing : tuple of float or None
            Voxel edges in µm, where they are known.

        Returns
        -------
        str
            In voxels, and as lengths.
        """
        size = " × ".join(map(str, self.shape))
        if spacing is None:
            return f"{size} voxels"
        edges = (format_length(n * d, 4) for n, d in zip(self.shape, spacing, strict=True))
        return f"{size} voxels, {' × '.join(edges)}"


def whole_box(shape: tuple[int, ...]) -> Box:
    """Return all of a volume.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).

    Returns
    -------
    Box
        From the first voxel to the last.
    """
    z, y, x = shape[-3:]
    return Box((0, 0, 0), (int(z), int(y), int(x)))


def box_of_shapes(shapes: Any, layer: Any) -> Box:
    """Return the box around the selected shapes, or around all if none is selected.

    Parameters
    ----------
    shapes : napari.layers.Shapes or None
        Rectangles and the like. One that was drawn in a slice, and so has no depth, stands for
        all slices; draw two, in the first and in the last slice, for a box between them.
    layer : napari.layers.Layer
        What the box is of.

    Returns
    -------
    Box
        Inside the volume.

    Raises
    ------
    InputDataError
        If nothing was drawn, or the shapes are beside the volume.
    """
    import numpy as np

    if shapes is None or len(shapes.data) == 0:
        raise InputDataError(
            "there is no shape to measure in",
            hint="add a Shapes layer (beside Points, above the list of layers), draw a rectangle, "
            "and pick that layer",
        )
    chosen = sorted(shapes.selected_data) or range(len(shapes.data))
    corners = np.concatenate([_in_voxels(shapes, shapes.data[n], layer) for n in chosen])
    size = np.array(layer.level_shapes[0] if layer.multiscale else layer.data.shape)[-3:]
    low = np.floor(corners.min(axis=0) + 0.5).astype(int)
    high = np.ceil(corners.max(axis=0) + 0.5).astype(int)
    flat = np.ptp(corners, axis=0) < 0.5
    low[flat], high[flat] = 0, size[flat]
    return _inside(low, high, size, layer)


def box_of_view(layer: Any, centre: tuple[float, ...], most: int) -> Box:
    """Return what the window shows of a layer, as thick as the voxels allow.

    Parameters
    ----------
    layer : napari.layers.Image or napari.layers.Labels
        The layer.
    centre : tuple of float
        The point of the world in the middle of the view, along the layer's axes.
    most : int
        Voxels that the box may have.

    Returns
    -------
    Box
        A cube in world units around the point, cut at the faces of the volume.
    """
    import numpy as np

    size = np.array(layer.level_shapes[0] if layer.multiscale else layer.data.shape)[-3:]
    edges = np.asarray(layer.scale)[-3:]
    middle = np.asarray(layer.world_to_data(centre))[-3:]
    half = (most * float(np.prod(edges))) ** (1 / 3) / 2 / edges
    low = np.clip(np.floor(middle - half), 0, np.maximum(size - 2 * np.floor(half), 0)).astype(int)
    high = np.minimum(low + np.maximum(np.floor(2 * half), 1).astype(int), size)
    return _inside(low, high, size, layer)


def _in_voxels(shapes: Any, corners: NDArray[Any], layer: Any) -> NDArray[Any]:
    """Return corners in the voxels of a layer; the two may have different numbers of axes."""
    import numpy as np

    world = np.array([shapes.data_to_world(corner) for corner in corners])
    lead = layer.ndim - world.shape[1]
    if lead > 0:  # a plane that was drawn over volumes: all slices
        world = np.pad(world, [(0, 0), (lead, 0)])
    found = np.array([layer.world_to_data(point[-layer.ndim :]) for point in world])
    return found[:, -3:]


def _inside(low: Any, high: Any, size: Any, layer: Any) -> Box:
    low, high = low.clip(0, size), high.clip(0, size)
    if (high <= low).any():
        raise InputDataError(
            f"the box lies beside {layer.name!r}", hint="draw it over the volume that is measured"
        )
    z, y, x = (int(n) for n in low)
    to_z, to_y, to_x = (int(n) for n in high)
    return Box((z, y, x), (to_z, to_y, to_x))
