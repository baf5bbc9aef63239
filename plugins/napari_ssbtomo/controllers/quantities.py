"""The quantities of the measure dock, each by one verb of the library."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from napari_ssbtomo.controllers.preferences import preferences
from ssbtomo.errors import ResourceError, VoxelSizeError
from ssbtomo.events import check_cancelled
from ssbtomo.results import Measurement

if TYPE_CHECKING:
    import pandas as pd

    from ssbtomo.blocks import Engine
    from ssbtomo.units import Spacing

__all__ = ["Axis", "MeasureRequest", "Step", "check_memory", "steps_of"]

Axis = Literal["z", "y", "x"]
Cancel = threading.Event | None

#: Bytes per voxel of what is read as a whole.
_WHOLE = {"tortuosity": 30, "connected share": 14, "particles": 40}


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
    fractions, areas, lines, connected, particles : bool
        Whether volume fractions, contact areas, triple lines, connected shares and particle
        sizes are wanted; the last two of `tortuosity`, or of all phases.
    tortuosity : str
        Phase whose tortuosity factor is wanted, or empty.
    axis : {"z", "y", "x"}
        Transport axis.
    ranges : bool
        Whether ranges are wanted.
    variants : mapping of str to array
        The same region in other segmentations, by name; for the ranges.
    shift : float
        How far their thresholds were moved.
    """

    labels: Any
    spacing: Spacing | None
    phases: Mapping[str, int]
    name: str = ""
    fractions: bool = True
    areas: bool = True
    lines: bool = False
    connected: bool = False
    particles: bool = False
    tortuosity: str = ""
    axis: Axis = "z"
    ranges: bool = False
    variants: Mapping[str, Any] = field(default_factory=dict)
    shift: float = 0.0


Step = Callable[[MeasureRequest, Cancel], Iterable[Measurement]]


def steps_of(request: MeasureRequest) -> Iterator[tuple[str, Step]]:
    """Yield what is to be measured, in words, with the function that does it.

    Parameters
    ----------
    request : MeasureRequest
        What is measured.

    Yields
    ------
    tuple of str and callable
        One quantity after the other.
    """
    if request.fractions:
        yield "volume fractions", _fractions
    if request.areas:
        yield "contact areas", _areas
    if request.lines:
        yield "triple lines", _lines
    if request.connected:
        yield "connected shares", _connected
    if request.tortuosity:
        yield f"tortuosity of {request.tortuosity} along {request.axis}", _tortuosity
    if request.particles and request.tortuosity:
        yield f"particles of {request.tortuosity}", _particles


def check_memory(request: MeasureRequest) -> None:
    """Refuse what does not fit the memory, before it is begun.

    Parameters
    ----------
    request : MeasureRequest
        What is measured.

    Raises
    ------
    ResourceError
        If a quantity that needs the whole volume at once needs more than there is.
    """
    import psutil

    asked = {
        "tortuosity": bool(request.tortuosity),
        "connected share": request.connected,
        "particles": request.particles,
    }
    voxels = prod(request.labels.shape)
    free = int(psutil.virtual_memory().available)
    for name, wanted in asked.items():
        need = _WHOLE[name] * voxels
        if wanted and need > 0.8 * free:
            raise ResourceError(
                f"{name} of {' x '.join(map(str, request.labels.shape))} voxels needs about "
                f"{need / 1e9:.3g} GB of memory, and {free / 1e9:.3g} GB are free",
                hint="measure a box, or run a recipe with transport: {storage: disk}",
            )


def _engine(cancel: Cancel) -> Engine:
    from ssbtomo.blocks import Engine

    return Engine.start("threads", preferences().threads, cancel=cancel)


def _fractions(request: MeasureRequest, cancel: Cancel) -> Iterator[Measurement]:
    found = _shares(request, cancel)
    for phase, share in zip(found["phase"], found["volume_fraction"], strict=True):
        yield Measurement(
            "volume_fraction", str(phase), float(share), "1", "voxel count", sample=request.name
        )


def _areas(request: MeasureRequest, cancel: Cancel) -> Iterator[Measurement]:
    from ssbtomo.measure import contact_areas

    with _engine(cancel) as engine:
        found = contact_areas(
            request.labels, _spacing(request), phases=_present(request, cancel), engine=engine
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


def _lines(request: MeasureRequest, cancel: Cancel) -> Iterator[Measurement]:
    from ssbtomo.measure import triple_lines

    with _engine(cancel) as engine:
        found = triple_lines(
            request.labels, _spacing(request), phases=_present(request, cancel), engine=engine
        )
    for line in found.itertuples():
        subject = f"{line.phase_a}|{line.phase_b}|{line.phase_c}"
        yield Measurement(
            "triple_line_per_volume", subject, line.length_per_volume_um_um3, "1/um^2",
            "voxel edge x local tangent", sample=request.name,
        )  # fmt: skip


def _connected(request: MeasureRequest, cancel: Cancel) -> Iterator[Measurement]:
    from ssbtomo.measure import connectivity

    for name, label in _present(request, cancel).items():
        check_cancelled(cancel)
        found = connectivity(request.labels, label)
        yield Measurement(
            "connected_fraction", name, found.spanning[request.axis], "1",
            "share of voxels whose 6-connected component joins both faces", axis=request.axis,
            sample=request.name,
        )  # fmt: skip


def _tortuosity(request: MeasureRequest, cancel: Cancel) -> Iterator[Measurement]:
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


def _particles(request: MeasureRequest, cancel: Cancel) -> Iterator[Measurement]:
    from ssbtomo.measure import particles

    found = particles(
        request.labels,
        _spacing(request),
        request.phases[request.tortuosity],
        cancelled=cancel.is_set if cancel else None,
    )
    how = "particles cut at their necks"
    whole = [not cut for cut in found.table["touches_border"]]
    said = () if any(whole) else ("every particle is cut by the border of the region",)
    yield Measurement(
        "particle_count", request.tortuosity, float(len(found.table)), "1", how,
        sample=request.name, warnings=said,
    )  # fmt: skip
    for percent in (10, 50, 90):
        yield Measurement(
            f"particle_diameter_d{percent}", request.tortuosity, found.diameter(percent), "um",
            f"{how}; by volume", sample=request.name, warnings=said,
        )  # fmt: skip


def _present(request: MeasureRequest, cancel: Cancel) -> dict[str, int]:
    shares = _shares(request, cancel)
    shares = shares[shares["voxels"] > 0]
    return {
        str(phase): int(label)
        for phase, label in zip(shares["phase"], shares["label"], strict=True)
    }


def _shares(request: MeasureRequest, cancel: Cancel) -> pd.DataFrame:
    from ssbtomo.measure import volume_fractions

    with _engine(cancel) as engine:
        shares: pd.DataFrame = volume_fractions(
            request.labels, request.phases or None, engine=engine
        )
    return shares


def _spacing(request: MeasureRequest) -> Spacing:
    if request.spacing is None:  # `request_for` asks first
        raise VoxelSizeError(f"the voxel size of {request.name!r} is not known")
    return request.spacing
