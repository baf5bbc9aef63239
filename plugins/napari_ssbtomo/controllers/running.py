"""Run a recipe in a thread, and tell how far it is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ssbtomo.errors import CancelledError, SsbtomoError
from ssbtomo.events import (
    Event,
    Progress,
    SampleFailed,
    StageDone,
    StageSkipped,
    StageStarted,
    Warned,
)
from ssbtomo.results import Results

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RunController", "RunOutcome", "RunState", "advance", "results_folder"]

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.1

#: Signature of `ssbtomo.runner.run` as this module calls it.
Runner = Callable[..., Results]


@dataclass(frozen=True, slots=True)
class RunState:
    """How far a run is.

    Parameters
    ----------
    doing : str
        Sample and stage at work, or what the run is waiting for.
    done, total : int
        Finished and all units of the stage; `total` is 0 while it is unknown.
    lines : tuple of str
        What happened so far, one line each.
    """

    doing: str = "starting"
    done: int = 0
    total: int = 0
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Parameters
    ----------
    results : Results or None
        The results folder, if the run came to its end.
    problem : str
        What went wrong and what to do; empty if nothing did.
    cancelled : bool
        Whether the user stopped it.
    """

    results: Results | None = None
    problem: str = ""
    cancelled: bool = False


def advance(state: RunState, event: Event) -> RunState:
    """Return the state after an event.

    Parameters
    ----------
    state : RunState
        The state before.
    event : Event
        What the runner told.

    Returns
    -------
    RunState
        The state after.
    """
    of = f"{event.sample}: " if event.sample else ""  # the report is of all samples
    match event:
        case StageStarted(stage=stage):
            return RunState(f"{of}{stage}", lines=state.lines)
        case Progress(stage=stage, done=done, total=total):
            return RunState(f"{of}{stage}, {done} of {total}", done, total, state.lines)
        case StageDone(stage=stage, seconds=seconds):
            return _told(state, f"{of}{stage} done in {seconds:.1f} s")
        case StageSkipped(stage=stage):
            return _told(state, f"{of}{stage} was done before")
        case Warned(text=text):
            return _told(state, f"{of}warning: {text}")
        case SampleFailed(problem=problem):
            return _told(state, f"{of}failed: {problem}")


def _told(state: RunState, line: str) -> RunState:
    return replace(state, lines=(*state.lines, line))


def results_folder(recipe: Path) -> Path:
    """Suggest a results folder beside a recipe.

    Parameters
    ----------
    recipe : pathlib.Path
        The recipe.

    Returns
    -------
    pathlib.Path
        ``NAME-results`` in the recipe's folder.
    """
    return recipe.parent / f"{recipe.stem}-results"


class RunController:
    """One run of a recipe, from the click to its end.

    Parameters
    ----------
    recipe : pathlib.Path or None
        The recipe; ``None`` if none was picked.
    out : pathlib.Path or None
        The results folder; ``None`` if none was picked.
    run : callable, optional
        Stands in for `ssbtomo.runner.run`.
    """

    def __init__(self, recipe: Path | None, out: Path | None, *, run: Runner | None = None) -> None:
        self.recipe = recipe
        self.out = out
        self._run = run
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._state = RunState()
        self._outcome: RunOutcome | None = None

    def cancel(self) -> None:
        """Ask the run to stop; what it finished is kept."""
        self._cancel.set()

    @property
    def cancelling(self) -> bool:
        """Whether the run was asked to stop."""
        return self._cancel.is_set()

    def steps(self) -> Generator[RunState, None, RunOutcome]:
        """Run the recipe, and yield the state ten times a second.

        Returns
        -------
        RunOutcome
            The results, or the problem: expected errors are returned, not raised.

        Yields
        ------
        RunState
            How far the run is.
        """
        if self.recipe is None or self.out is None:
            return RunOutcome(problem=self._missing())
        work = threading.Thread(
            target=self._work, args=(self.recipe, self.out), name="ssbtomo run", daemon=True
        )
        work.start()
        try:
            while self._outcome is None:
                yield self._state  # many events, few pictures
                work.join(_POLL_SECONDS)
            yield self._state
        except GeneratorExit:  # nobody listens any more
            self.cancel()
            raise
        return self._outcome

    def _missing(self) -> str:
        what = "recipe" if self.recipe is None else "results folder"
        return f"no {what} is chosen\n  -> pick one above, then press Run"

    def _work(self, recipe: Path, out: Path) -> None:
        try:
            outcome = RunOutcome(results=self._call(recipe, out))
        except CancelledError as error:
            outcome = RunOutcome(problem=str(error), cancelled=True)
        except SsbtomoError as error:
            outcome = RunOutcome(problem=str(error))
        except Exception as error:  # noqa: BLE001 - a defect must reach the user, not end the window
            _LOG.exception("the run of %s failed", recipe)
            outcome = RunOutcome(problem=f"internal error: {type(error).__name__}: {error}")
        self._outcome = outcome

    def _listen(self, event: Event) -> None:
        with self._lock:  # events may come from several threads
            self._state = advance(self._state, event)

    def _call(self, recipe: Path, out: Path) -> Results:
        run = self._run
        if run is None:
            from ssbtomo import runner

            run = runner.run
        return run(recipe, out, events=self._listen, cancel=self._cancel)
