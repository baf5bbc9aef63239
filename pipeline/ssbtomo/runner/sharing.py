"""One run by several processes, such as the elements of a job array."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ssbtomo.blocks import Engine
from ssbtomo.blocks.shared import SharedPool, help_out
from ssbtomo.errors import OutputError, RecipeError, TaskError
from ssbtomo.events import check_cancelled
from ssbtomo.model import Recipe
from ssbtomo.results import Results
from ssbtomo.runner.status import held, read_status

__all__ = ["part_of", "recipe_mark", "shared_engine", "together"]

_QUEUE = "shared"  # folder in ``work`` with the tasks that a leading process offers
_PAUSE = 0.5  # seconds before a process that came second looks again


def part_of(text: str) -> tuple[int, int]:
    """Read which process of how many this is.

    Parameters
    ----------
    text : str
        Such as ``"3/8"``.

    Returns
    -------
    number, of : int
        From 1.

    Raises
    ------
    RecipeError
        If it is not that.
    """
    found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]) <= 4096:
        raise RecipeError(
            f"{text!r} does not say which process of how many this is",
            hint="write --blocks 1/8, ..., --blocks 8/8; in a Slurm array: "
            "--blocks $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT",
        )
    return int(found[1]), int(found[2])


def recipe_mark(recipe: Recipe) -> str:
    """Return a hash of all that a recipe asks for.

    Parameters
    ----------
    recipe : Recipe
        The recipe.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    return hashlib.sha256(recipe.model_dump_json().encode()).hexdigest()[:16]


def shared_engine(
    folder: Path, threads: int, helpers: int, cancel: threading.Event | None
) -> Engine:
    """Return the engine of a process that leads others.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.
    threads : int
        Tasks at once in each process.
    helpers : int
        The other processes.
    cancel : threading.Event or None
        Set it to stop.

    Returns
    -------
    Engine
        Close it.
    """
    pool = SharedPool(folder / "work" / _QUEUE, threads)
    return Engine(pool, threads * (helpers + 1), cancel, folder / "work" / "failed")


def together(
    folder: Path,
    lead: Callable[[], Results],
    recipe: str,
    threads: int,
    cancel: threading.Event | None = None,
) -> Results:
    """Lead a run, or help whoever leads it; if that one dies, one of the others goes on.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder, on a disk that all processes share.
    lead : callable
        Runs the recipe; raises `OutputError` if another process holds the folder.
    recipe : str
        Hash of the recipe: a folder where it is done already is left as it is.
    threads : int
        Tasks at once in this process.
    cancel : threading.Event, optional
        Set it to stop.

    Returns
    -------
    Results
        The results, whoever led.

    Raises
    ------
    TaskError
        If the process that led ended with an error.
    """
    while True:
        check_cancelled(cancel)
        if not held(folder):
            if _done(folder, recipe):
                return Results.load(folder)
            try:
                return lead()
            except OutputError:
                if not held(folder):
                    raise
        begun = time.time()
        help_out(folder / "work" / _QUEUE, threads, lambda: held(folder), cancel)
        _raise_as_leader(folder)
        time.sleep(max(_PAUSE - (time.time() - begun), 0.0))


def _done(folder: Path, recipe: str) -> bool:
    try:
        status = read_status(folder)
    except OutputError:
        return False
    return status.state in ("done", "incomplete") and status.told.get("recipe") == recipe


def _raise_as_leader(folder: Path) -> None:
    """Stop if the process that led has ended with an error: another would end with the same."""
    status = read_status(folder)
    if status.state in ("failed", "cancelled"):
        error = status.told["error"] or {}
        raise TaskError(
            f"the process that led ({status.told['host']}, {status.told['pid']}) ended: "
            f"{error.get('problem', status.state)}",
            hint=error.get("hint") or "start again to go on where it stopped",
        )
