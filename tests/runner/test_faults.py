"""What can go wrong under a run: each fault is seen, explained, and nothing that was done is lost."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from ssbtomo import errors, runner
from ssbtomo.events import Progress, StageDone, StageSkipped, StageStarted, Warned
from ssbtomo.io import zarr_arrays
from ssbtomo.runner import watching
from ssbtomo.runner.verifying import verify

QUICK = "segment: {repair: false}\nrange: {shift: 0}\ndenoise: {method: gaussian}\n"
pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture
def quick(recipe):
    """The recipe with fewer measures, in more blocks."""
    text = recipe.read_text("utf-8").replace("[16, 16, 16]", "[16, 18, 20]")
    text = text.replace("[fractions, contacts, connectivity, transport]", "[fractions]")
    recipe.write_text(text + QUICK, encoding="utf-8")
    return recipe


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where a run that nothing happened to is kept for all tests."""
    return tmp_path_factory.mktemp("kept") / "fresh"


@pytest.fixture
def fresh(quick, kept):
    """The folder of a run of the recipe that nothing happened to."""
    if not kept.exists():
        here = quick.parent / "fresh"
        runner.run(quick, here)
        shutil.copytree(here, kept)
    return kept


def stores(folder: Path) -> dict[str, bytes]:
    place = folder / "volumes"
    return {str(p.relative_to(place)): p.read_bytes() for p in place.rglob("*") if p.is_file()}


def numbers(folder: Path) -> bytes:
    return (folder / "results.csv").read_bytes()


def flip(path: Path, at: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(at * (len(content) - 1))] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize("at", [0.3, 1.0], ids=["voxels", "index"])
def test_a_flipped_bit_is_found_and_only_its_shard_computed_again(quick, tmp_path, at):
    out = tmp_path / "out"
    runner.run(quick, out)
    before, csv = stores(out), numbers(out)
    assert verify(out).damaged == ()
    damaged = out / "volumes/scan/volume.ome.zarr/0/c/1/0/1"
    flip(damaged, at)
    (said,) = verify(out).damaged
    assert said == "volumes/scan/volume.ome.zarr/0/c/1/0/1 was changed"
    with pytest.raises(errors.InputDataError, match="--verify"):
        zarr_arrays.ArrayFile(str(out / "volumes/scan/volume.ome.zarr"))[:]
    told = []
    runner.run(quick, out, events=told.append, verify=True)
    assert [e.stage for e in told if isinstance(e, StageDone)] == ["denoise", "report"]
    assert [e.done for e in told if isinstance(e, Progress)] == [7, 8]  # of eight blocks
    (warned,) = (e.text for e in told if isinstance(e, Warned) and "damaged" in e.text)
    assert "volume.ome.zarr/0/c/1/0/1 was changed" in warned
    assert stores(out) == before
    assert numbers(out) == csv
    assert verify(out).damaged == ()


def test_the_command_verify_names_what_is_damaged(fresh, tmp_path):
    from typer.testing import CliRunner

    from ssbtomo.cli import app

    out = tmp_path / "out"
    shutil.copytree(fresh, out)
    sound = CliRunner().invoke(app, ["verify", str(out)])
    assert sound.exit_code == 0
    assert "files are as the run wrote them" in sound.output
    flip(out / "volumes/scan/phases.ome.zarr/0/c/0/0/0", 0.5)
    (out / "tables/histogram.csv").unlink()
    damaged = CliRunner().invoke(app, ["verify", str(out), "--json"])
    assert damaged.exit_code == 1
    assert json.loads(damaged.output)["damaged"] == [
        "volumes/scan/phases.ome.zarr/0/c/0/0/0 was changed", "tables/histogram.csv is missing",
    ]  # fmt: skip
    with pytest.raises(errors.InputDataError, match="no results folder"):
        verify(tmp_path)


@pytest.mark.parametrize("store", ["image", "phases"])
def test_a_lost_shard_and_lost_metadata_are_made_again(quick, tmp_path, store):
    out = tmp_path / "out"
    runner.run(quick, out)
    before = stores(out)
    for lost in (f"{store}.ome.zarr/0/c/0/1/0", f"{store}.ome.zarr/0/zarr.json"):
        (out / "volumes/scan" / lost).unlink()
        assert [text.endswith("is missing") for text in verify(out).damaged] == [True]
        runner.run(quick, out, verify=True)
        assert stores(out) == before


def test_damaged_numbers_are_found_and_written_again(quick, tmp_path):
    out = tmp_path / "out"
    runner.run(quick, out)
    before = numbers(out)
    (out / "results.csv").write_bytes(before.replace(b"0.", b"1.", 1))
    assert verify(out).damaged == ("results.csv was changed",)
    runner.run(quick, out)
    assert numbers(out) == before
    (out / "work/scan/segment.done.json").write_text('{"finger')  # a torn marker: done again
    runner.run(quick, out)
    assert verify(out).damaged == ()


def test_blocks_that_a_power_cut_took_are_computed_again(quick, fresh, tmp_path):
    out = tmp_path / "out"

    def stop(event):
        if isinstance(event, Progress) and event.stage == "denoise" and event.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run(quick, out, events=stop)
    shards = sorted((out / "work/scan/drafts/volume.ome.zarr/0/c").rglob("[0-9]"))
    kept = [path for path in shards if path.is_file()]
    kept[0].write_bytes(b"")  # its marker reached the disk, its voxels did not
    kept[2].unlink()
    holder = {"process": 1, "host": os.uname().nodename, "boot": "an earlier one", "since": "then"}
    (out / "work/lock").write_text(json.dumps(holder))
    told = []
    runner.run(quick, out, events=told.append)  # without being asked to verify
    counts = [e.done for e in told if isinstance(e, Progress) and e.stage == "denoise"]
    assert counts[0] == 3
    assert stores(out) == stores(fresh)


def test_a_second_run_on_the_folder_is_refused_and_a_stale_lock_is_not_in_the_way(quick, tmp_path):
    out = tmp_path / "out"
    refused = []

    def again(event):
        if isinstance(event, StageDone) and event.stage == "ingest":
            with pytest.raises(errors.OutputError, match=f"process {os.getpid()} on") as caught:
                runner.run(quick, out)
            refused.append(str(caught.value))

    runner.run(quick, out, events=again)
    assert "another run is writing to" in refused[0]
    assert "wait for it" in refused[0]
    (out / "work/lock").write_text('{"process": 4194304, "host": "gone", "since": "long ago"}')
    runner.run(quick, out)  # nobody holds it any more: the system let go when that process ended


def test_a_scan_that_changes_while_it_is_read_is_refused(quick, fresh, tmp_path, three_phases):
    out, scan = tmp_path / "out", tmp_path / "scan.tif"
    before = scan.read_bytes()

    def change(event):
        if isinstance(event, Progress) and event.stage == "ingest" and event.done == event.total:
            tifffile.imwrite(scan, three_phases(seed=4), photometric="minisblack")

    with pytest.raises(errors.InputDataError, match=r"scan\.tif was changed while it was read"):
        runner.run(quick, out, events=change)
    scan.write_bytes(before)
    assert numbers(runner.run(quick, out).path) == numbers(fresh)


def test_a_scan_that_changed_between_runs_is_told_and_read_anew(quick, tmp_path, three_phases):
    out = tmp_path / "out"
    runner.run(quick, out)
    tifffile.imwrite(tmp_path / "scan.tif", three_phases(seed=4), photometric="minisblack")
    told = []
    again = runner.run(quick, out, events=told.append)
    other = runner.run(quick, tmp_path / "other")
    assert not [e for e in told if isinstance(e, StageSkipped)]
    assert any(
        "not the file that the last run has read" in e.text for e in told if isinstance(e, Warned)
    )
    assert numbers(again.path) == numbers(other.path)


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_a_scan_that_vanishes_is_told_and_put_back_it_goes_on(quick, fresh, tmp_path, scheduler):
    out, scan, away = tmp_path / "out", tmp_path / "scan.tif", tmp_path / "away"

    def vanish(event):
        if isinstance(event, Progress) and event.stage == "ingest" and event.done == 1:
            scan.rename(away)

    with pytest.raises(errors.SsbtomoError, match=r"scan\.tif"):
        runner.run(quick, out, events=vanish, scheduler=scheduler)
    with pytest.raises(errors.FormatError, match="there is no scan"):
        runner.run(quick, out)
    away.rename(scan)
    assert numbers(runner.run(quick, out).path) == numbers(fresh)


class Flaky:
    """A file system that fails now and then, as a network drive does."""

    def __init__(self, real, number: int, often: int, sound: int = 0) -> None:
        self.real, self.number, self.often = real, number, often
        self.calls, self.failed = -sound, 0

    def __call__(self, *args, **options):
        self.calls += 1
        if self.calls > 0 and self.calls % self.often == 0:
            self.failed += 1
            raise OSError(self.number, os.strerror(self.number))
        return self.real(*args, **options)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
def test_errors_that_pass_are_met_with_patience(quick, fresh, tmp_path, monkeypatch, number):
    moves = Flaky(os.replace, number, 5)
    reads = Flaky(zarr_arrays.opened, number, 7)
    monkeypatch.setattr(os, "replace", moves)
    monkeypatch.setattr(zarr_arrays, "opened", reads)
    again = runner.run(quick, tmp_path / "out")
    assert min(moves.failed, reads.failed) > 5
    assert stores(again.path) == stores(fresh)
    assert numbers(again.path) == numbers(fresh)


def test_errors_that_stay_are_told_and_the_next_run_goes_on(quick, fresh, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setattr("ssbtomo.passing._WAITS", (0.0,) * 4)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", Flaky(os.replace, errno.EIO, 1, sound=40))
        with pytest.raises(errors.OutputError, match="Input/output error"):
            runner.run(quick, out)
    told = []
    again = runner.run(quick, out, events=told.append)
    assert [e.stage for e in told if isinstance(e, StageSkipped)]
    assert numbers(again.path) == numbers(fresh)


def test_a_disk_that_gets_full_stops_the_run_before_it_is(quick, fresh, tmp_path, monkeypatch):
    out = tmp_path / "out"
    usage = watching.shutil.disk_usage(tmp_path)

    def soon_full(event):
        if isinstance(event, StageDone) and event.stage == "ingest":
            full = usage._replace(free=1000)
            monkeypatch.setattr(watching.shutil, "disk_usage", lambda _: full)

    with pytest.raises(errors.OutputError, match="nearly full") as caught:
        runner.run(quick, out, events=soon_full)
    assert "goes on where it stopped" in caught.value.hint
    monkeypatch.undo()
    assert numbers(runner.run(quick, out).path) == numbers(fresh)


COMMAND = [sys.executable, "-m", "ssbtomo.cli", "run"]


@contextlib.contextmanager
def mounted(place: Path, options: str):
    """A small file system of its own, where the system lets us make one."""
    place.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


@pytest.mark.parametrize("watched", [True, False])
def test_a_full_disk_is_told_and_with_room_again_the_run_goes_on(
    quick, fresh, tmp_path, monkeypatch, watched
):
    if not watched:
        monkeypatch.setattr(watching.Room, "check", lambda self: None)
    with mounted(tmp_path / "small", "size=2m") as small:

        def fill(event):
            if isinstance(event, StageStarted) and event.stage == "reconstruct":
                with contextlib.suppress(OSError), (small / "ballast").open("wb") as file:
                    while True:
                        file.write(bytes(4096))
                        file.flush()

        with pytest.raises(errors.OutputError, match="full") as caught:
            runner.run(quick, small / "out", events=fill)
        assert "free some space" in caught.value.hint
        assert (small / "out/work/scan/ingest.done.json").is_file()
        (small / "ballast").unlink()
        told = []
        again = runner.run(quick, small / "out", events=told.append)
        assert [e.stage for e in told if isinstance(e, StageSkipped)] == ["ingest"]
        assert numbers(again.path) == numbers(fresh)


def test_a_folder_that_is_read_only_is_told(quick, tmp_path):
    with mounted(tmp_path / "locked", "ro,size=1m") as locked:
        with pytest.raises(errors.OutputError, match="cannot be written") as caught:
            runner.run(quick, locked / "out")
        assert "choose another folder" in caught.value.hint


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_the_command_ends_resumably(quick, fresh, tmp_path, number, request):
    out = tmp_path / "out"
    before = signal.signal(number, signal.SIG_DFL)  # tests under nohup ignore it, and so would it
    request.addfinalizer(lambda: signal.signal(number, before))
    with subprocess.Popen(
        [*COMMAND, str(quick), "-o", str(out)], stderr=subprocess.PIPE, text=True
    ) as process:
        told = []
        for line in process.stderr:
            told.append(line)
            if line.startswith("scan: denoise"):
                process.send_signal(number)
                break
        told += process.stderr.readlines()
    assert process.returncode == 128 + number, "".join(told)
    assert "go on where it stopped" in "".join(told)
    again = runner.run(quick, out)
    assert numbers(again.path) == numbers(fresh)


def test_a_write_that_is_cut_off_leaves_the_old_shard(tmp_path, monkeypatch):
    from ssbtomo.io import ome_zarr

    store = ome_zarr.create(tmp_path / "x.ome.zarr", (8, 8, 8), np.uint8, None, block=(8, 8, 8))
    store[...] = 3

    def full(self, *args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(errors.OutputError, match="disk is full"):
        store[...] = 4
    assert (store[:] == 3).all()
    assert not list(tmp_path.rglob(".part-*"))
