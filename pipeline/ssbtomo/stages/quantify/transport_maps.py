"""Slices and volumes of potential, current and resistance, beside the results."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ssbtomo import io
from ssbtomo.kernels.transport import TransportResult
from ssbtomo.results import folder_name
from ssbtomo.stages.desk import write_json
from ssbtomo.stages.quantify.subject import Subject

__all__ = ["keep_maps", "keep_slices"]


def keep_slices(result: TransportResult, name: str, axis: str, subject: Subject) -> None:
    """Write the middle slices of potential and current for the report; rows run along the axis.

    Parameters
    ----------
    result : TransportResult
        A solve.
    name : str
        What conducts.
    axis : str
        The transport axis.
    subject : Subject
        What is measured.
    """
    folder = subject.desk.root / "fields" / folder_name(subject.desk.name)
    folder.mkdir(parents=True, exist_ok=True)
    spacing = [subject.spacing[index] for index in result.field_slice_axes]
    about = {"phase": name, "axis": axis, "spacing_um": spacing}
    for quantity, image in (("potential", result.field_slice), ("flux", result.flux_slice)):
        stem = f"{quantity}-{folder_name(name)}-{axis}"
        draft = folder / f".{stem}.tmp.npy"
        np.save(draft, np.asarray(image, dtype=np.float32))
        draft.replace(folder / f"{stem}.npy")
        write_json(folder / f"{stem}.json", about)


def keep_maps(result: TransportResult, name: str, axis: str, subject: Subject) -> None:
    """Write potential, current focusing and share of the resistance as volumes.

    Parameters
    ----------
    result : TransportResult
        A solve with its field and maps.
    name : str
        What conducts.
    axis : str
        The transport axis.
    subject : Subject
        What is measured.
    """
    if result.local is None or result.field is None:
        return
    maps = {
        "potential": result.field,
        "flux": result.local.flux,
        "resistance": result.local.resistance,
    }
    folder = subject.desk.root / "fields" / folder_name(subject.desk.name)
    folder.mkdir(parents=True, exist_ok=True)
    for quantity in subject.settings.transport.maps:
        field = _whole(maps[quantity], subject.desk.shape)
        path = folder / f"{quantity}-{folder_name(name)}-{axis}.ome.zarr"
        store = io.ome_zarr.create(
            path, field.shape, np.float32, subject.spacing,
            block=subject.desk.block, attributes={"quantity": quantity, "subject": name},
        )  # fmt: skip
        for block in subject.grid:
            store[block.window()] = field[block.window()]
        io.ome_zarr.finish(path, subject.desk.engine)


def _whole(field: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Return a map of the whole volume: NaN in layers whose centres are held."""
    missing = [(n - m) // 2 for n, m in zip(shape, field.shape, strict=True)]
    if not any(missing):
        return field
    return np.pad(field, [(m, m) for m in missing], constant_values=np.nan)
