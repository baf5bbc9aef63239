"""The recipe's table on lithium and void: when they are told apart, and by what evidence."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ssbtomo.model.base import Section

__all__ = ["Companion", "Lithium", "Reference"]

Face = Literal["none", "z-min", "z-max", "y-min", "y-max", "x-min", "x-max"]


class Companion(Section):
    """A registered map of an element: EDS, TOF-SIMS, a second contrast."""

    path: str = Field(
        min_length=1, description="Volume of the scan's shape, relative to the recipe."
    )
    dataset: str | None = Field(default=None, description="HDF5, npz: path inside the file.")
    lithium: Literal["bright", "dark"] = Field(
        default="bright", description="How lithium looks in it."
    )


class Reference(Section):
    """A registered scan of the same place in another state, such as pristine."""

    path: str = Field(
        min_length=1, description="Volume of the scan's shape, relative to the recipe."
    )
    dataset: str | None = Field(default=None, description="HDF5, npz: path inside the file.")
    lithium: Literal["changed", "unchanged"] = Field(
        default="changed",
        description="Whether lithium is what differs from that scan (it has grown since) or what "
        "does not (it was there, and void has replaced the rest).",
    )


class Lithium(Section):
    """Lithium or void: neighbours in grey value that attenuation hardly tells apart."""

    split: Literal["auto", "never", "thresholds"] = Field(
        default="auto",
        description="auto: only where the data tell them apart, else one class with bounds; never: "
        "always one class with bounds; thresholds: like any other two phases, unasked.",
    )
    limit: float = Field(
        default=1.5,
        ge=0.5,
        le=20,
        description="auto: d' (distance of the two grey values over the deviation of a voxel) "
        "below which grey values do not split the class.",
    )
    intensity: bool = Field(
        default=True, description="Whether grey values may split the class at all."
    )
    companion: Companion | None = Field(default=None, description="A registered map.")
    reference: Reference | None = Field(default=None, description="A registered earlier scan.")
    fringe: Literal["none", "dark", "bright"] = Field(
        default="none",
        description="How lithium's rim looks beside a solid in phase contrast, relative to that of "
        "void; none: not used.",
    )
    electrode: Face = Field(
        default="none",
        description="Face of the volume that is lithium metal: lithium that is not joined to it is "
        "reported as dead.",
    )
    prior: float = Field(
        default=0.0,
        ge=0,
        le=20,
        description="Log odds for lithium where the class is joined to `electrode`, and against it "
        "where it is enclosed by other phases; 0: position says nothing.",
    )

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the evidence, relative to the recipe."""
        return tuple(part.path for part in (self.companion, self.reference) if part is not None)
