"""The `dataset` text: a path inside a file, or which channel, time or series to take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ssbtomo.errors import AxisError, FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Selection", "pick_axes", "read_selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What to take of a file.

    Parameters
    ----------
    path : str
        Path inside the file; empty if not given.
    series : int or None
        Which image of a file with several.
    index : mapping of str to int
        Position along axes that are not Z, Y, X.
    depth : str
        The axis that is depth although the file calls it something else; mostly empty.
    unit : str
        Unit of the voxel edges that a header gives without one; mostly empty.
    """

    path: str = ""
    series: int | None = None
    index: Mapping[str, int] = field(default_factory=dict)
    depth: str = ""
    unit: str = ""


def read_selection(text: str | None) -> Selection:
    """Read ``"labels/phases"``, ``"c=1"`` or ``"series=0,c=1,t=3"``.

    Parameters
    ----------
    text : str or None
        What the user wrote.

    Returns
    -------
    Selection
        What to take.

    Raises
    ------
    FormatError
        If a part is not understood.
    """
    path, depth, unit, index = "", "", "", {}
    for part in (text or "").split(","):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            path = key or path
        elif key.lower() == "unit" and value:
            unit = value
        elif key.lower() == "z" and len(value) == 1 and value.isalpha():
            depth = value.lower()
        elif value.isdigit() and (key.lower() == "series" or len(key) == 1):
            index[key.lower()] = int(value)
        else:
            raise FormatError(
                f"dataset: {part.strip()!r} is not understood",
                hint="write a path inside the file, or 'c=0', 't=0', 'series=0', 'z=c', 'unit=mm', "
                "joined by commas",
            )
    series = index.pop("series", None)
    return Selection(path.strip("/"), series, index, depth, unit)


def pick_axes(
    axes: Sequence[str], shape: Sequence[int], index: Mapping[str, int], where: str
) -> tuple[int | slice, ...]:
    """Return the index that leaves (Z, Y, X) of an array with more axes.

    Parameters
    ----------
    axes : sequence of str
        Name of each axis.
    shape : sequence of int
        Voxels along each axis.
    index : mapping of str to int
        Positions that the user chose.
    where : str
        The path, for messages.

    Returns
    -------
    tuple of int or slice
        One entry per axis.

    Raises
    ------
    AxisError
        If a choice is missing, or outside the array.
    """
    names = [axis.lower() for axis in axes]
    sizes = dict(zip(names, shape, strict=True))
    story = ", ".join(f"{axis}: {size}" for axis, size in sizes.items())
    for axis, at in index.items():
        if axis in "zyx" or axis not in sizes or at >= sizes[axis]:
            raise AxisError(
                f"{where}: dataset: {axis}={at} does not exist; the axes are {story}",
                hint="count from 0; Z, Y and X are not chosen here (crop them in the recipe)",
            )
    free = [a for a in names if a not in "zyx" and sizes[a] > 1 and a not in index]
    if free:
        example = ",".join(f"{axis}=0" for axis in free)
        raise AxisError(
            f"{where} has more than the three axes (Z, Y, X): {story}",
            hint=f"choose one: dataset: {example}",
        )
    return tuple(slice(None) if a in "zyx" else index.get(a, 0) for a in names)
