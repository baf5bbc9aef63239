"""Measure a labels layer with the library's verbs, one quantity after the other."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from napari_ssbtomo.controllers.phases import layer_phases
from napari_ssbtomo.controllers.voxels import labels_spacing, parse_spacing
from ssbtomo.errors import SsbtomoError
from ssbtomo.results import Measurement

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from ssbtomo.units import Spacing

__all__ = ["MeasureOutcome", "MeasureRequest", "measure", "request_for"]

_LOG = logging.getLogger(__name__)

Axis = Literal["z", "y", "x"]


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


def measure(request: MeasureRequest) -> Generator[str, None, MeasureOutcome]:
    """Measure what was asked for.

    Parameters
    ----------
    request : MeasureRequest
        What is measured.

    Yields
    ------
    str
        What is being measured now.

    Returns
    -------
    MeasureOutcome
        The rows; expected errors are returned, not raised, with the rows before them.
    """
    rows: list[Measurement] = []
    try:
        for doing, step in _steps(request):
            yield doing
            rows.extend(step(request))
    except SsbtomoError as error:
        return MeasureOutcome(tuple(rows), str(error))
    except Exception as error:  # noqa: BLE001 - a defect must reach the user, not end the window
        _LOG.exception("measuring %s failed", request.name)
        problem = f"internal error: {type(error).__name__}: {error}"
        return MeasureOutcome(tuple(rows), problem)
    if not rows:
        return MeasureOutcome(problem="nothing was asked for\n  -> tick a quantity or pick a phase")
    return MeasureOutcome(tuple(rows))


def _steps(request: MeasureRequest) -> Iterator[tuple[str, Any]]:
    if request.fractions:
        yield "volume fractions", _fractions
    if request.areas:
        yield "contact areas", _areas
    if request.tortuosity:
        yield f"tortuosity of {request.tortuosity} along {request.axis}", _tortuosity


def _fractions(request: MeasureRequest) -> Iterator[Measurement]:
    from ssbtomo.measure import volume_fractions

    found = volume_fractions(request.labels, phases=request.phases)
    for name, share in found.items():
        yield _row(request, "volume_fraction", name, share, "1", "voxel count")


def _areas(request: MeasureRequest) -> Iterator[Measurement]:
    from ssbtomo.measure import contact_areas

    names = {label: name for name, label in request.phases.items()}
    found = contact_areas(request.labels, request.spacing)
    for pair in found.itertuples():
        subject = f"{names.get(pair.phase_a, pair.phase_a)}|{names.get(pair.phase_b, pair.phase_b)}"
        yield _row(request, "contact_area", subject, pair.area_um2, "um^2", "normals")
        density = pair.area_per_volume_um2_um3
        yield _row(request, "contact_area_per_volume", subject, density, "1/um", "normals")


def _tortuosity(request: MeasureRequest) -> Iterator[Measurement]:
    from ssbtomo.measure import tortuosity

    name, axis = request.tortuosity, request.axis
    found = tortuosity(request.labels, request.spacing, axis=axis, phase=request.phases[name])
    values = {"tortuosity_factor": found.tau, "effective_conductivity_ratio": found.effective}
    for quantity, value in values.items():
        row = _row(request, quantity, name, value, "1", "finite volumes")
        yield replace(row, axis=axis, warnings=tuple(found.warnings))


def _row(  # noqa: PLR0917 - the columns of a row
    request: MeasureRequest, quantity: str, subject: str, value: float, unit: str, estimator: str
) -> Measurement:
    return Measurement(quantity, subject, float(value), unit, estimator, sample=request.name)
