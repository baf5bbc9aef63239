"""The stack doctor: traces of the slices, slices left out, a preview of alignment and cleaning."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.layer_data import LayerData, image_data
from napari_ssbtomo.controllers.preferences import preferences
from napari_ssbtomo.controllers.voxels import kind_of, labels_spacing, levels_of_layer
from ssbtomo.errors import AxisError, CancelledError, InputDataError, SsbtomoError

if TYPE_CHECKING:
    from napari_ssbtomo.controllers.recipe_draft import RecipeDraft
    from ssbtomo.reconstruct.stack_look import SliceTraces

__all__ = [
    "TRACES",
    "Examined",
    "Previewed",
    "examine",
    "left_out_text",
    "preview",
    "read_left_out",
    "stack_of",
    "write_left_out",
]

_LOG = logging.getLogger(__name__)
_LEFT_OUT = ("reconstruct", "fib_sem", "left_out")
_PREVIEW_VOXELS = 24 * 10**6
_PREVIEW_SLICES = 64

#: Names of the traces that are plotted, with what they are.
TRACES = {
    "sharpness": "steepness of edges (1/pixel)",
    "mean": "brightness (grey value)",
    "contrast": "contrast (grey value)",
    "noise": "noise (grey value)",
    "bands": "bands of rows (grey value)",
    "curtains": "curtains (grey value)",
    "drift y": "drift along y (pixel)",
    "drift x": "drift along x (pixel)",
}


@dataclass(frozen=True, slots=True)
class Examined:
    """How an examination, or a preview, ended.

    Parameters
    ----------
    traces : SliceTraces or None
        What was found.
    problem : str
        What went wrong and what to do; empty if nothing did.
    """

    traces: SliceTraces | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a preview shows.

    Parameters
    ----------
    layers : list of LayerData
        Before and after, in place.
    said : str
        What was done, in words.
    problem : str
        What went wrong and what to do.
    """

    layers: list[LayerData] = field(default_factory=list)
    said: str = ""
    problem: str = ""


def stack_of(layer: Any) -> Any:
    """Return the slices of a layer, at full resolution.

    Parameters
    ----------
    layer : napari.layers.Image or None
        The layer that was picked.

    Returns
    -------
    array, shape (Z, Y, X)
        Nothing is read.

    Raises
    ------
    InputDataError
        If there is none, or it is no grey volume.
    AxisError
        If it has not three axes.
    """
    if layer is None:
        raise InputDataError(
            "there is no grey volume to examine", hint="open a stack, and pick it here"
        )
    if kind_of(layer) != "image":
        raise InputDataError(
            f"{layer.name!r} holds {kind_of(layer)}, not grey values",
            hint="pick the layer with the slices as they were recorded",
        )
    if getattr(layer, "rgb", False):
        raise InputDataError(f"{layer.name!r} is in colour", hint="pick a grey volume")
    stack = levels_of_layer(layer)[0]
    if stack.shape[0] < 2:
        raise AxisError(f"{layer.name!r} has a single slice", hint="pick a stack along z")
    return stack


def examine(
    stack: Any, cancel: threading.Event, *, phases: int = 3, drift: bool = True
) -> Generator[SliceTraces, None, Examined]:
    """Look at every slice.

    Parameters
    ----------
    stack : array, shape (Z, Y, X)
        From `stack_of`.
    cancel : threading.Event
        Set it to stop.
    phases : int
        Grey classes that the slices show.
    drift : bool
        Whether the drift is found, too.

    Returns
    -------
    Examined
        The traces; expected errors are returned, not raised.

    Yields
    ------
    SliceTraces
        What is known so far.
    """
    from ssbtomo.blocks import Engine
    from ssbtomo.reconstruct import slice_traces

    found = None
    try:
        with Engine.start("threads", preferences().threads, cancel=cancel) as engine:
            for found in slice_traces(stack, engine, phases=phases, drift=drift):
                yield found
    except CancelledError:
        return Examined(found, "cancelled; what was found is shown")
    except SsbtomoError as error:
        return Examined(found, str(error))
    except Exception as error:  # noqa: BLE001 - a defect must reach the user, not end the window
        _LOG.exception("the stack could not be examined")
        return Examined(found, f"internal error: {type(error).__name__}: {error}")
    return Examined(found)


def preview(
    layer: Any, draft: RecipeDraft, centre: int, cancel: threading.Event
) -> Generator[str, None, Previewed]:
    """Align and clean some slices as the recipe says, and show them before and after.

    Parameters
    ----------
    layer : napari.layers.Image
        The stack.
    draft : RecipeDraft
        The recipe; its section of FIB-SEM stacks is used, with the slices left out.
    centre : int
        The slice in the middle of the preview.
    cancel : threading.Event
        Set it to stop.

    Returns
    -------
    Previewed
        Up to 64 slices, before and after, in the same place; expected errors are returned.

    Yields
    ------
    str
        What is being done.
    """
    try:
        stack, spacing = stack_of(layer), labels_spacing(layer)
        first, last = _window(stack.shape, centre)
        yield f"aligning and cleaning slices {first} to {last - 1}"
        done = _reconstructed(stack[first:last], (first, spacing), draft, cancel)
    except CancelledError:
        return Previewed(problem="cancelled")
    except SsbtomoError as error:
        return Previewed(problem=str(error))
    except Exception as error:  # noqa: BLE001 - a defect must reach the user, not end the window
        _LOG.exception("the preview of %s failed", layer)
        return Previewed(problem=f"internal error: {type(error).__name__}: {error}")
    return _shown(layer, stack[first:last], first, done)


def _window(shape: tuple[int, ...], centre: int) -> tuple[int, int]:
    count = max(min(_PREVIEW_SLICES, _PREVIEW_VOXELS // max(shape[1] * shape[2], 1)), 8)
    first = min(max(centre - count // 2, 0), max(shape[0] - count, 0))
    return first, min(first + count, shape[0])


def _reconstructed(slices: Any, place: tuple[int, Any], draft: RecipeDraft, cancel: Any) -> Any:
    import dask.array as da
    import numpy as np

    from ssbtomo.reconstruct import fib_sem
    from ssbtomo.volume import Volume

    first, spacing = place
    options = _options(draft, first, slices.shape[0])
    voxels: Any = da.from_array(np.asarray(slices), chunks=(16, -1, -1))
    # without a voxel size a preview is in pixels: nothing in it is a length
    volume = Volume(voxels, spacing or (1.0, 1.0, 1.0))
    phases = min(max(len(draft.get(("phases",), ())), 2), 5)
    return fib_sem(volume, options, phases=phases, workers=preferences().threads, cancel=cancel)


def _options(draft: RecipeDraft, first: int, count: int) -> Any:
    from pydantic import ValidationError

    from ssbtomo.model import FibSem

    told = dict(draft.get(("reconstruct", "fib_sem"), {}))
    out = [n - first for n in read_left_out(draft) if first <= n < first + count]
    told |= {"left_out": out, "canvas": "common", "thickness": "given"}
    told.pop("positions", None)  # they are of the whole stack
    told.pop("cubic_voxels", None)
    try:
        return FibSem.model_validate(told)
    except ValidationError as error:
        raise InputDataError(
            f"the recipe's section reconstruct.fib_sem: {error.errors()[0]['msg']}",
            hint="correct it in the recipe dock",
        ) from error


def _shown(layer: Any, slices: Any, first: int, done: Any) -> Previewed:
    import numpy as np

    lead = layer.ndim - 3
    scale, place = np.asarray(layer.scale), np.asarray(layer.translate)
    top, left = done.placed.canvas.start
    start = np.array([0] * lead + [first, top, left])
    z, y, x = done.volume.shape
    before = np.asarray(slices)[:z, top : top + y, left : left + x]
    after = np.asarray(done.volume.data)
    common = {
        "scale": tuple(scale), "translate": tuple(place + scale * start), "units": layer.units,
        "axis_labels": layer.axis_labels, "contrast_limits": tuple(layer.contrast_limits),
    }  # fmt: skip
    index = (None,) * lead
    layers = [
        image_data(
            [voxels[index]],
            {**common, "name": f"{layer.name}, {name}", "visible": name == "after"},
            {"source": f"preview, {name}"},
        )
        for name, voxels in (("before", before), ("after", after))
    ]
    moved = np.ptp(done.drift.found, axis=0)
    flagged = ", ".join(f"{first + s.index} ({s.reason})" for s in done.flagged) or "none"
    said = (
        f"slices {first} to {first + len(slices) - 1}: drift of {moved[0]:.1f} rows and "
        f"{moved[1]:.1f} columns{', left as it is' if done.drift.aligned else ', taken away'}; "
        f"slices bridged: {flagged}"
    )
    return Previewed(layers, said)


def read_left_out(draft: RecipeDraft) -> list[int]:
    """Return the slices that the recipe leaves out.

    Parameters
    ----------
    draft : RecipeDraft
        The recipe.

    Returns
    -------
    list of int
        Rising.
    """
    told = draft.get(_LEFT_OUT, ())
    return sorted({int(n) for n in told if isinstance(n, int)}) if told else []


def write_left_out(draft: RecipeDraft, slices: Iterable[int]) -> None:
    """Have the recipe leave slices out; it becomes one of a FIB-SEM stack.

    Parameters
    ----------
    draft : RecipeDraft
        The recipe.
    slices : iterable of int
        Numbers, from 0.
    """
    wanted = sorted(set(slices))
    if wanted and draft.get(("reconstruct", "method")) != "fib-sem":
        draft.set(("reconstruct", "method"), "fib-sem")
    draft.set(_LEFT_OUT, wanted or None)


def left_out_text(slices: Iterable[int]) -> str:
    """Write numbers of slices with runs as ranges.

    Parameters
    ----------
    slices : iterable of int
        Numbers.

    Returns
    -------
    str
        Such as ``"3, 7-9"``; ``"none"`` without any.
    """
    runs: list[list[int]] = []
    for number in sorted(set(slices)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{a}-{b}" if b > a else str(a) for a, b in runs) or "none"
