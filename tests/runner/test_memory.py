"""What a run is said to need, and what it takes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from ssbtomo import runner
from ssbtomo.blocks import Grid
from ssbtomo.blocks.passes import whole_lines
from ssbtomo.runner import predict

BENCH = Path(__file__).parents[1] / "benchmarks" / "bench_block_bytes.py"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_blocks_were_said_to_take_is_what_they_take():
    # In a process of its own: what other tests leave behind grows and shrinks meanwhile.
    # One block has others on all sides; a smaller run before compiles, and loads what is late.
    command = [sys.executable, str(BENCH), "144", "48", "none", "cracks"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    megabytes = dict(re.findall(r"^(.+?) +([\d.]+) MB", done.stdout, re.MULTILINE))
    said, taken = float(megabytes["planned quantify"]), float(megabytes["quantify"])
    assert 0.8 <= said / taken <= 2.0, done.stdout


def test_what_does_not_fit_is_refused_with_a_cut_that_does(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(
        predict, "base", lambda stage: 0
    )  # that of the libraries would hide small blocks
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
    monkeypatch.setattr(predict, "base", lambda stage: 1e9)
    (refused,) = problems("200 MB", (64, 64, 64), 4)
    assert "leave out measures" in refused


@pytest.mark.parametrize("axis", range(3))
def test_boxes_of_lines_hold_few_blocks_of_voxels(axis):
    boxes = whole_lines(Grid((2048, 2048, 2048), (128, 128, 128)), axis)
    assert boxes.block[axis] == 2048
    assert np.prod(boxes.block) == 4 * 128**3
    assert whole_lines(Grid((9, 8, 7), (4, 4, 4)), axis).block[axis] == (9, 8, 7)[axis]
