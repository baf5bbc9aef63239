"""MRC2014: ``.mrc``, ``.rec``, ``.map``, ``.st`` volumes of electron tomography."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ssbtomo.errors import AxisError, FormatError, InputDataError
from ssbtomo.io.headers import check_shape, described, length, map_voxels
from ssbtomo.units import Spacing
from ssbtomo.volume import Volume

__all__ = ["READER", "MrcReader"]

_HEADER = 1024
_TYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2"}


@dataclass(frozen=True, slots=True)
class MrcReader:
    """Opens MRC files; voxel size from the cell, which is in ångström by definition."""

    name: ClassVar[str] = "MRC .mrc, .rec, .map, .st"

    def matches(self, path: Path) -> bool:
        """Tell whether a path is an MRC file.

        Parameters
        ----------
        path : Path
            A file or folder.

        Returns
        -------
        bool
            True for the ending ``.mrc``, and for MAP at byte 208.
        """
        if not path.is_file():
            return False
        if path.suffix.lower() == ".mrc":
            return True
        with path.open("rb") as file:
            head = file.read(_HEADER)
        return path.suffix.lower() in (".rec", ".map", ".st", ".ali") and head[208:211] == b"MAP"

    def open(self, path: Path, dataset: str | None = None) -> Volume:
        """Open an MRC file.

        Parameters
        ----------
        path : Path
            The file.
        dataset : str or None
            Not used: the file holds one volume.

        Returns
        -------
        Volume
            Lazy voxels; mode 0 is taken as signed, as MRC2014 defines.
        """
        with path.open("rb") as file:
            head = file.read(_HEADER)
        if len(head) < _HEADER:
            raise FormatError(
                f"{path} is truncated: its header needs {_HEADER} bytes, it has {len(head)}",
                hint="copy the file again",
            )
        order = _order(head, path)
        nx, ny, nz, mode = struct.unpack_from(order + "4i", head, 0)
        sampled = struct.unpack_from(order + "3i", head, 28)
        cell = struct.unpack_from(order + "3f", head, 40)
        axes = struct.unpack_from(order + "3i", head, 64)
        (extra,) = struct.unpack_from(order + "i", head, 92)
        if mode not in _TYPES:
            raise InputDataError(
                f"{path}: mode {mode} is not read",
                hint="save it as mode 1, 2 or 6 (16 bits, float)",
            )
        if axes not in ((1, 2, 3), (0, 0, 0)):
            raise AxisError(
                f"{path}: its axes are stored as {axes} (1 is X), not as columns, rows, sections",
                hint="save it with MAPC, MAPR, MAPS = 1, 2, 3",
            )
        if extra < 0:
            raise FormatError(
                f"{path}: its extended header has {extra} bytes", hint="save it again"
            )
        shape = check_shape((nz, ny, nx), path)
        source = map_voxels(path, shape, order + _TYPES[mode], offset=_HEADER + extra)
        edges = [_edge(c, m) for c, m in zip(reversed(cell), reversed(sampled), strict=True)]
        spacing, note = _spacing(edges)
        return described(source, spacing, note)


READER = MrcReader()


def _order(head: bytes, path: Path) -> str:
    """Find the byte order: by the machine stamp, or by which the axes make sense."""
    stamp = head[212:214]
    if stamp in (b"\x44\x44", b"\x44\x41"):
        return "<"
    if stamp == b"\x11\x11":
        return ">"
    for order in "<>":
        nx, ny, nz, mode = struct.unpack_from(order + "4i", head, 0)
        if mode in _TYPES and min(nx, ny, nz) > 0 and max(nx, ny, nz) < 2**20:
            return order
    raise FormatError(f"{path} is not an MRC file", hint="check how it was made")


def _spacing(edges: list[float | None]) -> tuple[Spacing | None, str]:
    z, y, x = edges
    if z is None or y is None or x is None:
        return None, "the header's cell is empty, so the voxel size is unknown"
    if (z, y, x) == (1e-4, 1e-4, 1e-4):
        return None, (
            "the header gives 1 Å, which programs write that know no voxel size; give it if it is so"
        )
    return (z, y, x), ""


def _edge(cell: float, count: int) -> float | None:
    if not np.isfinite(cell) or count < 1:
        return None
    return length(float(np.float32(cell)) / count, "Å")
