"""A run that is killed goes on where it stopped, and ends with the same bytes."""

from __future__ import annotations

import glob
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ssbtomo import runner
from ssbtomo.errors import CancelledError
from ssbtomo.events import Progress


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


# A shell that starts the suite in the background has its children ignore Ctrl-C.
LISTENING = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('ssbtomo.cli', run_name='__main__')"
)


def test_interrupted_it_says_so_and_stays_resumable(recipe, tmp_path):
    command = [sys.executable, "-c", LISTENING, "run", str(recipe), "-o", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
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


def seen(folder: Path, pattern: str) -> list[str]:
    """Look for files while another process makes and removes folders; Path.glob would fail."""
    return glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207


QUICK = "segment: {repair: false}\nrange: {shift: 0}\n"  # for tests of the stages before


def block_markers(out) -> set[str]:
    return {str(path.relative_to(out)) for path in out.glob("work/*/drafts/*.done/*/*.json")}


@pytest.mark.parametrize("stage", ["ingest", "denoise"])
@pytest.mark.usefixtures("no_report")
def test_killed_inside_a_stage_it_computes_only_the_missing_blocks(stage, recipe, tmp_path):
    text = recipe.read_text(encoding="utf-8").replace("[16, 16, 16]", "[8, 8, 8]")
    recipe.write_text(text + QUICK + "denoise: {method: gaussian}\n", encoding="utf-8")
    fresh = runner.run(recipe, tmp_path / "fresh")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ssbtomo.cli", "run", str(recipe), "-o", str(out)]
    name = {"ingest": "image", "denoise": "volume"}[stage]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not seen(out, f"work/*/drafts/{name}.done/*/*.json"):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    done = block_markers(out)
    told: list[Progress] = []
    again = runner.run(recipe, out, events=told.append)
    counts = [e.done for e in told if isinstance(e, Progress) and e.stage == stage]
    total = {"ingest": 4, "denoise": 100}[stage]
    assert counts == list(range(len(done), total + 1))
    for store in ("image", "volume", "phases"):
        one, other = (folder / "volumes/scan" / f"{store}.ome.zarr" for folder in (fresh.path, out))
        files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
        assert all((one / file).read_bytes() == (other / file).read_bytes() for file in files)
    assert (again.path / "results.csv").read_bytes() == (fresh.path / "results.csv").read_bytes()
    assert not block_markers(out)


@pytest.mark.usefixtures("no_report")
def test_killed_inside_the_measures_it_ends_the_same(recipe, tmp_path):
    """Among the distances, with the basins half found, and while the particles are written."""
    text = recipe.read_text(encoding="utf-8").replace("[16, 16, 16]", "[8, 8, 8]")
    measures = "[fractions, connectivity, particles, pores]"
    text = text.replace("[fractions, contacts, connectivity, transport]", measures)
    recipe.write_text(text + QUICK, encoding="utf-8")
    fresh = runner.run(recipe, tmp_path / "fresh")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ssbtomo.cli", "run", str(recipe), "-o", str(out)]
    for store in ("scratch/*/distance*", "scratch/*/drainage*", "drafts/particles*"):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            while not seen(out, f"work/*/{store}/**/c/**/[0-9]*"):
                assert process.poll() is None, f"it ended before it wrote to {store}"
            process.send_signal(signal.SIGKILL)
        assert not (out / "results.csv").exists()
    again = runner.run(recipe, out)
    assert (again.path / "results.csv").read_bytes() == (fresh.path / "results.csv").read_bytes()
    for table in ("particles.csv", "size_distributions.csv"):
        one, other = (folder / "tables" / table for folder in (fresh.path, out))
        assert one.read_bytes() == other.read_bytes()
    assert not list(out.glob("work/*/scratch"))


@pytest.mark.usefixtures("no_report")
def test_killed_while_it_writes_labels_it_ends_with_the_same_bytes(recipe, tmp_path):
    text = recipe.read_text(encoding="utf-8").replace("[16, 16, 16]", "[8, 12, 12]")
    text = text.replace("[fractions, contacts, connectivity, transport]", "[fractions]")
    more = "segment: {smallest_object: 9}\nrange: {shift: 0}\n"
    recipe.write_text(text + more, encoding="utf-8")
    fresh = runner.run(recipe, tmp_path / "fresh")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "ssbtomo.cli", "run", str(recipe), "-o", str(out)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not seen(out, "work/*/drafts/phases.done/*/*.json"):
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    again = runner.run(recipe, out)
    one, other = (folder / "volumes/scan/phases.ome.zarr" for folder in (fresh.path, again.path))
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert all((one / file).read_bytes() == (other / file).read_bytes() for file in files)
    assert (again.path / "results.csv").read_bytes() == (fresh.path / "results.csv").read_bytes()
    assert not block_markers(out)
    assert not (out / "work" / "scan" / "scratch").exists()


@pytest.mark.usefixtures("no_report")
def test_cancelled_inside_the_first_stage_it_goes_on_there(recipe, tmp_path):
    text = recipe.read_text(encoding="utf-8") + QUICK
    recipe.write_text(text.replace("[16, 16, 16]", "[8, 16, 16]"), encoding="utf-8")
    cancel, out = threading.Event(), tmp_path / "out"

    def stop(event):
        if isinstance(event, Progress) and event.done == 3:
            cancel.set()

    with pytest.raises(CancelledError):
        runner.run(recipe, out, events=stop, cancel=cancel)
    assert len(block_markers(out)) == 3
    told = []
    runner.run(recipe, out, events=told.append)
    assert next(e.done for e in told if isinstance(e, Progress)) == 3


@pytest.mark.usefixtures("no_report")
def test_other_parameters_do_not_go_on_from_the_old_blocks(recipe, tmp_path):
    text = recipe.read_text(encoding="utf-8") + QUICK
    cancel, out = threading.Event(), tmp_path / "out"

    def stop(event):
        if isinstance(event, Progress) and event.stage == "denoise" and event.done == 3:
            cancel.set()

    recipe.write_text(text + "denoise: {method: gaussian, sigma: 300 nm}\n", encoding="utf-8")
    with pytest.raises(CancelledError):
        runner.run(recipe, out, events=stop, cancel=cancel)
    assert block_markers(out)
    recipe.write_text(text + "denoise: {method: gaussian, sigma: 100 nm}\n", encoding="utf-8")
    again = runner.run(recipe, out)
    fresh = runner.run(recipe, tmp_path / "fresh")
    assert (again.path / "results.csv").read_bytes() == (fresh.path / "results.csv").read_bytes()
