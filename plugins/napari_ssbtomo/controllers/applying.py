"""Segment a whole volume, or a box of it, in the background, and show it as it grows."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.annotating import roomy
from napari_ssbtomo.controllers.phases import colored, named
from napari_ssbtomo.controllers.picking import Pick, paint_colors
from napari_ssbtomo.controllers.training import hands_for_blocks
from napari_ssbtomo.controllers.working import Hands
from ssbtomo.errors import InputDataError

if TYPE_CHECKING:
    from napari_ssbtomo.controllers.opening import LayerData
    from ssbtomo.segment.application import Applied
    from ssbtomo.segment.voxel_model import VoxelModel

__all__ = [
    "ApplyRequest",
    "Box",
    "Growth",
    "applied_layers",
    "apply_request",
    "box_around",
    "box_in_view",
    "inside",
    "parse_box",
]

Box = tuple[slice, slice, slice]
_RANGE = re.compile(r"\s*(\d+)\s*[:-]\s*(\d+)\s*")


def parse_box(text: str, shape: tuple[int, int, int]) -> Box | None:
    """Read a box, as typed into a form.

    Parameters
    ----------
    text : str
        Such as ``"0:40, 100:228, 64:192"`` along (Z, Y, X); empty for the whole volume.
    shape : tuple of int
        Voxels of the volume.

    Returns
    -------
    tuple of slice or None
        ``None`` for the whole volume.

    Raises
    ------
    InputDataError
        If it is not three ranges inside the volume.
    """
    if not text.strip():
        return None
    parts = [_RANGE.fullmatch(part) for part in text.split(",")]
    ends = [(int(part[1]), int(part[2])) for part in parts if part]
    fits = len(ends) == len(parts) == 3 and all(
        0 <= a < b <= n for (a, b), n in zip(ends, shape, strict=True)
    )
    if not fits:
        z, y, x = shape
        raise InputDataError(
            f"the box {text.strip()!r} is not three ranges inside the volume",
            hint=f"write first:last along Z, Y, X, within 0:{z}, 0:{y}, 0:{x}; or leave it empty",
        )
    (z0, z1), (y0, y1), (x0, x1) = ends
    return slice(z0, z1), slice(y0, y1), slice(x0, x1)


def box_around(layer: Any, corners: Any, point: Any, depth: int = 64) -> str:
    """Return the box that is in view, as text for `parse_box`.

    Parameters
    ----------
    layer : napari.layers.Layer
        The volume.
    corners : array_like, shape (2, 3)
        Voxels of the layer's finest level at two corners of the view.
    point : array_like, shape (3,)
        Voxel in the middle of what is looked at.
    depth : int
        Voxels of the box along an axis that the view is normal to.

    Returns
    -------
    str
        The box.
    """
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    parts = []
    for axis, size in enumerate(shape):
        low, high = sorted((int(corners[0][axis]), int(corners[1][axis]) + 1))
        if high - low <= 1:
            low, high = int(point[axis]) - depth // 2, int(point[axis]) + depth // 2
        low, high = max(low, 0), min(high, size)
        parts.append(f"{low}:{max(high, low + 1)}")
    return ", ".join(parts)


def box_in_view(layer: Any, point: Any) -> str:
    """Return the box of a layer that the window shows, as text for `parse_box`.

    Parameters
    ----------
    layer : napari.layers.Layer
        The volume.
    point : sequence of float
        The viewer's point.

    Returns
    -------
    str
        The box.
    """
    corners = layer.corner_pixels
    if layer.multiscale:
        corners = (corners * layer.downsample_factors[layer.data_level]).astype(int)
    return box_around(layer, corners, layer.world_to_data(point[-3:]))


@dataclass(frozen=True, slots=True, eq=False)
class ApplyRequest:
    """What is segmented, how, and where to.

    Parameters
    ----------
    pick : Pick
        The volume.
    phases : tuple of str
        Names of the phases.
    folder : pathlib.Path
        Where the stores go.
    model : VoxelModel, optional
        A trained classifier; or
    thresholds : tuple of float
        Rising grey values.
    repair : bool
        Whether partial volume is repaired, at thresholds.
    box : tuple of slice, optional
        The box; the whole volume if absent.
    roles : mapping of str to str
        Roles of the phases.
    block : int
        Edge of the blocks in voxels.
    """

    pick: Pick
    phases: tuple[str, ...]
    folder: Path
    model: VoxelModel | None = None
    thresholds: tuple[float, ...] = ()
    repair: bool = True
    box: Box | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    block: int = 64


class Growth:
    """The labels of a segmentation on its way: what is finished so far.

    Parameters
    ----------
    request : ApplyRequest
        What is segmented.
    """

    def __init__(self, request: ApplyRequest) -> None:
        import numpy as np

        whole = request.pick.shape
        box = request.box or tuple(slice(0, n) for n in whole)
        self.start = tuple(int(cut.start) for cut in box)
        self.labels = roomy(tuple(int(cut.stop - cut.start) for cut in box), np.uint8)
        self._request = request
        self._lock = threading.Lock()
        self._news = 0

    def put(self, block: Any, store: Any) -> None:
        """Take over a finished block; called in the thread that works.

        Parameters
        ----------
        block : ssbtomo.blocks.Block
            Where it lies in the volume.
        store : Source
            Labels from 0, addressed in the volume.
        """
        import numpy as np

        here = tuple(
            slice(a - low, b - low)
            for a, b, low in zip(block.start, block.stop, self.start, strict=True)
        )
        self.labels[here] = np.asarray(store[block.core]) + np.uint8(1)
        with self._lock:
            self._news += 1

    def fresh(self) -> bool:
        """Tell whether there is more to show than at the last call.

        Returns
        -------
        bool
            Whether blocks were finished since.
        """
        with self._lock:
            news, self._news = self._news, 0
        return news > 0

    def layer(self, over: Any) -> LayerData:
        """Return the layer that shows what is finished.

        Parameters
        ----------
        over : napari.layers.Image
            The volume that is segmented.

        Returns
        -------
        LayerData
            Labels from 1; 0, where nothing is finished, is transparent.
        """
        request = self._request
        numbers = {name: number for number, name in enumerate(request.phases, start=1)}
        meta = {
            "name": "segmenting …",
            "colormap": colored(numbers, paint_colors(request.phases, request.roles)),
            "features": named(numbers),
            "opacity": 0.5,
            "metadata": {"ssbtomo": {"part": "growing", "phases": numbers}},
            **inside(over, self.start),
        }
        return self.labels, meta, "labels"


def inside(over: Any, start: Sequence[int]) -> dict[str, Any]:
    """Return the arguments that put a layer where a box of another one lies.

    Parameters
    ----------
    over : napari.layers.Layer
        The other layer.
    start : sequence of int
        First voxel of the box in it.

    Returns
    -------
    dict
        ``scale``, ``translate``, ``units`` and ``axis_labels``.
    """
    moved = [t + s * n for t, s, n in zip(over.translate, over.scale, start, strict=True)]
    return {
        "scale": tuple(over.scale),
        "translate": tuple(moved),
        "units": tuple(over.units),
        "axis_labels": tuple(over.axis_labels),
    }


def apply_request(request: ApplyRequest, growth: Growth, hands: Hands) -> Applied:
    """Segment what was asked for; blocks that an interrupted call finished are taken over.

    Parameters
    ----------
    request : ApplyRequest
        What is segmented.
    growth : Growth
        Takes the finished blocks.
    hands : Hands
        Told how far it is; may stop it.

    Returns
    -------
    Applied
        The finished stores.

    Raises
    ------
    SsbtomoError
        If the volume does not fit, the disk is full, or it was cancelled: then finished blocks
        stay for the next call.
    """
    from ssbtomo.blocks import Engine
    from ssbtomo.segment.application import Place, apply_model, apply_thresholds

    def told(block: Any, store: Any, done: int, total: int) -> None:
        growth.put(block, store)
        hands.tell(f"block {done} of {total}", done, total)

    hands.tell("reading the volume", 0, 0)
    place = Place(request.folder, request.box, request.block, dict(request.roles))
    pick = request.pick
    with Engine.start("threads", hands_for_blocks(), cancel=hands.cancel) as engine:
        if request.model is not None:
            return apply_model(
                pick.grey, request.model, pick.spacing, place, engine=engine, on_block=told
            )
        return apply_thresholds(
            pick.grey, request.thresholds, request.phases, pick.spacing, place,
            repair=request.repair, engine=engine, on_block=told,
        )  # fmt: skip


def applied_layers(applied: Applied, request: ApplyRequest, over: Any) -> list[LayerData]:
    """Return the layers of a finished segmentation.

    Parameters
    ----------
    applied : Applied
        The stores.
    request : ApplyRequest
        What was segmented.
    over : napari.layers.Image
        The volume.

    Returns
    -------
    list of LayerData
        The phases; and, of a classifier, the uncertainty, hidden at first.
    """
    from napari_ssbtomo.controllers.opening import volume_layers

    layers = []
    placed = inside(over, applied.start)
    ours = {"name": f"phases: {request.pick.name}", **placed}
    for data, meta, kind in volume_layers(applied.labels):
        about = {**meta["metadata"]["ssbtomo"], "part": "phases", "start": list(applied.start)}
        about |= {"over": request.pick.name, "whole": list(request.pick.shape)}
        look = {"colormap": colored(about["phases"], paint_colors(applied.phases, request.roles))}
        layers.append((data, {**meta, **ours, **look, "metadata": {"ssbtomo": about}}, kind))
    if "entropy" in applied.maps:
        for data, meta, kind in volume_layers(applied.maps["entropy"]):
            shown = {"name": f"uncertainty: {request.pick.name}", "visible": False,
                     "colormap": "magma", "contrast_limits": (0, 255), "blending": "additive"}  # fmt: skip
            about = {**meta["metadata"]["ssbtomo"], "part": "entropy"}
            more = {**placed, **shown, "metadata": {"ssbtomo": about}}
            layers.append((data, {**meta, **more}, kind))
    return layers
