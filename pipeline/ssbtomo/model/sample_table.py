"""Samples from a table: one row each, one column for each key that differs between them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ssbtomo.errors import RecipeError

__all__ = ["read_table"]

_TEXTS = {"path", "name", "truth", "dataset", "modality"}
_LARGEST = 10_000_000  # bytes
_LONGEST = 10_000  # samples


def read_table(path: Path, parse: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Read the samples of a recipe from a CSV file.

    The first row names keys of a sample: ``path``, ``name``, ``voxel_size``, ``conditions.charge``,
    ``segment.smallest_object`` and so on. An empty cell leaves the recipe's own value. One length
    in ``voxel_size`` stands for all three axes.

    Parameters
    ----------
    path : pathlib.Path
        The table; separated by commas, semicolons or tabs.
    parse : callable
        Reads a cell as YAML.

    Returns
    -------
    list of dict
        What would stand in ``samples``; paths as in the table, from the recipe's folder.

    Raises
    ------
    RecipeError
        If it cannot be read, has no column ``path`` or no row, or a cell is no value.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise RecipeError(f"{path} has {path.stat().st_size} bytes, too many for a table")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"samples: the table {path} cannot be read: {error}",
            hint="give a list of samples, or a CSV file beside the recipe",
        ) from error
    first = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(), delimiter=max(",;\t", key=first.count))
    rows = [row for row in reader if any(cell.strip() for cell in row)]
    keys = [cell.strip() for cell in rows[0]] if rows else []
    if "path" not in keys or len(rows) < 2 or len(rows) > _LONGEST or "" in keys:
        raise RecipeError(
            f"samples: {path.name} is no table of samples: its first row is {', '.join(keys)!r}",
            hint=f"name a column `path` and others after keys; from 1 to {_LONGEST} rows",
        )
    return [
        _sample(
            dict(zip(keys, row, strict=False)), row[len(keys) :], f"{path.name}, row {n}", parse
        )
        for n, row in enumerate(rows[1:], start=2)
    ]


def _sample(
    cells: dict[str, str], rest: list[str], place: str, parse: Callable[[str], Any]
) -> dict[str, Any]:
    if rest:
        raise RecipeError(
            f"samples: {place} has {len(rest)} cells more than there are columns",
            hint="put cells that hold the separator in double quotes",
        )
    sample: dict[str, Any] = {}
    for key, cell in cells.items():
        if not cell.strip():
            continue
        *outer, last = key.split(".")
        into = sample
        for name in outer:
            into = into.setdefault(name, {})
            if not isinstance(into, dict):
                raise RecipeError(f"samples: {place}: {key} is both a value and a table")
        into[last] = _value(key, cell.strip(), place, parse)
    return sample


def _value(key: str, cell: str, place: str, parse: Callable[[str], Any]) -> Any:
    if key in _TEXTS or key.startswith("conditions."):
        return cell
    try:
        value = parse(cell)
    except yaml.YAMLError as error:
        raise RecipeError(
            f"samples: {place}: {key} is no value: {cell!r}",
            hint="write it as in a recipe: 25 nm, or [25 nm, 25 nm, 25 nm] in double quotes",
        ) from error
    return [value] * 3 if key == "voxel_size" and isinstance(value, str) else value
