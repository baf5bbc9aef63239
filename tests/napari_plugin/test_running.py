"""A run tells how far it is, ends with results or a problem in words, and can be stopped."""

from __future__ import annotations

import threading

from napari_ssbtomo.controllers.running import RunController, RunState, advance, results_folder
from ssbtomo.errors import RecipeError
from ssbtomo.events import Progress, StageDone, StageSkipped, StageStarted, Warned, check_cancelled


def finish(controller):
    """Go through a run; return the states and the outcome."""
    states, steps = [], controller.steps()
    try:
        while True:
            states.append(next(steps))
    except StopIteration as end:
        return states, end.value


def test_events_become_one_state():
    state = RunState()
    for event in (
        StageSkipped("cathode", "ingest"),
        StageStarted("cathode", "segment"),
        Warned("cathode", "film thinner than 3 voxels"),
        StageDone("cathode", "segment", 1.25),
        StageStarted("cathode", "quantify"),
        Progress("cathode", "quantify", 3, 12),
    ):
        state = advance(state, event)
    assert (state.doing, state.done, state.total) == ("cathode: quantify, 3 of 12", 3, 12)
    assert state.lines == (
        "cathode: ingest was done before",
        "cathode: warning: film thinner than 3 voxels",
        "cathode: segment done in 1.2 s",
    )


def test_a_run_ends_with_its_results(tmp_path, results):
    def run(recipe, out, *, events, cancel):
        events(StageStarted("cathode", "ingest"))
        events(StageDone("cathode", "ingest", 0.5))
        return results

    states, outcome = finish(RunController(tmp_path / "recipe.yaml", results.path, run=run))
    assert outcome.results == results
    assert not outcome.problem
    assert states


def test_an_expected_error_is_returned_in_its_words(tmp_path):
    def run(recipe, out, *, events, cancel):
        raise RecipeError("recipe.yaml:3: phases: missing", hint="name the phases")

    _, outcome = finish(RunController(tmp_path / "recipe.yaml", tmp_path, run=run))
    assert outcome.problem == "recipe.yaml:3: phases: missing\n  -> name the phases"
    assert not outcome.cancelled


def test_a_defect_is_returned_and_logged(tmp_path, caplog):
    def run(recipe, out, *, events, cancel):
        raise KeyError("spacing")

    _, outcome = finish(RunController(tmp_path / "recipe.yaml", tmp_path, run=run))
    assert outcome.problem == "internal error: KeyError: 'spacing'"
    assert "Traceback" in caplog.text


def test_a_cancelled_run_stops_and_says_so(tmp_path):
    def run(recipe, out, *, events, cancel):
        cancel.wait(20)
        check_cancelled(cancel)

    controller = RunController(tmp_path / "recipe.yaml", tmp_path, run=run)
    threading.Timer(0.2, controller.cancel).start()
    assert finish(controller)[1].cancelled


def test_leaving_the_generator_stops_the_run(tmp_path):
    stopped = threading.Event()

    def run(recipe, out, *, events, cancel):
        if cancel.wait(20):
            stopped.set()

    steps = RunController(tmp_path / "recipe.yaml", tmp_path, run=run).steps()
    next(steps)
    steps.close()
    assert stopped.wait(5)


def test_what_is_missing_is_asked_for(tmp_path):
    assert "no recipe is chosen" in finish(RunController(None, tmp_path))[1].problem
    assert "no results folder" in finish(RunController(tmp_path / "r.yaml", None))[1].problem


def test_many_events_make_few_states(tmp_path, results):
    def run(recipe, out, *, events, cancel):
        for done in range(5000):
            events(Progress("cathode", "quantify", done, 5000))
        return results

    states, _ = finish(RunController(tmp_path / "recipe.yaml", results.path, run=run))
    assert len(states) < 50  # one per tenth of a second, not one per event


def test_a_real_recipe_with_a_problem_is_explained(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("sample: {path: nowhere.tif}\nphasen: []\n")
    _, outcome = finish(RunController(recipe, tmp_path / "out"))
    assert "recipe.yaml:2: phasen: unknown key" in outcome.problem
    assert not (tmp_path / "out").exists()


def test_the_results_folder_is_suggested_beside_the_recipe(tmp_path):
    assert results_folder(tmp_path / "cathode.yaml") == tmp_path / "cathode-results"
