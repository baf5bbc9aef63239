"""Solves of a run whose process is killed hard: what is on disk, and where the next one begins."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from ssbtomo import runner
from ssbtomo.events import Progress
from ssbtomo.kernels.transport import Checkpoint
from ssbtomo.kernels.transport.storage import MEMORY
from ssbtomo.stages.quantify import resting
from ssbtomo.stages.quantify.conductor import Conductor

EAGER = "import math; from ssbtomo.stages.quantify import resting; resting._LEAST = 0.0; resting._SHARE = math.inf\n"
SOLVING = (
    EAGER
    + """
import sys, time
from ssbtomo import runner
keep = resting.Resting.keep
def kept(self, checkpoint):
    keep(self, checkpoint)
    if checkpoint.iterations == 3:
        print("kept", flush=True)
        time.sleep(3600)
resting.Resting.keep = kept
runner.run(sys.argv[1], sys.argv[2])
"""
)
WRITING = (
    EAGER
    + """
import itertools, sys
from pathlib import Path
from types import SimpleNamespace as Bag
import numpy as np
from ssbtomo.kernels.transport import Checkpoint
from ssbtomo.stages.quantify.conductor import Conductor
desk = Bag(work=Path(sys.argv[1]), note=print)
settings = Bag(transport=Bag(convention=None, surfaces="voxels", periodic=False))
subject = Bag(desk=desk, spacing=(1.0, 1.0, 1.0), settings=settings)
place = resting.Resting(subject, np.zeros((2, 2, 2), np.uint8), Conductor("p", {1: 1.0}), "z")
for number in itertools.count(1):
    place.keep(Checkpoint(np.full((200, 2**14), float(number)), number, 0.5))
    if number == 2:
        print("kept", flush=True)
"""
)


def killed_after(code: str, wait: float, *arguments: object) -> None:
    """Run code in a process of its own, and kill it some time after it said so."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "kept\n"
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def place_in(folder, values, told=None) -> resting.Resting:
    """Return the resting place of a solve of nothing in particular."""
    desk = SimpleNamespace(work=folder, note=(told if told is not None else []).append)
    settings = SimpleNamespace(
        transport=SimpleNamespace(convention=None, surfaces="voxels", periodic=False)
    )
    subject = SimpleNamespace(desk=desk, spacing=(1.0, 1.0, 1.0), settings=settings)
    labels = np.zeros((2, 2, 2), np.uint8)
    return resting.Resting(subject, labels, Conductor("p", values), "z")


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("storage", ["memory", "disk"])
def test_a_run_killed_inside_a_solve_goes_on_after_the_last_iteration_kept(
    recipe, tmp_path, storage
):
    text = recipe.read_text(encoding="utf-8")
    text = text.replace("[fractions, contacts, connectivity, transport]", "[transport]")
    text = text.replace("run:", f"  transport: {{storage: {storage}, tolerance: 1.0e-7}}\nrun:")
    more = "segment: {repair: false}\nrange: {shift: 0}\n"
    recipe.write_text(text + more, encoding="utf-8")
    out = tmp_path / "out"
    killed_after(SOLVING, 0.0, recipe, out)
    assert len(list(out.rglob("transport-*.solve"))) == 1
    notes: list[str] = []
    again = runner.run(
        recipe, out, events=lambda e: notes.append(e.note) if isinstance(e, Progress) else None
    )
    assert any("goes on after iteration 3" in note for note in notes)
    assert not list(out.rglob("*transport-*.solve*"))
    fresh = runner.run(recipe, tmp_path / "fresh")
    one, two = (run.table.set_index(["quantity", "subject"])["value"] for run in (again, fresh))
    # both are solved to 1e-7, by an estimate that may be off by some times
    np.testing.assert_allclose(one, two, rtol=1e-6)


def test_a_process_killed_while_it_writes_leaves_a_whole_checkpoint(tmp_path):
    rng = np.random.default_rng(5)
    for wait in rng.uniform(0.0, 0.3, 3):
        killed_after(WRITING, float(wait), tmp_path)
        found = place_in(tmp_path, {1: 1.0}).load(MEMORY)
        assert found is not None
        assert found.iterations >= 2
        # one step of 2^15 - 1, in float32
        np.testing.assert_allclose(found.deviation, found.iterations, rtol=1e-6)


@pytest.mark.parametrize(("values", "rounding"), [({1: 1.0}, 1.6e-5), ({1: 1.0, 2: 1e-6}, 0.0)])
def test_a_checkpoint_comes_back(values, rounding, tmp_path, monkeypatch):
    monkeypatch.setattr(resting, "_LEAST", -1.0)
    monkeypatch.setattr(resting, "_SHARE", np.inf)
    told: list[str] = []
    place = place_in(tmp_path, values, told)
    given = np.random.default_rng(0).normal(0, 10, (9, 700))
    given[3] = 0
    given[5] *= 1e-40  # below what float32 has
    assert place.load(MEMORY) is None
    place.keep(Checkpoint(given, 7, 0.25))
    found = place.load(MEMORY)
    assert found is not None
    assert (found.iterations, found.norm) == (7, 0.25)
    peaks = np.abs(given).max(axis=1, keepdims=True)
    assert (np.abs(found.deviation - given) <= rounding * peaks + 1e-30 * (rounding > 0)).all()
    assert told == ["transport of p, z: goes on after iteration 7"]
    place.clear()
    assert place.load(MEMORY) is None


@pytest.mark.parametrize("left", [0, 20, 200, 3000])
def test_a_file_cut_off_is_no_checkpoint(left, tmp_path, monkeypatch):
    monkeypatch.setattr(resting, "_LEAST", -1.0)
    monkeypatch.setattr(resting, "_SHARE", np.inf)
    place = place_in(tmp_path, {1: 1.0})
    place.keep(Checkpoint(np.ones((9, 700)), 7, 0.25))
    (path,) = tmp_path.rglob("transport-*.solve")
    path.write_bytes(path.read_bytes()[:left])
    assert place.load(MEMORY) is None


def test_checkpoints_cost_little_and_come_early(tmp_path, monkeypatch):
    """By a clock of our own: a write that takes a second is worth 25 of work."""
    now = [0.0]
    monkeypatch.setattr(resting, "time", SimpleNamespace(monotonic=lambda: now[0]))
    place = place_in(tmp_path, {1: 1.0})
    written: list[float] = []

    def slow(checkpoint: Checkpoint) -> None:
        written.append(now[0])
        now[0] += 1.0

    monkeypatch.setattr(place, "_write", slow)
    for _ in range(120):
        now[0] += 1.0
        place.keep(Checkpoint(np.zeros((2, 2)), 1, 1.0))
    assert written == [1.0, 27.0, 53.0, 79.0, 105.0]
