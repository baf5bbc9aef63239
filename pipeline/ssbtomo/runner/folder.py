"""The results folder: whose it is, whether it can be written, and who is writing."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from ssbtomo.errors import (
    AxisError,
    FormatError,
    InputDataError,
    OutputError,
    PhaseMissingError,
    SsbtomoError,
    VoxelSizeError,
)
from ssbtomo.runner.samples import Job
from ssbtomo.stages.desk import resumable, write_json

__all__ = ["explained", "occupied"]

_OWNER = "owner.json"
_PAUSES = (0.0, 0.02, 0.05, 0.1)  # seconds before a lock is tried again
_UNUSABLE = (InputDataError, PhaseMissingError, FormatError, VoxelSizeError, AxisError)


@contextmanager
def occupied(folder: Path, jobs: Sequence[Job]) -> Iterator[bool]:
    """Hold a results folder for one run, and leave none behind that holds nothing.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder; made if it is not there.
    jobs : sequence of Job
        The samples: a folder belongs to them.

    Yields
    ------
    bool
        Whether the machine went down under the run that held the folder before: then files
        that it had finished may not have reached the disk.

    Raises
    ------
    OutputError
        If the folder cannot be written, holds something else, belongs to other
        samples, or another run is writing to it.
    """
    with explained(folder):
        _check_owner(folder, jobs)
        fresh = not folder.exists()
        made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        work = folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        with (work / "lock").open("a+", encoding="utf-8") as lock:
            _take(lock, folder)
            before = _holder(lock)
            _hold(lock, _me())
            write_json(work / _OWNER, {"samples": _identity(jobs)})
            try:
                yield _went_down(before)
            except BaseException as error:
                _tidy(folder)
                if fresh and not _worth_keeping(folder, error):
                    for item in made:
                        shutil.rmtree(item, ignore_errors=True)
                raise
            finally:
                with suppress(OSError):
                    _hold(lock, {})


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn the system's errors of writing into ours.

    Parameters
    ----------
    folder : pathlib.Path
        Where the run writes.

    Yields
    ------
    None
        While errors are explained.

    Raises
    ------
    OutputError
        For a full disk, a folder that cannot be written, and the like.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        hints = {
            errno.ENOSPC: "the disk is full: free some space and start again, finished stages stay",
            errno.EDQUOT: "your quota is used up: free some space and start again",
            errno.EACCES: "you may not write there: choose another folder with -o",
            errno.EPERM: "you may not write there: choose another folder with -o",
            errno.EROFS: "the file system is read-only: choose another folder with -o",
            errno.ENOTDIR: "a part of the path is a file: choose another folder with -o",
            errno.EEXIST: "a file has this name: choose another folder with -o",
        }
        hint = hints.get(error.errno or 0)
        if hint is not None:
            raise OutputError(f"{folder} cannot be written: {error}", hint=hint) from error
        if isinstance(error, SsbtomoError):
            raise
        raise OutputError(
            f"a file cannot be read or written: {error}",
            hint="see whether the disk or the network drive is there, and start again: the run "
            "goes on where it stopped",
        ) from error


def _check_owner(folder: Path, jobs: Sequence[Job]) -> None:
    if not folder.is_dir():
        if folder.exists():
            raise OutputError(f"{folder} is a file", hint="choose a folder with -o")
        return
    owner = folder / "work" / _OWNER
    if owner.is_file():
        known = _owner(owner)
        if known != _identity(jobs):
            names = ", ".join(name for name, _ in known)
            raise OutputError(
                f"{folder} belongs to another run, of the samples: {names}",
                hint="choose another folder with -o, or delete this one",
            )
    elif any(folder.iterdir()):
        raise OutputError(
            f"{folder} is not empty and holds no run of ssbtomo",
            hint="choose a new or empty folder with -o; nothing was touched",
        )


def _owner(path: Path) -> list[list[str]]:
    try:
        return [
            [str(part) for part in row] for row in json.loads(path.read_text("utf-8"))["samples"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{path} is damaged, which tells whose folder this is: {error}",
            hint="choose another folder with -o; or delete this file, if the folder is yours",
        ) from error


def _identity(jobs: Sequence[Job]) -> list[list[str]]:
    return [[job.name, str(job.source)] for job in jobs]


def _flock(lock: IO[str]) -> None:
    """Lock a file; whoever only asks whether it is locked holds it for an instant."""
    for pause in _PAUSES:
        time.sleep(pause)
        with suppress(BlockingIOError):
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
    fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _take(lock: IO[str], folder: Path) -> None:
    """Lock the folder. The system holds the lock, and lets it go when the process ends anyhow."""
    try:
        _flock(lock)
    except BlockingIOError:
        other = _holder(lock)
        who = (
            f": process {other.get('process')} on {other.get('host')}, since {other.get('since')}"
            if other
            else ""
        )
        raise OutputError(
            f"another run is writing to {folder}{who}",
            hint="wait for it, or choose another folder with -o",
        ) from None
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be locked: {error.strerror or error}",
            hint="this file system has no locks, so that a second run could not be told: choose a "
            "folder on another one with -o",
        ) from error


def _me() -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"process": os.getpid(), "host": platform.node(), "boot": _boot(), "since": now}


def _boot() -> str:
    """Name this start of the system."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _holder(lock: IO[str]) -> dict[str, Any]:
    lock.seek(0)
    try:
        return dict(json.loads(lock.read() or "{}"))
    except (ValueError, TypeError):
        return {}


def _hold(lock: IO[str], who: Mapping[str, Any]) -> None:
    lock.seek(0)
    lock.truncate()
    lock.write(json.dumps(who))
    lock.flush()


def _went_down(before: Mapping[str, Any]) -> bool:
    """Tell whether a run was under way when the machine that it ran on was started again."""
    same = before.get("host") == platform.node()
    return same and before.get("boot") != _boot()


def _tidy(folder: Path) -> None:
    """Remove what was being written when a run ended early, but not what it can go on from."""
    for draft in (folder / "work").glob("*/drafts/*"):
        if not resumable(draft):
            shutil.rmtree(draft, ignore_errors=True)
    for draft in folder.rglob(".*.tmp*"):
        draft.unlink(missing_ok=True)


def _worth_keeping(folder: Path, error: BaseException) -> bool:
    """Tell whether another run could go on here: not from a scan that cannot be used."""
    work = folder / "work"
    if isinstance(error, _UNUSABLE):
        return any(work.glob("*/quantify.done.json"))
    return any(work.glob("*/*.done.json")) or any(map(resumable, work.glob("*/drafts/*")))
