"""One task alone: written down when it fails, and run again by a command of the user.

A task that fails, or that kills its worker again and again, is written as JSON: the name
of its function, its arguments, its block. ``python -m ssbtomo.blocks.task FILE`` runs it in
a process of its own, where a debugger, a profiler or a memory limit can be put around it::

    python -m ssbtomo.blocks.task results/work/failed/3-0-1.json

Nothing is pickled, and no run ever opens such a file by itself. The file can only name
functions and dataclasses that are defined in ``ssbtomo``, and those of packages that the
user allows by name (``--allow PACKAGE``; the command in the error message says which), so
that a file that came by mail cannot run code of its sender's. What it *can* do is what the
task did: read its source and write its own block of the store that it names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.plain import OURS, from_plain, to_plain, used_packages
from ssbtomo.errors import FormatError, SsbtomoError

__all__ = ["item_name", "load_task", "main", "save_task"]

_FORMAT = "ssbtomo task 1"


def item_name(item: Any) -> str:
    """Return a name for a file about an item: a block by its index in the grid.

    Parameters
    ----------
    item : object
        A `Block`, an integer, a text, or a tuple of them.

    Returns
    -------
    str
        Such as ``"3.0.1"``.
    """
    index = getattr(item, "index", None)
    parts = index if isinstance(index, tuple) else item if isinstance(item, tuple) else (item,)
    text = ".".join(map(str, parts))
    name = "".join(sign if sign.isalnum() or sign in ".-_" else "_" for sign in text)
    if name == text and 0 < len(name) <= 100 and not name.startswith("."):
        return name
    return f"item-{hashlib.sha256(text.encode()).hexdigest()[:24]}"  # no two share a file


def save_task(folder: Path | None, task: Any, item: Any) -> str:
    """Write a task with its item, and return the command that runs it alone.

    Parameters
    ----------
    folder : pathlib.Path or None
        Where the file goes; a new private folder if not given.
    task : callable
        A function that can be imported, or a partial of one.
    item : object
        What it is called with.

    Returns
    -------
    str
        A command line.

    Raises
    ------
    TaskError
        If the task or the item cannot be written as plain JSON.
    """
    place = Path(tempfile.mkdtemp(prefix="ssbtomo-task-")) if folder is None else folder
    place.mkdir(parents=True, exist_ok=True)
    path = place.resolve() / f"{item_name(item)}.json"
    kept: list[str] = []

    def keep(values: NDArray[Any]) -> str:
        kept.append(f"{path.stem}-{len(kept)}.npy")
        np.save(path.with_name(kept[-1]), values, allow_pickle=False)
        return kept[-1]

    content = {
        "format": _FORMAT, "task": to_plain(task, keep=keep), "item": to_plain(item, keep=keep)
    }  # fmt: skip
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    foreign = sorted(used_packages([content["task"], content["item"]]) - OURS)
    words = [sys.executable, "-m", "ssbtomo.blocks.task", str(path)]
    return shlex.join([*words, *(word for name in foreign for word in ("--allow", name))])


def load_task(path: Path, allowed: Sequence[str] = ()) -> tuple[Any, Any]:
    """Read a task and its item.

    Parameters
    ----------
    path : pathlib.Path
        A file of `save_task`.
    allowed : sequence of str, optional
        Packages beside ``ssbtomo`` that it may name.

    Returns
    -------
    task : callable
        The task.
    item : object
        What to call it with.

    Raises
    ------
    FormatError
        If the file is no task.
    TaskError
        If it names functions that are not allowed.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FormatError(f"{path} cannot be read as a task: {error}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FormatError(f"{path} is no task that this version of ssbtomo wrote")

    def fetch(name: str) -> NDArray[Any]:
        values: NDArray[Any] = np.load(path.with_name(Path(name).name), allow_pickle=False)
        return values

    may = OURS.union(allowed)
    task, item = (from_plain(content[key], allowed=may, fetch=fetch) for key in ("task", "item"))
    return task, item


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``python -m ssbtomo.blocks.task FILE [--allow PACKAGE]``.

    Parameters
    ----------
    arguments : sequence of str, optional
        The command line's words; those of this process if not given.

    Returns
    -------
    int
        Exit code: 0 if the task ended well, 1 for a problem that is explained.
    """
    parser = argparse.ArgumentParser(
        prog="python -m ssbtomo.blocks.task", description="Run one failed task alone."
    )
    parser.add_argument("file", type=Path, help="the file that the error message named")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="PACKAGE",
        help="a package beside ssbtomo whose functions the file may name",
    )  # fmt: skip
    asked = parser.parse_args(arguments)
    try:
        task, item = load_task(asked.file, asked.allow)
        sys.stderr.write(f"running the task on {item}\n")
        result = task(item)
    except SsbtomoError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"it ended well and returned a {type(result).__name__}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
