"""The recipe's section of CT reconstruction."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ssbtomo.model.base import Length, Section

__all__ = ["PhaseRetrieval", "Tomography"]


class PhaseRetrieval(Section):
    """Phase retrieval for one material from one distance (Paganin)."""

    delta_beta: float = Field(
        gt=0,
        allow_inf_nan=False,
        description="Refractive index decrement over absorption index of the main material.",
    )
    energy: float | None = Field(
        default=None, gt=0, le=1000, description="Photon energy in keV; the file's if absent."
    )
    distance: Length | None = Field(
        default=None, description="From the sample to the detector; the file's if absent."
    )


class Tomography(Section):
    """From the projections of a parallel or a cone beam to slices, by filtered back-projection."""

    angles: tuple[float, float] | None = Field(
        default=None,
        description="Degrees of the first and of the last projection, evenly spaced between; the "
        "file's if absent.",
    )
    pixel_size: Length | None = Field(
        default=None, description="Edge of a detector pixel; the file's if absent."
    )
    flats: str | None = Field(
        default=None, description="Images without the sample, where the file holds none."
    )
    darks: str | None = Field(
        default=None, description="Images without the beam, where the file holds none."
    )
    axis: float | None = Field(
        default=None,
        ge=0,
        allow_inf_nan=False,
        description="Detector column of the rotation axis, 0 at the centre of the first pixel; "
        "found from the projections if absent.",
    )
    search: tuple[float, float] | None = Field(
        default=None, description="Columns between which the axis is looked for."
    )
    flash: float = Field(
        default=0.1,
        ge=0,
        le=10,
        description="A sample whose transmission is so much above that of the neighbouring angles "
        "is a flash, and replaced; 0 keeps all.",
    )
    phase: PhaseRetrieval | None = Field(
        default=None, description="Phase retrieval, for scans with edge enhancement."
    )
    stripes: Literal["none", "profile", "sorting", "large"] = Field(
        default="sorting", description="How rings are removed; large: dead and wide ones, too."
    )
    stripe_width: int | None = Field(
        default=None,
        ge=3,
        le=501,
        description="Odd number of detector pixels, above the width of any ring; a fiftieth of the "
        "detector if absent. Grains on the rotation axis that are narrower fade.",
    )
    stripe_strength: float = Field(
        default=1.0, gt=0, le=1, description="Share of the found stripes that is taken away."
    )
    hardening: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] = Field(
        default=(1.0,),
        min_length=1,
        max_length=5,
        description="Beam hardening: coefficients c1, c2, ... of the line integral's polynomial.",
    )
    window: Literal["ram-lak", "shepp-logan", "cosine", "hamming", "hann"] = Field(
        default="ram-lak", description="Damping of the ramp filter."
    )
    padding: Literal["edge", "zero"] = Field(
        default="edge", description="What lies beyond the detector."
    )
    wide: bool | None = Field(
        default=None,
        description="Whole turn with the axis near a rim: join both halves; found out if absent.",
    )
    field: Literal["square", "circle", "full"] = Field(
        default="square",
        description="What is kept of a slice: the square that all projections see, or more.",
    )
    rows: tuple[int, int] | None = Field(
        default=None, description="First detector row, and the one after the last."
    )
    bits: Literal[16, 32] = Field(
        default=16, description="16: integers with slope and offset; 32: floats."
    )

    @model_validator(mode="after")
    def _odd_and_rising(self) -> Self:
        if self.stripe_width is not None and self.stripe_width % 2 == 0:
            raise ValueError(f"stripe_width must be odd, got {self.stripe_width}")
        for name in ("search", "rows"):
            pair = getattr(self, name)
            if pair is not None and not 0 <= pair[0] < pair[1]:
                raise ValueError(f"{name} must rise from 0 or above, got {list(pair)}")
        return self
