"""Drafts of stores: their markers while they are written, after, and when a store is damaged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ssbtomo import io
from ssbtomo.blocks import Markers
from ssbtomo.io.checksums import shard_index
from ssbtomo.passing import persist

__all__ = ["clear", "marked", "reopen", "resumable", "shelve", "write_json"]

_MARKED = ".done"  # ending of the folder with a draft's markers
_BESIDE = "~"  # between the name of a draft and that of one beside it
_METADATA = {"zarr.json", "0/zarr.json"}


def marked(work: Path, name: str) -> Path:
    """Return the folder of a draft's markers.

    Parameters
    ----------
    work : pathlib.Path
        The sample's folder of work.
    name : str
        Name of the draft.

    Returns
    -------
    pathlib.Path
        Absolute, as workers may have another working directory.
    """
    return work.absolute() / "drafts" / f"{name}{_MARKED}"


def _shelf(work: Path, name: str) -> Path:
    """Return where a finished store's markers lie, in case it gets damaged."""
    return work.absolute() / "kept" / f"{name}{_MARKED}"


def clear(work: Path, name: str) -> None:
    """Forget the markers of a draft, and those of a finished store of its name.

    Parameters
    ----------
    work : pathlib.Path
        The sample's folder of work.
    name : str
        Name of the draft.
    """
    for folder in (marked(work, name), _shelf(work, name)):
        Markers(folder, "").clear()


def shelve(work: Path, name: str) -> None:
    """Put away the markers of a draft that is finished.

    Parameters
    ----------
    work : pathlib.Path
        The sample's folder of work.
    name : str
        Name of the draft.
    """
    _move(marked(work, name), _shelf(work, name))


def _move(folder: Path, goal: Path) -> None:
    if folder.is_dir():
        shutil.rmtree(goal, ignore_errors=True)
        goal.parent.mkdir(parents=True, exist_ok=True)
        persist(lambda: folder.replace(goal))


def reopen(work: Path, name: str, store: Path, damaged: Iterable[str]) -> None:
    """Make a published store a draft again, with the markers of its sound blocks.

    Parameters
    ----------
    work : pathlib.Path
        The sample's folder of work.
    name : str
        Name of the draft that it was.
    store : pathlib.Path
        Where it lies now.
    damaged : iterable of str
        Its damaged files. Without its metadata, all of it has to be done again.
    """
    leader = name.partition(_BESIDE)[0]
    done, files = marked(work, leader), set(damaged)
    _move(_shelf(work, leader), done)
    if not done.is_dir() or not store.is_dir() or files & _METADATA:
        Markers(done, "").clear()
        return
    draft = work / "drafts" / f"{name}.ome.zarr"
    _move(store, draft)
    lost = [index for file in files if (index := shard_index(file)) is not None]
    for folder in done.iterdir() if lost else ():
        Markers(done, folder.name).forget(lost, io.ome_zarr.open_array(draft).shard_counts)


def resumable(draft: Path) -> bool:
    """Tell whether a draft, or the folder of its markers, is worth keeping for the next run.

    Parameters
    ----------
    draft : pathlib.Path
        Something in a sample's folder of drafts.

    Returns
    -------
    bool
        Whether there are both a store and markers of finished blocks, its own or, for a draft
        beside another, that one's.
    """
    name = draft.name.removesuffix(_MARKED).removesuffix(".ome.zarr")
    leader = name.partition(_BESIDE)[0]
    done, store = draft.with_name(f"{leader}{_MARKED}"), draft.with_name(f"{name}.ome.zarr")
    return store.is_dir() and any(done.glob("*/*.json"))


def write_json(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    """Write a JSON file in one go: it is there whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    content : mapping or list
        What it holds.
    """
    persist(lambda: _write_json(path, content))


def _write_json(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
