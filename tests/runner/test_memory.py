"""What a run is said to need, and what it takes."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from ssbtomo import runner
from ssbtomo.blocks import Grid
from ssbtomo.blocks.passes import whole_lines
from ssbtomo.runner import plan

BENCH = Path(__file__).parents[1] / "benchmarks" / "bench_block_bytes.py"


@pytest.fixture
def bench(monkeypatch, no_report):
    found = importlib.util.spec_from_file_location("bench_block_bytes", BENCH)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_blocks_were_said_to_take_is_what_they_take(bench, monkeypatch):
    bench.measure(40, 20, "none", ("cracks",))  # compiles, and loads what is loaded late
    planned = []
    plans = bench.execute.plan_run
    monkeypatch.setattr(
        bench.execute, "plan_run", lambda *a, **k: planned.append(plans(*a, **k)) or planned[0]
    )
    taken = bench.measure(144, 48, "none", ("cracks",))  # one block has others on all sides
    said = planned[0].samples[0]
    assert said.stage == "quantify"
    assert 0.8 <= (said.memory - plan._BASE) / taken["quantify"] <= 2.0


def test_what_does_not_fit_is_refused_with_a_cut_that_does(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_BASE", 0)  # that of the libraries would hide small blocks
    tifffile.imwrite(tmp_path / "scan.tif", np.zeros((96, 96, 96), np.uint8))
    text = recipe.read_text("utf-8").replace(
        "[fractions, contacts, connectivity, transport]", "[cracks]"
    )
    settings = "run: {{memory: {}, scheduler: threads, block: {}, workers: {}}}"

    def problems(memory, block, workers):
        chosen = settings.format(memory, list(block), workers)
        recipe.write_text(text[: text.index("run:")] + chosen, "utf-8")
        return runner.check(recipe)

    assert problems("1 GB", (64, 64, 64), 4) == []
    (refused,) = problems("200 MB", (64, 64, 64), 4)
    assert "take run: {block: [64, 64, 64], workers: 2}" in refused
    assert problems("200 MB", (64, 64, 64), 2) == []
    (refused,) = problems("64 MB", (64, 64, 64), 4)
    assert "take run: {block: [32, 32, 32], workers: 2}" in refused
    assert problems("64 MB", (32, 32, 32), 2) == []
    monkeypatch.setattr(plan, "_BASE", 10**9)
    (refused,) = problems("200 MB", (64, 64, 64), 4)
    assert "leave out measures" in refused


@pytest.mark.parametrize("axis", range(3))
def test_boxes_of_lines_hold_few_blocks_of_voxels(axis):
    boxes = whole_lines(Grid((2048, 2048, 2048), (128, 128, 128)), axis)
    assert boxes.block[axis] == 2048
    assert np.prod(boxes.block) == 4 * 128**3
    assert whole_lines(Grid((9, 8, 7), (4, 4, 4)), axis).block[axis] == (9, 8, 7)[axis]
