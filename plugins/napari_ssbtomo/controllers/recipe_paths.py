"""Paths in a recipe, as they are seen from its folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["move_paths", "moved_segment", "short_path"]

_PATHS = ("path", "truth")
_SEGMENT_PATHS = ("model", "corrections")


def move_paths(content: Any, old: Path, new: Path) -> None:
    """Let relative paths of a recipe still lead to their files from another folder.

    Parameters
    ----------
    content : mapping
        The recipe; changed in place.
    old, new : pathlib.Path
        The folders.
    """
    if old == new:
        return
    inner = [content.get("sample"), *(content.get("samples") or [])]
    for table in (content, *(sample for sample in inner if isinstance(sample, dict))):
        for key in _PATHS:
            if isinstance(table.get(key), str):
                table[key] = short_path((old / table[key]).absolute(), new)
        segment = table.get("segment")
        if isinstance(segment, dict):
            table["segment"] = moved_segment(segment, old, new)


def moved_segment(segment: Mapping[str, Any], old: Path, new: Path) -> dict[str, Any]:
    """Return a recipe's ``segment`` whose files start from another folder.

    Parameters
    ----------
    segment : mapping
        The section.
    old, new : pathlib.Path
        The folders.

    Returns
    -------
    dict
        The section.
    """
    moved = dict(segment)
    for key in _SEGMENT_PATHS:
        if isinstance(moved.get(key), str):
            moved[key] = short_path(old / moved[key], new)
    if isinstance(moved.get("companions"), list):
        moved["companions"] = [short_path(old / path, new) for path in moved["companions"]]
    for name, key in (("train", "labels"), ("companion", "path"), ("reference", "path")):
        for holder in (moved, moved.get("lithium")):
            table = holder.get(name) if isinstance(holder, dict) else None
            if isinstance(holder, dict) and isinstance(table, dict) and key in table:
                holder[name] = {**table, key: short_path(old / table[key], new)}
    return moved


def short_path(path: Path, folder: Path) -> str:
    """Return a path as seen from a folder, if it lies in it.

    Parameters
    ----------
    path, folder : pathlib.Path
        Both whole.

    Returns
    -------
    str
        The whole path if it lies elsewhere.
    """
    whole = Path(os.path.normpath(path))
    return str(whole.relative_to(folder)) if whole.is_relative_to(folder) else str(whole)
