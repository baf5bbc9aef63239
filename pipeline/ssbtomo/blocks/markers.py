"""Done-markers: what a killed stage has finished, so that it goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ssbtomo.blocks.plain import from_plain, to_plain
from ssbtomo.blocks.task import item_name
from ssbtomo.errors import SsbtomoError
from ssbtomo.passing import persist

__all__ = ["Markers", "Recalled", "fingerprint_of", "recorded"]

Item = TypeVar("Item")
Result = TypeVar("Result")
_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a task returned in an earlier run.

    Parameters
    ----------
    result : object
        Its result; ``None`` is a result too.
    """

    result: Any


@dataclass(frozen=True, slots=True)
class Markers:
    """One small file per finished task, in a folder named by all that decides the results.

    A marker is written by the worker, after the task wrote its block, under a temporary name
    and then moved into place: it is there whole or not at all. A process that is killed
    leaves only markers of finished blocks, and blocks are written again as wholes, so the
    bytes of a resumed stage are those of one that never stopped. (After a power cut the
    system may have kept a marker and lost its block: a run that finds one checks the blocks.)

    Results are kept as plain JSON: numbers, texts, tuples, lists, NumPy arrays and dataclasses
    of this package (see `ssbtomo.blocks.plain`).

    Parameters
    ----------
    folder : pathlib.Path
        Where the markers of one output lie; on a disk that all workers share.
    fingerprint : str
        Hash of code version, parameters, input and grid, from `fingerprint_of`: markers of
        another fingerprint are not seen.
    """

    folder: Path
    fingerprint: str

    @property
    def place(self) -> Path:
        """Folder of the markers of this fingerprint."""
        return self.folder / self.fingerprint

    def _path(self, item: Any) -> Path:
        return self.place / f"{item_name(item)}{_SUFFIX}"

    def finished(self) -> frozenset[str]:
        """List the finished tasks.

        Returns
        -------
        frozenset of str
            Names of their items, as `ssbtomo.blocks.task.item_name` gives them.
        """
        try:
            names = persist(lambda: [path.name for path in self.place.iterdir()])
        except FileNotFoundError:
            return frozenset()
        ours = (name for name in names if name.endswith(_SUFFIX) and not name.startswith("."))
        return frozenset(name.removesuffix(_SUFFIX) for name in ours)

    def count(self, items: Iterable[Any]) -> int:
        """Count those of some items that are finished.

        Parameters
        ----------
        items : iterable
            Blocks, mostly.

        Returns
        -------
        int
            How many need not be done again.
        """
        done = self.finished()
        return sum(item_name(item) in done for item in items)

    def recall(self, item: Any) -> Recalled | None:
        """Return what a task returned in an earlier run.

        Parameters
        ----------
        item : object
            The task's item.

        Returns
        -------
        Recalled or None
            ``None`` if the task was never finished, or its marker is damaged.
        """
        path = self._path(item)
        try:
            text = persist(lambda: path.read_text("utf-8"))
            return Recalled(from_plain(json.loads(text)["result"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, SsbtomoError):
            path.unlink(missing_ok=True)
            return None

    def record(self, item: Any, result: Any) -> None:
        """Mark a task as finished; only after its block is written.

        Parameters
        ----------
        item : object
            The task's item.
        result : object
            What the task returned.

        Raises
        ------
        TaskError
            If the result cannot be written as plain JSON.
        """
        text = json.dumps({"result": to_plain(result)})
        persist(lambda: self._write(self._path(item), text))

    def _write(self, path: Path, text: str) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.tmp{os.getpid()}-{threading.get_ident()}")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)

    def forget(self, shards: Iterable[tuple[int, ...]], counts: Sequence[int]) -> None:
        """Forget the tasks that wrote some shards; all, if their items are no blocks.

        Parameters
        ----------
        shards : iterable of tuple of int
            Indexes of shards of the store.
        counts : sequence of int
            Shards of the store along each axis. A block spans one of them along an axis, or
            all: if no block but the first is marked along one, all is taken for granted.
        """
        known = {name: _index(name, len(counts)) for name in self.finished()}
        if None in known.values():
            shutil.rmtree(self.place, ignore_errors=True)
            return
        cut = [any(column) for column in zip(*known.values(), strict=True)]
        lost = {tuple(n if c else 0 for n, c in zip(one, cut, strict=False)) for one in shards}
        for name, index in known.items():
            if index in lost:
                (self.place / f"{name}{_SUFFIX}").unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything, of this and of all other fingerprints."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _index(name: str, axes: int) -> tuple[int, ...] | None:
    """Return the index of a block in its grid; ``None`` for other items."""
    parts = name.split(".")
    whole = len(parts) == axes and all(part.isdigit() for part in parts)
    return tuple(map(int, parts)) if whole else None


def fingerprint_of(*parts: Any) -> str:
    """Name an output by all that decides its bytes, and by the version of this package.

    Parameters
    ----------
    *parts : object
        Plain JSON values: parameters, hashes of inputs, shape and block of the grid.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    from ssbtomo import __version__

    text = json.dumps([__version__, *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recorded(item: Item, *, task: Callable[[Item], Result], markers: Markers) -> Result:
    """Run a task and mark it; a task that was run already, by a lost worker say, is recalled.

    Parameters
    ----------
    item : object
        The task's item.
    task : callable
        The task.
    markers : Markers
        Where it is marked.

    Returns
    -------
    object
        What the task returned.
    """
    before = markers.recall(item)
    if before is not None:
        kept: Result = before.result
        return kept
    result = task(item)
    markers.record(item, result)
    return result
