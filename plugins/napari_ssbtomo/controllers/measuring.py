"""Measure a labels layer, a box of it, or some of its labels, one quantity after the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.phases import layer_phases
from napari_ssbtomo.controllers.quantities import MeasureRequest, check_memory, steps_of
from napari_ssbtomo.controllers.ranging import with_ranges
from napari_ssbtomo.controllers.regions import Box, whole_box
from napari_ssbtomo.controllers.voxels import (
    kind_of,
    labels_spacing,
    levels_of_layer,
    parse_spacing,
)
from ssbtomo.errors import (
    AxisError,
    CancelledError,
    InputDataError,
    PhaseMissingError,
    SsbtomoError,
)
from ssbtomo.events import check_cancelled
from ssbtomo.results import Measurement

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["MeasureOutcome", "MeasureRequest", "measure", "request_for"]

_LOG = logging.getLogger(__name__)
_LENGTHS = ("areas", "lines", "tortuosity", "particles")
_MOST_PHASES = 12


@dataclass(frozen=True, slots=True)
class MeasureOutcome:
    """What was measured, and what went wrong.

    Parameters
    ----------
    measurements : tuple of Measurement
        The rows that were reached.
    problem : str
        What went wrong and what to do; empty if nothing did.
    """

    measurements: tuple[Measurement, ...] = field(default=())
    problem: str = ""


def request_for(
    layer: Any,
    voxel_size: str = "",
    *,
    box: Box | None = None,
    only: Sequence[str] = (),
    step: int = 0,
    phases: dict[str, int] | None = None,
    **wanted: Any,
) -> MeasureRequest:
    """Put together what is measured on a labels layer.

    Parameters
    ----------
    layer : napari.layers.Labels or None
        The layer; ``None`` if none was picked.
    voxel_size : str
        Voxel edges as typed by the user; needed for a layer measured in pixels, unless
        only volume fractions are wanted.
    box : Box, optional
        A part of the volume; all of it if not given.
    only : sequence of str
        Phases that are measured; all if empty.
    step : int
        Which step of a series.
    phases : dict of str to int, optional
        Those that were found in the voxels, where the layer does not name any.
    **wanted : object
        What is asked for, as of `MeasureRequest`.

    Returns
    -------
    MeasureRequest
        Ready to be measured.

    Raises
    ------
    SsbtomoError
        If there is no layer, it is no volume of labels, its voxel size is unknown, or the box
        or the choice of phases is empty.
    """
    if layer is None:
        raise SsbtomoError(
            "there is no labels layer to measure",
            hint="open a results folder or a labelled volume, or convert an image to labels",
        )
    if kind_of(layer) != "labels":
        raise InputDataError(
            f"{layer.name!r} is a layer of {kind_of(layer)}, not of labels",
            hint="segment it first, or pick a labels layer",
        )
    spacing = labels_spacing(layer)
    if spacing is None and _needs_length(wanted):
        spacing = parse_spacing(voxel_size)
    region = box or whole_box(levels_of_layer(layer, step)[0].shape)
    if not region.voxels:
        raise AxisError(f"the labels of {layer.name!r} are empty, {region.shape}")
    known = phases or layer_phases(layer)
    chosen = _chosen(known, only, layer.name)
    labels = _cut(levels_of_layer(layer, step)[0], region)
    name = layer.name if box is None else f"{layer.name}, box"
    request = MeasureRequest(labels, spacing, chosen, name=name, **wanted)
    return with_ranges(request, layer, region) if request.ranges else request


def _cut(voxels: Any, region: Box) -> Any:
    """Return a box of an array without reading it."""
    import numpy as np

    if not isinstance(voxels, np.ndarray) and not hasattr(voxels, "dask"):
        import dask.array as da

        voxels = da.from_array(voxels, chunks=getattr(voxels, "chunks", "auto"), name=False)
    return voxels[region.slices]


def _needs_length(wanted: dict[str, Any]) -> bool:
    return bool(wanted.get("areas", True) or any(wanted.get(name) for name in _LENGTHS[1:]))


def _chosen(known: dict[str, int], only: Sequence[str], name: str) -> dict[str, int]:
    missing = sorted(set(only) - set(known))
    if missing:
        raise PhaseMissingError(
            f"{name!r} has no phase {missing[0]!r}", hint=f"it has: {', '.join(known) or 'none'}"
        )
    if len(known) > _MOST_PHASES:
        raise InputDataError(
            f"{name!r} holds {len(known)} labels: objects, as it seems, and not phases",
            hint="measure the layer of the phases; what is known of objects is in the dock Inspect",
        )
    return {phase: label for phase, label in known.items() if not only or phase in only}


def measure(
    request: MeasureRequest, cancel: threading.Event | None = None
) -> Generator[str, None, MeasureOutcome]:
    """Measure what was asked for.

    Parameters
    ----------
    request : MeasureRequest
        What is measured.
    cancel : threading.Event, optional
        Set it to stop: between blocks, and between iterations.

    Returns
    -------
    MeasureOutcome
        The rows, with ranges if they were asked for; expected errors are returned, not raised,
        with the rows before them.

    Yields
    ------
    str
        What is being measured now.
    """
    rows: list[Measurement] = []
    try:
        check_memory(request)
        for doing, step in steps_of(request):
            yield doing
            rows.extend(step(request, cancel))
            check_cancelled(cancel)
        if request.ranges and rows:
            rows = yield from _ranged(request, rows, cancel)
    except CancelledError:
        return MeasureOutcome(tuple(rows), "cancelled; the rows that were reached are shown")
    except SsbtomoError as error:
        return MeasureOutcome(tuple(rows), str(error))
    except Exception as error:  # noqa: BLE001 - a defect must reach the user, not end the window
        _LOG.exception("measuring %s failed", request.name)
        problem = f"internal error: {type(error).__name__}: {error}"
        return MeasureOutcome(tuple(rows), problem)
    if not rows:
        return MeasureOutcome(problem="nothing was asked for\n  -> tick a quantity or pick a phase")
    return MeasureOutcome(tuple(rows))


def _ranged(
    request: MeasureRequest, rows: list[Measurement], cancel: threading.Event | None
) -> Generator[str, None, list[Measurement]]:
    from ssbtomo.stages.quantify.ranges import HALVED, Variants, ranged

    found: dict[str, list[Measurement]] = {}
    for name, labels in request.variants.items():
        spacing = request.spacing
        if name == HALVED and spacing is not None:
            spacing = (2 * spacing[0], 2 * spacing[1], 2 * spacing[2])
        varied = replace(request, labels=labels, spacing=spacing, particles=False)
        found[name] = []
        for doing, step in steps_of(varied):
            yield f"{doing}, {name}"
            try:
                found[name].extend(step(varied, cancel))
            except PhaseMissingError:  # a moved threshold may wipe a phase out of a box
                continue
            check_cancelled(cancel)
    return ranged(rows, Variants(found, request.shift))[0]
