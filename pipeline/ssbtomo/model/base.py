"""What all tables of a recipe share: closed sections, lengths and amounts of memory."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from ssbtomo.errors import UnitError
from ssbtomo.units import format_length, micrometres

__all__ = ["Charge", "Length", "Memory", "Section", "memory_bytes"]

_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
          "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}  # fmt: skip


def _length(value: Any) -> float:
    if isinstance(value, bool | int | float):
        raise UnitError(
            f"{value!r} is not a length with a unit",
            hint="write it as '25 nm'; units: pm, nm, um, µm, mm, cm, m",
        )
    return micrometres(str(value))


def _written(micrometre: float) -> str:
    return format_length(micrometre, digits=15)


def memory_bytes(value: object) -> int:
    """Read a size such as ``"8 GB"`` and return it in bytes.

    Parameters
    ----------
    value : object
        A text with a unit, or a number of bytes.

    Returns
    -------
    int
        Bytes.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKMGT]?i?B)\s*", str(value))
    if match is None or match[2] not in _BYTES:
        raise UnitError(f"{value!r} is not an amount of memory", hint="write it as '8 GB'")
    return round(float(match[1]) * _BYTES[match[2]])


def _charge(value: Any) -> float:
    """Read a charge per area and return it in mAh/cm²."""
    number = r"\s*(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*"
    match = re.fullmatch(number + r"(m|u|µ)Ah\s*/\s*cm(?:\^?2|²)\s*", str(value))
    if match is None:
        raise UnitError(
            f"{value!r} is not a charge per area with a unit",
            hint="write it as '2 mAh/cm2'; units: mAh/cm2, uAh/cm2",
        )
    return float(match[1]) * (1.0 if match[2] == "m" else 1e-3)


Length = Annotated[
    float,
    BeforeValidator(_length, json_schema_input_type=str),
    Field(gt=0, allow_inf_nan=False),
    PlainSerializer(_written, return_type=str),
]
Charge = Annotated[
    float,
    BeforeValidator(_charge, json_schema_input_type=str),
    Field(gt=0, allow_inf_nan=False),
    PlainSerializer(lambda value: f"{value!r} mAh/cm2", return_type=str),
]
Memory = Annotated[
    int,
    BeforeValidator(memory_bytes, json_schema_input_type=str | int),
    Field(ge=64 * 10**6),
]


class Section(BaseModel):
    """A table of the file: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
