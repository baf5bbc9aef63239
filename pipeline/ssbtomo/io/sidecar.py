"""What a JSON file beside a scan, or the user, says about it: above all the voxel size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ssbtomo.errors import FormatError, UnitError, VoxelSizeError
from ssbtomo.units import Spacing, check_spacing, micrometres

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Sidecar", "read_sidecar", "sidecar_content", "user_voxel_size"]

_HINT = "give three edges along (Z, Y, X), each with its unit: ['20 nm', '5 nm', '5 nm']"
_LARGEST = 1_000_000  # bytes; a JSON file beyond that describes something else


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a JSON file beside a scan tells.

    Parameters
    ----------
    path : Path
        The JSON file.
    spacing : tuple of float or None
        Voxel edges along (Z, Y, X) in µm.
    name, modality : str
        Name of the sample, and how it was imaged.
    phases : mapping of str to int
        Phase names and their labels.
    conditions : mapping of str to str
        Acquisition and cell conditions.
    """

    path: Path
    spacing: Spacing | None = None
    name: str = ""
    modality: str = ""
    phases: Mapping[str, int] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)


def user_voxel_size(edges: Sequence[str], where: str = "voxel_size") -> Spacing:
    """Read three lengths with units.

    Parameters
    ----------
    edges : sequence of str, length 3
        Voxel edges along (Z, Y, X): ``["20 nm", "5 nm", "5 nm"]``.
    where : str
        Who said so, for messages.

    Returns
    -------
    tuple of float
        The edges in µm.

    Raises
    ------
    VoxelSizeError
        If they are not three positive lengths with units.
    """
    if isinstance(edges, str) or not isinstance(edges, Sequence) or len(edges) != 3:
        raise VoxelSizeError(f"{where}: {edges!r} is not a list of three lengths", hint=_HINT)
    lengths = []
    for edge in edges:
        if not isinstance(edge, str):
            raise VoxelSizeError(f"{where}: {edge!r} has no unit", hint=_HINT)
        try:
            lengths.append(micrometres(edge))
        except UnitError as error:
            raise VoxelSizeError(f"{where}: {error.problem}", hint=_HINT) from error
        if not lengths[-1] > 0:
            raise VoxelSizeError(f"{where}: {edge!r} is not above zero", hint=_HINT)
    return check_spacing(lengths)


def sidecar_content(path: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the JSON object beside a path, if there is one.

    Parameters
    ----------
    path : Path
        The scan: for ``scan.tif``, ``scan.tif.json`` is looked for, then ``scan.json``.

    Returns
    -------
    tuple of (Path, dict) or None
        The file and its content.

    Raises
    ------
    FormatError
        If the file named after the whole scan is not a JSON object.
    """
    full = path.with_name(path.name + ".json")
    stem = (
        path.name.split(".")[0]
        if path.name.endswith((".ome.tif", ".ome.tiff", ".ome.zarr"))
        else path.stem
    )
    for candidate in (full, path.with_name(stem + ".json")):
        if candidate == path or not candidate.is_file() or candidate.stat().st_size > _LARGEST:
            continue
        try:
            content = json.loads(candidate.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise FormatError(
                f"{candidate} is not valid JSON: {error}",
                hint=f"correct it, or remove it: it is read as the description of {path.name}",
            ) from error
        if isinstance(content, dict):
            return candidate, content
    return None


def read_sidecar(path: Path) -> Sidecar | None:
    """Read what the JSON file beside a scan tells.

    Parameters
    ----------
    path : Path
        The scan.

    Returns
    -------
    Sidecar or None
        None if there is no such file.

    Raises
    ------
    VoxelSizeError
        If its voxel size is not three positive lengths with units.
    FormatError
        If it is not what it should be.
    """
    found = sidecar_content(path)
    if found is None:
        return None
    beside, content = found
    edges = content.get("voxel_size")
    tables = [content.get(key) or {} for key in ("phases", "conditions")]
    if not all(isinstance(table, dict) for table in tables):
        raise FormatError(
            f"{beside}: phases and conditions must be tables",
            hint='write them as {"phases": {"void": 0}, "conditions": {"stack_pressure": "5 MPa"}}',
        )
    phases, conditions = tables
    if not all(isinstance(label, int) for label in phases.values()):
        raise FormatError(
            f"{beside}: a phase needs a whole number as its label", hint='write {"void": 0, ...}'
        )
    return Sidecar(
        path=beside,
        spacing=None if edges is None else user_voxel_size(edges, f"{beside}: voxel_size"),
        name=str(content.get("name") or ""),
        modality=str(content.get("modality") or ""),
        phases=phases,
        conditions={str(key): str(value) for key, value in conditions.items()},
    )
