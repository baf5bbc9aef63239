"""Lengths with their units at the door; micrometres inside."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ssbtomo.errors import UnitError, VoxelSizeError

__all__ = ["AXES", "Spacing", "check_spacing", "format_length", "micrometres"]

AXES = ("z", "y", "x")

Spacing = tuple[float, float, float]

_IN_MICROMETRES = {
    "pm": 1e-6,
    "angstrom": 1e-4,
    "Å": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "um": 1.0,
    "µm": 1.0,
    "μm": 1.0,
    "micron": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "centimetre": 1e4,
    "m": 1e6,
    "meter": 1e6,
    "metre": 1e6,
    "inch": 2.54e4,
}
_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\W\d]+)\s*")


def micrometres(text: str) -> float:
    """Read a length such as ``"25 nm"`` and return it in micrometres.

    Parameters
    ----------
    text : str
        A number followed by its unit.

    Returns
    -------
    float
        The length in µm.

    Raises
    ------
    UnitError
        If the number or the unit is missing or unknown.

    Examples
    --------
    >>> micrometres("25 nm")
    0.025
    """
    match = _LENGTH.fullmatch(str(text))
    if match is None or match[2] not in _IN_MICROMETRES:
        raise UnitError(
            f"{str(text)!r} is not a length with a unit",
            hint="write it as '25 nm'; units: pm, nm, um, µm, mm, cm, m",
        )
    scale = _IN_MICROMETRES[match[2]]
    number = float(match[1])
    return number / round(1 / scale) if scale < 1 else number * scale


def check_spacing(spacing: Sequence[float]) -> Spacing:
    """Return voxel edges (dz, dy, dx) in µm as floats, or say what is wrong with them.

    Parameters
    ----------
    spacing : sequence of float, length 3
        Voxel edge lengths along (Z, Y, X) in µm.

    Returns
    -------
    tuple of float
        The three edges.

    Raises
    ------
    VoxelSizeError
        If there are not three edges, or one is not a positive finite number.
    """
    try:
        edges = tuple(float(edge) for edge in spacing)
    except (TypeError, ValueError) as error:
        raise VoxelSizeError(
            f"the spacing {spacing!r} is not three numbers in µm",
            hint="pass spacing=(dz, dy, dx) in µm, for example (0.1, 0.1, 0.1)",
        ) from error
    if len(edges) != 3:
        raise VoxelSizeError(
            f"the spacing has {len(edges)} values, it needs 3",
            hint="pass spacing=(dz, dy, dx) in µm",
        )
    if not all(math.isfinite(edge) and edge > 0 for edge in edges):
        raise VoxelSizeError(
            f"the spacing {edges} µm holds a value that is not positive",
            hint="give the voxel edges along (Z, Y, X) in µm, each above zero",
        )
    return edges[0], edges[1], edges[2]


def format_length(micrometre: float, digits: int = 6) -> str:
    """Write a length in the unit that reads best.

    Parameters
    ----------
    micrometre : float
        A length in µm.
    digits : int, optional
        Significant digits at most.

    Returns
    -------
    str
        For example ``"18.4 nm"``.
    """
    for unit, scale in (("nm", 1e-3), ("µm", 1.0), ("mm", 1e3)):
        text = f"{micrometre / scale:.{digits}g}"
        if abs(float(text)) < 1000 or unit == "mm":
            return f"{text} {unit}"
    raise AssertionError
