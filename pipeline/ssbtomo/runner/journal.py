"""What a run writes of itself while it works: a log, and a file that tells how far it is."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ssbtomo.errors import CancelledError, SsbtomoError
from ssbtomo.events import (
    Event,
    Listener,
    Progress,
    SampleFailed,
    StageDone,
    StageSkipped,
    StageStarted,
)

__all__ = ["LOG", "STATUS", "Journal"]

LOG = "log.jsonl"
"""Name of the log in a results folder: one JSON object per line."""
STATUS = "status.json"
"""Name of the file in ``work`` that tells how far a run is."""
_BEAT = 1.0  # seconds between two writings of the status
_OFTEN = 10.0  # seconds between two lines about the progress of a stage


class Journal:
    """A listener that writes the log and the status, and passes on what it hears.

    In a ``with`` statement around the run. What cannot be written, on a full disk say, is left
    out: the log never ends a run.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.
    tell : callable
        Told every event.
    about : mapping
        What the log says of the run: command, version, scheduler, workers.
    expected : mapping of (sample, stage) to float
        Seconds that each stage will take, in the order of the run.
    memory : callable
        Returns the bytes that are held now.
    compiled : callable, optional
        Returns when a kernel was last compiled: stages that waited for that tell nothing of how
        fast later ones are.
    """

    def __init__(
        self,
        folder: Path,
        tell: Listener,
        about: Mapping[str, Any],
        expected: Mapping[tuple[str, str], float],
        memory: Callable[[], int],
        *,
        compiled: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._folder, self._tell, self._memory = folder, tell, memory
        self._compiled, self._stamp = compiled, 0.0
        self._expected = dict(expected)
        self._samples = list(dict.fromkeys(sample for sample, _ in expected))
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._told = self._stage_begun = self._compared = self._taken = self._heard = 0.0
        self._status: dict[str, Any] = {
            "samples": len(self._samples), **about, "pid": os.getpid(), "host": platform.node(),
            "started": _now(), "state": "running", "failures": [], "error": None,
            "sample": "", "stage": "", "done": 0, "total": 0, "rate": None, "remaining": None,
            "note": "",
        }  # fmt: skip

    def __enter__(self) -> Self:
        self._line("RunStarted", self._status)
        self._write()
        self._thread = threading.Thread(target=self._beat, name="ssbtomo-journal", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(2 * _BEAT)
        stopped = isinstance(error, CancelledError | KeyboardInterrupt)
        state = "done" if error is None else "cancelled" if stopped else "failed"
        with self._lock:
            self._status |= {"state": state, "error": None if error is None else told_error(error)}
        content: dict[str, Any] = {"state": state, "error": self._status["error"]}
        if error is not None and not isinstance(error, SsbtomoError):
            content["traceback"] = "".join(traceback.format_exception(error))
        self._line("RunEnded", content)
        self._write()

    def __call__(self, event: Event) -> None:
        """Note an event, and pass it on."""
        with self._lock:
            self._note(event)
            self._tell(event)

    def _note(self, event: Event) -> None:
        now = time.monotonic()
        content = asdict(event)
        if isinstance(event, Progress):
            if event.done != self._status["done"] or event.remaining != self._status["remaining"]:
                self._heard = now
            self._status |= {key: value for key, value in content.items() if key != "sample"}
            if now - self._told < _OFTEN:
                return
        elif isinstance(event, StageStarted):
            self._stage_begun, self._stamp = now, self._compiled()
            self._status |= {
                **content, "done": 0, "total": 0, "rate": None, "remaining": None, "note": ""
            }  # fmt: skip
        elif isinstance(event, StageDone | StageSkipped):
            self._leave(event)
        elif isinstance(event, SampleFailed):
            self._status["failures"].append(content)
            self._expected = {k: v for k, v in self._expected.items() if k[0] != event.sample}
        self._told = now
        self._line(type(event).__name__, content)

    def _leave(self, event: StageDone | StageSkipped) -> None:
        said = self._expected.pop((event.sample, event.stage), 0.0)
        alike = self._compiled() == self._stamp
        if isinstance(event, StageDone) and said > 0 and alike:
            self._compared += said
            self._taken += event.seconds

    def _left(self) -> float:
        """Return the seconds until the run is done: what is expected, at the pace so far."""
        slower = self._taken / self._compared if self._compared else 1.0
        here = (self._status["sample"], self._status["stage"])
        later = sum(value for key, value in self._expected.items() if key != here)
        now = self._remaining()
        if now is None:
            gone = time.monotonic() - self._stage_begun
            now = max(self._expected.get(here, 0.0) * slower - gone, 0.0)
        return float(now + later * slower)

    def _remaining(self) -> float | None:
        """Return the seconds until the stage is done: what was told last, less what has gone."""
        told = self._status["remaining"]
        return None if told is None else max(told - (time.monotonic() - self._heard), 0.0)

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            self._write()

    def _write(self) -> None:
        with self._lock:
            failed = {item["sample"] for item in self._status["failures"]}
            waiting = {sample for sample, _ in self._expected}
            done = [name for name in self._samples if name not in failed | waiting]
            running = self._status["state"] == "running"
            content = {
                **self._status, "updated": _now(), "memory_bytes": self._memory(),
                "samples_done": len(done), "remaining": self._remaining(),
                "run_remaining": round(self._left(), 1) if running else 0.0,
            }  # fmt: skip
        path = self._folder / "work" / STATUS
        draft = path.with_name(f".{STATUS}.tmp{os.getpid()}")
        with suppress(OSError):
            draft.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
            draft.replace(path)

    def _line(self, event: str, content: Mapping[str, Any]) -> None:
        line = json.dumps({"time": _now(), "event": event, **content}, ensure_ascii=False)
        with suppress(OSError), (self._folder / LOG).open("a", encoding="utf-8") as log:
            log.write(line + "\n")


def told_error(error: BaseException) -> dict[str, str]:
    """Return an error as plain values.

    Parameters
    ----------
    error : BaseException
        The error.

    Returns
    -------
    dict
        ``kind``, ``problem`` and ``hint``.
    """
    ours = isinstance(error, SsbtomoError)
    return {
        "kind": type(error).__name__,
        "problem": error.problem if ours else str(error),  # type: ignore[attr-defined]
        "hint": error.hint if ours else "",  # type: ignore[attr-defined]
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
