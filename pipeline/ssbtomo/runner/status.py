"""How far a run is, as another shell can see it."""

from __future__ import annotations

import fcntl
import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ssbtomo.errors import OutputError
from ssbtomo.runner.journal import STATUS

__all__ = ["RunStatus", "held", "read_status"]

_STALE = 60.0  # seconds after which a run of another machine that says nothing is taken for dead


@dataclass(frozen=True, slots=True)
class RunStatus:
    """What is known of a run.

    Parameters
    ----------
    state : str
        ``running``, ``done``, ``incomplete`` (samples of a batch failed), ``failed``,
        ``cancelled``, or ``stopped``: it was killed, or its machine went down.
    told : dict
        What the run wrote last: see `ssbtomo.runner.journal`.
    """

    state: str
    told: dict[str, Any]

    @property
    def as_json(self) -> str:
        """The same as JSON."""
        return json.dumps({**self.told, "state": self.state}, indent=1, ensure_ascii=False)

    @property
    def text(self) -> str:
        """The same for a terminal."""
        told = self.told
        lines = [f"state     {self.state}{_AFTER.get(self.state, '')}"]
        if self.state == "running":
            lines += [f"where     {told['host']}, process {told['pid']}, since {told['started']}"]
        else:
            lines += [f"last sign {told['updated']} from {told['host']}"]
        lines += [f"samples   {told['samples_done']} of {told['samples']} done"]
        if told["stage"]:
            lines += [f"stage     {_stage(told)}"]
        if self.state == "running":
            lines += [f"remaining about {_duration(told['run_remaining'])}"]
            lines += [f"memory    {told['memory_bytes'] / 1e9:.2f} GB"]
        for item in told["failures"]:
            lines += [f"failed    {item['sample']}: {item['problem']}", *_hint(item)]
        if told["error"]:
            lines += [f"error     {told['error']['problem']}", *_hint(told["error"])]
        return "\n".join(lines)


_AFTER = {
    "stopped": " (it did not end by itself; start it again, it goes on)",
    "failed": " (start it again, it goes on where it stopped)",
    "cancelled": " (start it again, it goes on where it stopped)",
    "incomplete": " (start it again: only what failed is done)",
}


def read_status(folder: Path) -> RunStatus:
    """Tell how far the run of a results folder is.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.

    Returns
    -------
    RunStatus
        Its state and what it wrote last.

    Raises
    ------
    OutputError
        If no run was started there.
    """
    path = folder / "work" / STATUS
    try:
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{folder} tells of no run: {path} cannot be read",
            hint="give the folder that `ssbtomo run recipe.yaml -o FOLDER` writes to",
        ) from error
    state = str(told["state"])
    if state == "running" and not _alive(folder, told):
        state = "stopped"
    if state == "done" and told["failures"]:
        state = "incomplete"
    return RunStatus(state, told)


def held(folder: Path) -> bool:
    """Tell whether a run holds a results folder, by its lock, which dies with it.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.

    Returns
    -------
    bool
        False, too, if nothing is there.
    """
    try:
        with (folder / "work" / "lock").open("rb") as lock:
            fcntl.flock(lock.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(lock.fileno(), fcntl.LOCK_UN)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _alive(folder: Path, told: dict[str, Any]) -> bool:
    """Tell whether a run goes on: by its lock, or its last sign from another machine."""
    return held(folder) or (told["host"] != platform.node() and _recent(told))


def _recent(told: dict[str, Any]) -> bool:
    age = datetime.now(UTC) - datetime.fromisoformat(told["updated"])
    return age.total_seconds() < _STALE


def _stage(told: dict[str, Any]) -> str:
    place = f"{told['sample']}: {told['stage']}" if told["sample"] else told["stage"]
    parts = [f"{told['done']} of {told['total']} done"] if told["total"] else []
    parts += [told["note"]] if told["note"] else []
    if told["rate"]:
        parts += [f"{told['rate']:.3g} per second"]
    if told["remaining"] is not None and told["state"] == "running":
        parts += [f"{_duration(told['remaining'])} left"]
    return ", ".join([place, *parts])


def _hint(item: dict[str, Any]) -> list[str]:
    return [f"          -> {item['hint']}"] if item.get("hint") else []


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
