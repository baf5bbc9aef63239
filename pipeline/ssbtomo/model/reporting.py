"""What the report of a run shows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ssbtomo.model.base import Section

__all__ = ["Report"]


class Report(Section):
    """What the report shows."""

    title: str = Field(
        default="", max_length=200, description="Title; made from the samples if empty."
    )
    figures: tuple[Literal["svg", "png"], ...] = Field(
        default=("svg", "png"), description="Formats of the figure files."
    )
