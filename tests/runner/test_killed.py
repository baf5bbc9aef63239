"""A run that is killed goes on where it stopped, and ends with the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from ssbtomo import runner


def killed_at(line: str, recipe, out) -> None:
    """Start the command and kill it hard as soon as it says `line`."""
    command = [sys.executable, "-m", "ssbtomo.cli", "run", str(recipe), "-o", str(out)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stderr is not None
    with process:
        for told in process.stderr:
            if told.startswith(line):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL, f"it ended before it said {line!r}"


@pytest.mark.usefixtures("no_report")
def test_killed_in_each_stage_it_ends_the_same(recipe, tmp_path):
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text + "denoise: {method: median}\n", encoding="utf-8")
    fresh = runner.run(recipe, tmp_path / "fresh")
    out = tmp_path / "out"
    for stage in ("scan: ingest", "scan: denoise", "scan: segment", "scan: quantify", "report"):
        killed_at(stage, recipe, out)
    again = runner.run(recipe, out)
    assert (again.path / "results.csv").read_bytes() == (fresh.path / "results.csv").read_bytes()
    assert not list(out.rglob(".*.tmp*"))


def test_interrupted_it_says_so_and_stays_resumable(recipe, tmp_path):
    command = [sys.executable, "-m", "ssbtomo.cli", "run", str(recipe), "-o", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told = []
    with process:
        for line in process.stderr:
            told.append(line)
            if line.startswith("scan: quantify"):
                process.send_signal(signal.SIGINT)
                break
        told.append(process.stderr.read())
    assert process.returncode == 130, "".join(told)
    assert "go on where it stopped" in "".join(told)
    assert (tmp_path / "out" / "work" / "scan" / "segment.done.json").is_file()
