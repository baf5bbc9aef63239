"""Conduction: tortuosity factors of phases, conductivities of networks, and maps of both."""

from __future__ import annotations

import contextlib
import hashlib
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo import io
from ssbtomo.kernels.transport import (
    Checkpoint,
    TransportResult,
    electrode,
    geodesic,
    solve,
    tensor,
)
from ssbtomo.model.networks import Network
from ssbtomo.results import Measurement, folder_name
from ssbtomo.stages.desk import write_json
from ssbtomo.stages.quantify.subject import Findings, Subject
from ssbtomo.units import AXES

__all__ = ["measure_transport"]

_ESTIMATOR = "finite volumes, potential fixed on the outer faces; tau = fraction / effective"
_NETWORK = "finite volumes, potential fixed on the outer faces; harmonic means between phases"
_TENSOR = "finite volumes; mean current density over the potential gradient, symmetric part"
_ELECTRODE = "finite volumes, one face held, uniform current into the phase's surface"
_GEODESIC = "shortest ways between 26 neighbours, mean over the last layer"
_REST = 60.0
"""Seconds between two checkpoints of a solve."""
_MICROMETRES = 1e4
"""µm of a conductor of 1 S/cm for 1 Ω cm²."""


@dataclass(frozen=True, slots=True)
class _Conductor:
    """What conducts in one solve: a phase, or the phases of a network."""

    name: str
    conductivities: dict[int, float]
    contacts: dict[tuple[int, int], float] | None = None
    network: bool = False


def measure_transport(subject: Subject) -> Findings:
    """Solve conduction through each phase and network along each axis that the recipe names.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``tortuosity_factor``, ``effective_conductivity_ratio`` and ``macmullin_number`` of
        phases, ``network_conductivity`` and ``network_tortuosity_factor`` of networks, with
        the table ``transport`` of certified bounds; and what `transport_extras` asks for.
    """
    labels = subject.whole()
    found = Findings()
    rows: list[dict[str, Any]] = []
    for conductor in _conductors(subject, labels):
        for axis in subject.settings.tortuosity_axes:
            subject.desk.check_cancelled()
            mapped = subject.full and axis == subject.axis
            wanted = mapped and conductor.name in subject.settings.fields
            place = _Resting(subject, labels, conductor, axis)
            result = solve(
                labels, subject.spacing, AXES.index(axis), conductor.conductivities,
                contacts=conductor.contacts, keep_field=wanted, keep_maps=wanted,
                cancelled=subject.desk.cancelled, keep=place.keep, start=place.load(),
            )  # fmt: skip
            place.clear()
            if mapped and result.field_slice is not None:
                _keep_slice(result, conductor.name, axis, subject)
            if wanted:
                _keep_maps(result, conductor.name, axis, subject)
            found.measurements.extend(_numbers(result, conductor, axis))
            rows.append(_row(result, conductor.name, axis))
        found.measurements.extend(_more(conductor, labels, subject))
    for stale in (subject.desk.work / "quantify").glob("transport-*.npz"):
        stale.unlink()
    if subject.full and rows:
        found.tables["transport"] = {key: [row[key] for row in rows] for key in rows[0]}
    return found


class _Resting:
    """Where a solve rests: its potential on disk, once a minute, until it is done."""

    def __init__(
        self, subject: Subject, labels: NDArray[np.uint8], conductor: _Conductor, axis: str
    ) -> None:
        decides = [
            zlib.crc32(np.ascontiguousarray(labels).data), labels.shape, subject.spacing, axis,
            sorted(conductor.conductivities.items()), sorted((conductor.contacts or {}).items()),
        ]  # fmt: skip
        digest = hashlib.sha256(repr(decides).encode()).hexdigest()[:16]
        self._path = subject.desk.work / "quantify" / f"transport-{digest}.npz"
        self._kept = time.monotonic()

    def keep(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint if the last one is older than a minute."""
        if time.monotonic() - self._kept < _REST:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.tmp.npz")
        with contextlib.suppress(OSError):  # a full disk must not end what goes well without
            np.savez(
                draft, deviation=checkpoint.deviation,
                about=np.array([checkpoint.iterations, checkpoint.norm]),
            )  # fmt: skip
            draft.replace(self._path)
        self._kept = time.monotonic()

    def load(self) -> Checkpoint | None:
        """Return the checkpoint of a killed run, if there is one that can be read."""
        try:
            with np.load(self._path) as stored:
                iterations, norm = stored["about"].tolist()
                return Checkpoint(stored["deviation"], int(iterations), float(norm))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def clear(self) -> None:
        """Remove the checkpoint of a solve that is done."""
        self._path.unlink(missing_ok=True)


def _conductors(subject: Subject, labels: NDArray[np.uint8]) -> Iterator[_Conductor]:
    """Yield the phases and then the networks that occur."""
    for name in subject.settings.tortuosity_phases or subject.names:
        label = subject.label_of(name)
        if (labels == label).any():
            yield _Conductor(name, {label: 1.0})
    for network in subject.settings.networks:
        yield _conductor_of(network, subject)


def _conductor_of(network: Network, subject: Subject) -> _Conductor:
    """Return a network with labels for the names of its phases."""
    values = {subject.label_of(name): v for name, v in network.conductivities.items()}
    contacts = {
        (subject.label_of(one), subject.label_of(two)): _MICROMETRES * value
        for (one, two), value in network.pairs().items()
    }
    return _Conductor(network.name, values, contacts or None, network=True)


def _numbers(result: TransportResult, conductor: _Conductor, axis: str) -> list[Measurement]:
    """Return the numbers of one solve."""
    if conductor.network:
        values = [
            ("network_conductivity", result.effective, "S/cm"),
            ("network_tortuosity_factor", result.tau, "1"),
        ]
    else:
        values = [
            ("tortuosity_factor", result.tau, "1"),
            ("effective_conductivity_ratio", result.effective, "1"),
            ("macmullin_number", result.macmullin, "1"),
        ]
    how = _NETWORK if conductor.network else _ESTIMATOR
    return [
        Measurement(
            quantity, conductor.name, float(value), unit, how, axis, warnings=result.warnings
        )
        for quantity, value, unit in values
    ]


def _more(
    conductor: _Conductor, labels: NDArray[np.uint8], subject: Subject
) -> Iterator[Measurement]:
    """Yield what the recipe asks for beside tortuosity factors."""
    extras = subject.settings.transport_extras
    name, values = conductor.name, conductor.conductivities
    stop = subject.desk.cancelled
    if "tensor" in extras:
        full = tensor(labels, subject.spacing, values, contacts=conductor.contacts, cancelled=stop)
        scale = 1.0 if conductor.network else max(values.values())
        unit = "S/cm" if conductor.network else "1"
        for one, two in product(range(3), range(3)):
            if one <= two:
                value = float(full.effective[one, two]) / scale
                yield Measurement(
                    "conductivity_tensor", name, value, unit, _TENSOR, AXES[one] + AXES[two],
                    warnings=full.warnings,
                )  # fmt: skip
    if "electrode" in extras:
        found = electrode(labels, subject.spacing, AXES.index(subject.axis), values, cancelled=stop)
        yield Measurement(
            "electrode_tortuosity_factor", name, found.tau, "1", _ELECTRODE, subject.axis,
            warnings=found.warnings,
        )  # fmt: skip
    if "geodesic" in extras:
        mask = np.isin(labels, list(values))
        for axis in subject.settings.tortuosity_axes:
            if labels.shape[AXES.index(axis)] > 1:
                ways = geodesic(mask, subject.spacing, AXES.index(axis))
                yield Measurement("geodesic_tortuosity", name, ways.mean, "1", _GEODESIC, axis)


def _row(result: TransportResult, name: str, axis: str) -> dict[str, Any]:
    lower, upper = result.energy_bounds
    return {
        "subject": name, "axis": axis, "effective": result.effective,
        "lower": lower, "upper": upper, "flux_spread": result.flux_spread,
        "iterations": result.iterations, "bytes_per_voxel": round(result.bytes_per_voxel, 1),
    }  # fmt: skip


def _keep_slice(result: TransportResult, name: str, axis: str, subject: Subject) -> None:
    """Write the mid-slice of the potential for the report; rows run along the axis."""
    folder = subject.desk.root / "fields" / folder_name(subject.desk.name)
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"potential-{folder_name(name)}-{axis}"
    spacing = [subject.spacing[index] for index in result.field_slice_axes]
    draft = folder / f".{stem}.tmp.npy"
    np.save(draft, np.asarray(result.field_slice, dtype=np.float32))
    draft.replace(folder / f"{stem}.npy")
    about = {"phase": name, "axis": axis, "spacing_um": spacing}
    write_json(folder / f"{stem}.json", about)


def _keep_maps(result: TransportResult, name: str, axis: str, subject: Subject) -> None:
    """Write potential, current focusing and share of the resistance as volumes."""
    if result.local is None or result.field is None:
        return
    maps = {
        "potential": result.field,
        "flux": result.local.flux,
        "resistance": result.local.resistance,
    }
    folder = subject.desk.root / "fields" / folder_name(subject.desk.name)
    folder.mkdir(parents=True, exist_ok=True)
    for quantity, field in maps.items():
        path = folder / f"{quantity}-{folder_name(name)}-{axis}.ome.zarr"
        store = io.ome_zarr.create(
            path, field.shape, np.float32, subject.spacing,
            block=subject.desk.block, attributes={"quantity": quantity, "subject": name},
        )  # fmt: skip
        for block in subject.grid:
            store[block.window()] = field[block.window()]
        io.ome_zarr.finish(path, subject.desk.engine)
