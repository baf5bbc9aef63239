"""Measure a labels layer with the library's verbs, one quantity after the other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from napari_ssbtomo.controllers.phases import layer_phases
from napari_ssbtomo.controllers.voxels import labels_spacing, parse_spacing
from ssbtomo.errors import CancelledError, SsbtomoError, VoxelSizeError
from ssbtomo.events import check_cancelled
from ssbtomo.results import Measurement

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    import pandas as pd

    from ssbtomo.units import Spacing

__all__ = ["MeasureOutcome", "MeasureRequest", "measure", "request_for"]

_LOG = logging.getLogger(__name__)

Axis = Literal["z", "y", "x"]
Step = Callable[["MeasureRequest", threading.Event | None], Iterable[Measurement]]


@dataclass(frozen=True, slots=True)
class MeasureRequest:
    """What is measured.

    Parameters
    ----------
    labels : array of int, shape (Z, Y, X)
        NumPy or Dask; one label per voxel.
    spacing : tuple of float or None
        Voxel edges along (Z, Y, X) in µm; ``None`` will do for volume fractions.
    phases : mapping of str to int
        Phase names and their labels.
    name : str
        Name of the layer, which becomes the sample of the rows.
    fractions, areas : bool
        Whether volume fractions and contact areas are wanted.
    tortuosity : str
        Phase whose tortuosity factor is wanted, or empty.
    axis : {"z", "y", "x"}
        Transport axis.
    """

    labels: Any
    spacing: Spacing | None
    phases: Mapping[str, int]
    name: str = ""
    fractions: bool = True
    areas: bool = True
    tortuosity: str = ""
    axis: Axis = "z"


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


def request_for(layer: Any, voxel_size: str = "", **wanted: Any) -> MeasureRequest:
    """Put together what is measured on a labels layer.

    Parameters
    ----------
    layer : napari.layers.Labels or None
        The layer; ``None`` if none was picked.
    voxel_size : str
        Voxel edges as typed by the user; needed for a layer measured in pixels, unless
        only volume fractions are wanted.
    **wanted : object
        `fractions`, `areas`, `tortuosity` and `axis` of the request.

    Returns
    -------
    MeasureRequest
        Ready to be measured.

    Raises
    ------
    SsbtomoError
        If there is no layer, it is no volume, or its voxel size is unknown.
    """
    if layer is None:
        raise SsbtomoError(
            "there is no labels layer to measure",
            hint="open a results folder or a labelled volume, or convert an image to labels",
        )
    spacing = labels_spacing(layer)
    if spacing is None and (wanted.get("areas", True) or wanted.get("tortuosity")):
        spacing = parse_spacing(voxel_size)
    labels = layer.data[0] if layer.multiscale else layer.data
    phases = layer_phases(layer)
    return MeasureRequest(labels, spacing, phases, name=layer.name, **wanted)


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
        The rows; expected errors are returned, not raised, with the rows before them.

    Yields
    ------
    str
        What is being measured now.
    """
    rows: list[Measurement] = []
    try:
        for doing, step in _steps(request):
            yield doing
            rows.extend(step(request, cancel))
            check_cancelled(cancel)
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


def _steps(request: MeasureRequest) -> Iterator[tuple[str, Step]]:
    if request.fractions:
        yield "volume fractions", _fractions
    if request.areas:
        yield "contact areas", _areas
    if request.tortuosity:
        yield f"tortuosity of {request.tortuosity} along {request.axis}", _tortuosity


def _fractions(request: MeasureRequest, cancel: threading.Event | None) -> Iterator[Measurement]:
    found = _shares(request, cancel)
    for phase, share in zip(found["phase"], found["volume_fraction"], strict=True):
        yield Measurement(
            "volume_fraction", str(phase), float(share), "1", "voxel count", sample=request.name
        )


def _areas(request: MeasureRequest, cancel: threading.Event | None) -> Iterator[Measurement]:
    from ssbtomo.blocks import Engine
    from ssbtomo.measure import contact_areas

    shares = _shares(request, cancel)
    shares = shares[shares["voxels"] > 0]
    present = dict(zip(shares["phase"], shares["label"], strict=True))
    found = contact_areas(
        request.labels, _spacing(request), phases=present, engine=Engine(cancel=cancel)
    )
    for pair in found.itertuples():
        values = {"contact_area": (pair.area_um2, "um^2")}
        values["contact_area_per_volume"] = (pair.area_per_volume_um2_um3, "1/um")
        for quantity, (value, unit) in values.items():
            yield Measurement(
                quantity, f"{pair.phase_a}|{pair.phase_b}", value, unit,
                "voxel face x local normal", sample=request.name,
                warnings=(str(pair.warning),) if pair.warning else (),
            )  # fmt: skip


def _tortuosity(request: MeasureRequest, cancel: threading.Event | None) -> Iterator[Measurement]:
    from ssbtomo.measure import tortuosity

    check_cancelled(cancel)
    found = tortuosity(
        request.labels,
        _spacing(request),
        axis=request.axis,
        phase=request.phases[request.tortuosity],
        cancelled=cancel.is_set if cancel else None,
    )
    values = {"tortuosity_factor": found.tau, "effective_conductivity_ratio": found.effective}
    for quantity, value in values.items():
        yield Measurement(
            quantity, request.tortuosity, value, "1", "finite volumes; tau = fraction / effective",
            axis=request.axis, warnings=tuple(found.warnings), sample=request.name,
        )  # fmt: skip


def _shares(request: MeasureRequest, cancel: threading.Event | None) -> pd.DataFrame:
    from ssbtomo.blocks import Engine
    from ssbtomo.measure import volume_fractions

    shares: pd.DataFrame = volume_fractions(
        request.labels, request.phases or None, engine=Engine(cancel=cancel)
    )
    return shares


def _spacing(request: MeasureRequest) -> Spacing:
    if request.spacing is None:  # `request_for` asks first
        raise VoxelSizeError(f"the voxel size of {request.name!r} is not known")
    return request.spacing
