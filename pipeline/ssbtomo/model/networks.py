"""Networks that conduct together: which phases, how well, and what their contacts resist."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from ssbtomo.errors import UnitError

__all__ = ["PRESETS", "Network", "Preset"]

_NUMBER = r"\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*"
_PER_CENTIMETRE = {"S/cm": 1.0, "mS/cm": 1e-3, "uS/cm": 1e-6, "µS/cm": 1e-6, "S/m": 1e-2}
_SQUARE = {"ohm cm^2": 1.0, "ohm cm2": 1.0, "Ω cm²": 1.0, "Ω·cm²": 1.0, "mohm cm^2": 1e-3}
_BANERJEE = "A. Banerjee et al., Chem. Rev. 120 (2020) 6878"
_LIU = "Liu et al., Nano Energy (2025) 110749"
_ARGYRODITE = "review of Li-argyrodite interfaces, EES Batteries 1 (2025) 692"


class Preset(NamedTuple):
    """A conductivity at room temperature.

    Parameters
    ----------
    carrier : str
        ``"ionic"`` or ``"electronic"``.
    value : float
        In S/cm.
    source : str
        Where the value is given.
    """

    carrier: str
    value: float
    source: str


PRESETS = {
    "LPSCl": Preset("ionic", 1e-3, _BANERJEE),
    "LPSCl electronic": Preset("electronic", 6.3e-9, _ARGYRODITE),
    "Li7P3S11": Preset("ionic", 1.7e-2, _BANERJEE),
    "LGPS": Preset("ionic", 1.2e-2, _BANERJEE),
    "beta-Li3PS4": Preset("ionic", 1.6e-4, _BANERJEE),
    "Li3InCl6": Preset("ionic", 1e-3, _BANERJEE),
    "Na3SbS4": Preset("ionic", 1e-3, _BANERJEE),
    "Li5.7PS4.7Cl1.3": Preset("ionic", 5.3e-3, _LIU),
}
"""Conductivities of solid electrolytes; active materials and carbons have none that is general."""


def _conductivity(value: Any) -> float:
    text = str(value)
    if text in PRESETS:
        return PRESETS[text].value
    return _quantity(text, _PER_CENTIMETRE, "conductivity", f"1e-3 S/cm, or {', '.join(PRESETS)}")


def _resistance(value: Any) -> float:
    return _quantity(str(value), _SQUARE, "area-specific resistance", "10 ohm cm^2")


def _quantity(text: str, units: dict[str, float], what: str, example: str) -> float:
    match = re.fullmatch(f"{_NUMBER}(.*?)\\s*", text)
    if match is None or match[2] not in units:
        raise UnitError(
            f"{text!r} is not a {what} with a unit",
            hint=f"write it as {example}; units: {', '.join(units)}",
        )
    return float(match[1]) * units[match[2]]


Conductivity = Annotated[
    float,
    BeforeValidator(_conductivity, json_schema_input_type=str),
    PlainSerializer(lambda value: f"{value!r} S/cm", when_used="json"),
    Field(gt=0),
]
Resistance = Annotated[
    float,
    BeforeValidator(_resistance, json_schema_input_type=str),
    PlainSerializer(lambda value: f"{value!r} ohm cm^2", when_used="json"),
    Field(ge=0),
]


class Network(BaseModel):
    """Phases that conduct one kind of charge together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the network in the results, such as 'ionic'.")
    carrier: Literal["ionic", "electronic"] = Field(
        default="ionic", description="What it carries: ions (electrolyte) or electrons."
    )
    conductivities: dict[str, Conductivity] = Field(
        min_length=1,
        description="Conductivity of each phase that conducts: '1e-3 S/cm', or a preset: "
        + ", ".join(PRESETS) + ".",
    )  # fmt: skip
    contact_resistances: dict[str, Resistance] = Field(
        default={}, description="Resistance where two of its phases touch: 'a|b': '10 ohm cm^2'."
    )

    @property
    def contrast(self) -> float:
        """Largest over smallest conductivity."""
        return max(self.conductivities.values()) / min(self.conductivities.values())

    def pairs(self) -> dict[tuple[str, str], float]:
        """Return the resistances by pairs of phases.

        Returns
        -------
        dict
            In Ω·cm².
        """
        found = {}
        for key, value in self.contact_resistances.items():
            one, _, two = key.partition("|")
            found[one.strip(), two.strip()] = value
        return found
