"""What to leave out of a recipe where memory is short."""

from __future__ import annotations

from collections.abc import Iterator

from ssbtomo.model import Quantify as Section

__all__ = ["ON_DISK", "lighter"]

ON_DISK = "take quantify.transport.storage: disk"
"""What costs nothing but time and disk."""


def lighter(section: Section) -> Iterator[tuple[str, Section]]:
    """Yield ways to measure with less memory, the one that costs least first.

    Parameters
    ----------
    section : ssbtomo.model.Quantify
        What is asked for.

    Yields
    ------
    advice : str
        What to change in the recipe.
    section : ssbtomo.model.Quantify
        The section with that change, and those before it.
    """
    if "transport" not in section.measures:
        return
    told: list[str] = []
    if "periodic" in section.transport_extras:
        rest = tuple(name for name in section.transport_extras if name != "periodic")
        section = section.model_copy(update={"transport_extras": rest})
        told.append("leave periodic out of quantify.transport_extras")
        yield " and ".join(told), section
    if section.transport.storage != "disk":
        how = section.transport.model_copy(update={"storage": "disk"})
        section = section.model_copy(update={"transport": how})
        told.append(ON_DISK)
        yield " and ".join(told), section
    if section.fields:
        section = section.model_copy(update={"fields": ()})
        told.append("leave quantify.fields empty")
        yield " and ".join(told), section
    groups = tuple(name for name in section.measures if name != "transport")
    if groups:
        yield (
            "leave transport out of quantify.measures",
            section.model_copy(update={"measures": groups}),
        )
