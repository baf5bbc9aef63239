"""How far a run is, seen from outside; its log; and runs that several processes share."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from ssbtomo import errors, runner
from ssbtomo.events import Pace, Progress, StageDone, StageStarted
from ssbtomo.runner import journal
from ssbtomo.runner.sharing import part_of
from ssbtomo.runner.status import held, read_status

RUN = """
import sys
from ssbtomo import runner
from ssbtomo.runner import execute
execute.write_report = lambda folder, formats: folder
if __name__ == "__main__":
    runner.run_together(sys.argv[1], sys.argv[2], workers=1, blocks=sys.argv[3])
"""
LIMIT = 240  # seconds; a machine that does other work may be slow


def started(recipe, out, part):
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(recipe), str(out), part], stderr=subprocess.PIPE, text=True
    )


def wait_for(what, *processes):
    until = time.monotonic() + LIMIT
    while not what():
        assert time.monotonic() < until
        for process in processes:
            assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


@pytest.mark.usefixtures("no_report")
def test_a_run_tells_how_far_it_is_and_keeps_a_log(recipe, tmp_path):
    seen = []

    def look(event):
        if isinstance(event, StageDone) and event.stage == "segment":
            seen.append(read_status(tmp_path / "out"))

    runner.run(recipe, tmp_path / "out", events=look)
    (during,) = seen
    assert during.state == "running"
    assert held(tmp_path / "out") is False
    assert during.told["stage"] in ("ingest", "reconstruct", "denoise", "segment")
    after = read_status(tmp_path / "out")
    assert (after.state, after.told["samples_done"], after.told["run_remaining"]) == ("done", 1, 0)
    assert after.told["memory_bytes"] > 10**7
    log = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert log[0]["event"] == "RunStarted"
    assert log[-1] | {"time": ""} == {
        "time": "", "event": "RunEnded", "state": "done", "error": None
    }  # fmt: skip
    done = [line["stage"] for line in log if line["event"] == "StageDone"]
    assert done == ["ingest", "reconstruct", "denoise", "segment", "quantify", "report"]


@pytest.mark.usefixtures("no_report")
def test_the_last_error_is_told(recipe, tmp_path, monkeypatch):
    def full(*_):
        raise errors.ConvergenceError("the solve did not end", hint="allow more")

    runner.run(recipe, tmp_path / "out")
    recipe.write_text(recipe.read_text("utf-8").replace("[z]", "[y]"), encoding="utf-8")
    monkeypatch.setattr("ssbtomo.stages.quantify.transport.solve", full)
    monkeypatch.setattr("ssbtomo.stages.quantify.transport._solved", full)
    with pytest.raises(errors.ConvergenceError):
        runner.run(recipe, tmp_path / "out")
    found = read_status(tmp_path / "out")
    assert found.state == "failed"
    assert found.told["error"] == {
        "kind": "ConvergenceError", "problem": "the solve did not end", "hint": "allow more"
    }  # fmt: skip
    assert "-> allow more" in found.text


def test_what_is_left_counts_down_between_two_units(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(journal, "_BEAT", 0.01)
    (tmp_path / "work").mkdir()

    def left():
        told = read_status(tmp_path).told
        return told["remaining"], told["run_remaining"]

    expected = {("a", "quantify"): 200.0, ("a", "report"): 5.0}
    with journal.Journal(tmp_path, lambda event: None, {}, expected, lambda: 0) as told:
        told(StageStarted("a", "quantify"))
        told(Progress("a", "quantify", 3, 6, 0.1, 100.0, "first"))
        wait_for(lambda: left() == (100.0, 105.0))
        now[0] += 40.0
        told(Progress("a", "quantify", 3, 6, 0.1, 100.0, "second"))  # a note, no unit more
        wait_for(lambda: left() == (60.0, 65.0))
        now[0] += 70.0
        wait_for(lambda: left() == (0.0, 5.0))
        told(Progress("a", "quantify", 4, 6, 0.1, 80.0))
        wait_for(lambda: left() == (80.0, 85.0))


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(errors.OutputError, match="tells of no run"):
        read_status(tmp_path)


@pytest.mark.usefixtures("no_report")
@pytest.mark.timeout(2 * LIMIT)
def test_if_the_leader_is_killed_a_helper_goes_on(recipe, tmp_path):
    alone = runner.run(recipe, tmp_path / "alone")
    out = tmp_path / "out"
    with started(recipe, out, "1/2") as leader:
        wait_for((out / "work/scan/ingest.done.json").exists, leader)
        with started(recipe, out, "2/2") as helper:
            wait_for(lambda: list(out.glob("work/shared/helpers/*.json")), helper)
            leader.send_signal(signal.SIGKILL)
            leader.wait(LIMIT)
            assert helper.wait(LIMIT) == 0, helper.stderr.read()
    assert (out / "results.csv").read_bytes() == (alone.path / "results.csv").read_bytes()
    status = read_status(out)
    assert (status.state, status.told["pid"]) == ("done", helper.pid)
    assert not (out / "work/shared").exists()
    # One that starts when all is done has nothing to do, and says so at once.
    before = (out / "run.json").stat().st_mtime_ns
    with started(recipe, out, "2/2") as late:
        assert late.wait(LIMIT) == 0
    assert (out / "run.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["0/4", "5/4", "4", "a/b", "1/0", "-1/2", "1/99999"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(errors.RecipeError, match="which process of how many"):
        part_of(text)


def test_what_is_left_weighs_units_with_what_they_cost():
    now = [0.0]
    pace = Pace(lambda: now[0])
    # Of ten units the first four are a tenth of the work each, the other six a tenth together.
    shares = [0.0, 0.225, 0.45, 0.675, 0.9]
    left = []
    for done, share in enumerate(shares):
        left.append(pace(done, 10, share)[1])
        now[0] += 22.5
    assert left[:3] == [None, None, None]
    assert left[3] == pytest.approx(32.5)
    assert left[4] == pytest.approx(10.0)  # by units it would have been 135 s
