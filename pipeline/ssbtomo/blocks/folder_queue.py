"""Tasks as files in a folder that several processes share: no scheduler, no connection."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo import errors
from ssbtomo.blocks.plain import from_plain, to_plain
from ssbtomo.errors import SsbtomoError, TaskError

__all__ = ["FolderQueue", "Outcome", "own_name"]

_TODO, _TAKEN, _DONE, _HELPERS = "todo", "taken", "done", "helpers"
_SIGN = "~"  # between the number of a task and who took it


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a task ended elsewhere.

    Parameters
    ----------
    result : object
        What it returned.
    error : Exception or None
        What it raised.
    stuck : bool
        Whether its result could not be written as plain JSON, so that it has to be run again here.
    """

    result: Any = None
    error: Exception | None = None
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class FolderQueue:
    """A queue of tasks in a folder.

    A task is a folder with its function as plain JSON (see `ssbtomo.blocks.plain`: nothing is
    pickled, and only functions of this package can be named) and one file per item. Who moves the file
    of an item from ``todo`` to ``taken`` has it: moving is atomic, so that nobody else does.

    Parameters
    ----------
    folder : pathlib.Path
        On a disk that all processes share.
    """

    folder: Path

    def open(self, name: str, task: Any) -> None:
        """Write a task; its items follow.

        Parameters
        ----------
        name : str
            Its name, new.
        task : callable
            A function of one item, of this package.

        Raises
        ------
        TaskError
            If it cannot be written as plain JSON.
        """
        place = self.folder / name
        for part in (_TODO, _TAKEN, _DONE):
            (place / part).mkdir(parents=True, exist_ok=True)
        kept: list[str] = []

        def keep(values: NDArray[Any]) -> str:
            kept.append(f"array-{len(kept)}.npy")
            np.save(place / kept[-1], values, allow_pickle=False)
            return kept[-1]

        _write(place / "task.json", {"task": to_plain(task, keep=keep)})

    def put(self, name: str, number: int, item: Any) -> None:
        """Offer an item of a task.

        Parameters
        ----------
        name : str
            Of the task.
        number : int
            Of the item, new.
        item : object
            What the task is called with.

        Raises
        ------
        TaskError
            If it cannot be written as plain JSON.
        """
        _write(self.folder / name / _TODO / f"{number}.json", {"item": to_plain(item)})

    def take(self, name: str, number: int, who: str) -> bool:
        """Take an item, if it is still there.

        Parameters
        ----------
        name : str
            Of the task.
        number : int
            Of the item.
        who : str
            Who takes it.

        Returns
        -------
        bool
            Whether it is the caller's now.
        """
        place = self.folder / name
        try:
            (place / _TODO / f"{number}.json").rename(place / _TAKEN / f"{number}{_SIGN}{who}.json")
        except OSError:
            return False
        return True

    def offered(self) -> Iterator[tuple[str, int]]:
        """Yield the items that nobody has taken, the oldest first."""
        for name in sorted(_names(self.folder)):
            if name.startswith("task-"):
                numbers = [n for n in map(_number, _names(self.folder / name / _TODO)) if n >= 0]
                yield from ((name, number) for number in sorted(numbers))

    def task(self, name: str) -> Any:
        """Return the function of a task.

        Parameters
        ----------
        name : str
            Its name.

        Returns
        -------
        callable
            A function of one item.
        """
        place = self.folder / name

        def fetch(kept: str) -> NDArray[Any]:
            values: NDArray[Any] = np.load(place / Path(kept).name, allow_pickle=False)
            return values

        content = json.loads((place / "task.json").read_text("utf-8"))
        return from_plain(content["task"], fetch=fetch)

    def item(self, name: str, number: int, who: str) -> Any:
        """Return an item that was taken.

        Parameters
        ----------
        name : str
            Of the task.
        number : int
            Of the item.
        who : str
            Who took it.

        Returns
        -------
        object
            What the task is called with.
        """
        path = self.folder / name / _TAKEN / f"{number}{_SIGN}{who}.json"
        return from_plain(json.loads(path.read_text("utf-8"))["item"])

    def end(self, name: str, number: int, outcome: Outcome) -> None:
        """Hand in how a task ended; of a task that is gone, nobody wants to know.

        Parameters
        ----------
        name : str
            Of the task.
        number : int
            Of the item.
        outcome : Outcome
            How it ended.
        """
        content: dict[str, Any]
        try:
            content = {"result": to_plain(outcome.result), "stuck": outcome.stuck}
        except TaskError:
            content = {"stuck": True}
        if outcome.error is not None:
            content = {"error": _told(outcome.error)}
        with suppress(FileNotFoundError):
            _write(self.folder / name / _DONE / f"{number}.json", content)

    def ended(self, name: str) -> Iterator[tuple[int, Outcome]]:
        """Yield what was handed in for a task, and remove it.

        Parameters
        ----------
        name : str
            Of the task.

        Yields
        ------
        number : int
            Of the item.
        outcome : Outcome
            How it ended.
        """
        place = self.folder / name / _DONE
        for file in _names(place):
            if (number := _number(file)) >= 0:
                path = place / file
                content = json.loads(path.read_text("utf-8"))
                path.unlink()
                yield number, _outcome(content)

    def give_back(self, name: str, who: str) -> list[int]:
        """Offer again what somebody took who is gone.

        Parameters
        ----------
        name : str
            Of the task.
        who : str
            Who is gone.

        Returns
        -------
        list of int
            The items.
        """
        place, found = self.folder / name, []
        for file in _names(place / _TAKEN):
            number, _, owner = file.removesuffix(".json").partition(_SIGN)
            if owner == who and not (place / _DONE / f"{number}.json").exists():
                with suppress(OSError):
                    (place / _TAKEN / file).rename(place / _TODO / f"{number}.json")
                    found.append(int(number))
        return found

    def close(self, name: str) -> None:
        """Remove a task.

        Parameters
        ----------
        name : str
            Its name.
        """
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def beat(self, who: str, count: int) -> None:
        """Give a sign of life.

        Parameters
        ----------
        who : str
            Who lives.
        count : int
            Another number than before.
        """
        place = self.folder / _HELPERS
        with suppress(OSError):
            place.mkdir(parents=True, exist_ok=True)
            _write(place / f"{who}.json", {"count": count})

    def beats(self) -> dict[str, int]:
        """Return the last sign of everybody who helps.

        Returns
        -------
        dict of str to int
            Numbers; who gives no other for long is gone.
        """
        found = {}
        for file in _names(self.folder / _HELPERS):
            with suppress(OSError, ValueError, KeyError):
                text = (self.folder / _HELPERS / file).read_text("utf-8")
                found[file.removesuffix(".json")] = int(json.loads(text)["count"])
        return found

    def leave(self, who: str) -> None:
        """Say that somebody does not help any more.

        Parameters
        ----------
        who : str
            Who leaves.
        """
        (self.folder / _HELPERS / f"{who}.json").unlink(missing_ok=True)


def own_name() -> str:
    """Return a name for this process that no other has.

    Returns
    -------
    str
        Of letters, digits and dashes.
    """
    host = "".join(sign if sign.isalnum() else "-" for sign in platform.node()) or "host"
    return f"{host}-{os.getpid()}"


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]  # noqa: PTH208 - paths are not needed
    except FileNotFoundError:
        return []


def _number(file: str) -> int:
    stem = file.removesuffix(".json")
    return int(stem) if stem.isdigit() else -1


def _write(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.tmp{os.getpid()}")
    draft.write_text(json.dumps(content), encoding="utf-8")
    draft.replace(path)


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, SsbtomoError):
        known = next(k for k in type(error).__mro__ if k.__name__ in errors.__all__)
        return {"kind": known.__name__, "problem": error.problem, "hint": error.hint}
    return {
        "kind": type(error).__name__,
        "problem": str(error),
        "errno": getattr(error, "errno", None),
    }


def _outcome(content: dict[str, Any]) -> Outcome:
    told = content.get("error")
    if told is None:
        try:
            return Outcome(from_plain(content.get("result")), None, bool(content.get("stuck")))
        except TaskError:
            return Outcome(stuck=True)
    if told["kind"] in errors.__all__:
        return Outcome(None, getattr(errors, told["kind"])(told["problem"], hint=told["hint"]))
    if told.get("errno"):
        return Outcome(None, OSError(told["errno"], told["problem"]))
    if told["kind"] == "MemoryError":
        return Outcome(None, MemoryError(told["problem"]))
    return Outcome(None, TaskError(f"a task failed elsewhere: {told['kind']}: {told['problem']}"))
