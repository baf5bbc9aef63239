"""A real Slurm of one node: the same results through dask-jobqueue and as a job array."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssbtomo import runner
from ssbtomo.results import Results

SCRIPT = Path(__file__).parents[1] / "cluster" / "one_node_slurm.sh"
MISSING = [name for name in ("slurmctld", "slurmd", "munged", "sbatch") if not shutil.which(name)]
LIMIT = 280  # seconds for jobs on a machine that does other work, too

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"Debian's slurm-wlm and munge: no {MISSING}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="slurmd needs root"),
]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Start Slurm in a folder of its own, and stop it afterwards."""
    folder = tmp_path_factory.mktemp("slurm")
    started = subprocess.run(
        ["sh", str(SCRIPT), "start", str(folder)], capture_output=True, text=True, check=False
    )
    if started.returncode:
        pytest.skip(f"Slurm does not start here: {started.stderr}")
    try:
        yield str(folder / "slurm.conf")
    finally:
        subprocess.run(["sh", str(SCRIPT), "stop", str(folder)], check=False)


@pytest.fixture
def here(slurm, monkeypatch, tmp_path):
    monkeypatch.setenv("SLURM_CONF", slurm)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("no_report")
@pytest.mark.timeout(LIMIT)
def test_jobs_of_a_job_queue_give_the_same_bytes(recipe, here):
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed (extra hpc)")
    alone = runner.run(recipe, here / "alone")
    text = recipe.read_text("utf-8").replace(
        "scheduler: synchronous",
        "scheduler: slurm, workers: 2, cluster: {walltime: '0:20:00', memory: 1 GB}",
    )
    recipe.write_text(text, encoding="utf-8")
    jobs = runner.run(recipe, here / "jobs")
    assert (jobs.path / "results.csv").read_bytes() == (alone.path / "results.csv").read_bytes()
    assert jobs.run["scheduler"] == "slurm"
    until = time.monotonic() + 60
    while _jobs() and time.monotonic() < until:  # they are given back when the run is done
        time.sleep(0.5)
    assert not _jobs()


@pytest.mark.timeout(LIMIT)
def test_a_job_array_gives_the_same_bytes(recipe, here):
    alone = runner.run(recipe, here / "alone")
    words = [sys.executable, "-m", "ssbtomo.cli", "run", str(recipe), "-o", str(here / "array")]
    line = " ".join(words) + " --workers 1 --blocks $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT"
    script = here / "array.sh"
    script.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    command = ["sbatch", "--wait", "--array=1-3", "--output", str(here / "log-%a"), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    logs = "\n".join(path.read_text("utf-8") for path in sorted(here.glob("log-*")))
    assert done.returncode == 0, done.stderr + logs
    array = Results.load(here / "array")
    assert (array.path / "results.csv").read_bytes() == (alone.path / "results.csv").read_bytes()


def _jobs() -> str:
    return subprocess.run(
        ["squeue", "-h"], capture_output=True, text=True, check=True
    ).stdout.strip()
