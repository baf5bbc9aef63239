"""Kill runs at random moments, resume them, and compare every byte with a run that nobody killed.

    python tests/benchmarks/kill_storm.py [kills] [seed] [edge]

The demo recipe on 72 x edge x edge voxels (48 if not given) of the demo's sample is run in peace.
Then runs are killed at seeded random moments: the command with SIGKILL, SIGTERM or SIGINT, one of
its worker processes, or the scheduler of an outer Dask cluster that it uses. After up to five kills
a round ends with a run that nobody kills; its stores, tables and numbers must be, byte for byte,
those of the run in peace. A run whose worker was killed must end by itself; one whose
scheduler died must say so and exit with 1; one that was asked to stop must do so within 5 s.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

KINDS = ("worker", "main", "terminate", "interrupt", "scheduler")
SIGNALS = {"main": signal.SIGKILL, "terminate": signal.SIGTERM, "interrupt": signal.SIGINT}
CODES = {"main": -9, "terminate": 143, "interrupt": 130}
SLOW = 600  # seconds that anything may take on a machine that is busy with other things
PER_ROUND = 5


def write_scan(folder: Path, edge: int = 48) -> Path:
    """Write a corner of the demo's sample with its recipe, cut into several blocks."""
    from ssbtomo.testing.samples import make_sample, write_phantom

    whole = make_sample("cathode_ct")
    corner = (slice(None), slice(edge), slice(edge))
    path = write_phantom(
        replace(whole, image=whole.image[corner], labels=whole.labels[corner]), folder
    )
    with path.open("a", encoding="utf-8") as file:
        file.write(f"run: {{block: [36, {edge // 2}, {edge}]}}\n")
    return path


def kept(folder: Path) -> dict[str, bytes]:
    """Return all files that a user takes along, but for those that tell times."""
    places = ("volumes", "tables", "results.csv", "results.json", "results.parquet")
    files = [file for place in places for file in (folder / place, *folder.glob(f"{place}/**/*"))]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()}


@dataclass
class Storm:
    """Runs of one recipe, killed and resumed.

    Parameters
    ----------
    recipe, folder : pathlib.Path
        What is run, and where results go.
    rng : random.Random
        Decides who is killed, how, and when.
    kinds : tuple of str
        Whom to kill: chosen from, each as often as it is named.
    start : tuple of str
        How Python starts the command.
    """

    recipe: Path
    folder: Path
    rng: random.Random
    kinds: tuple[str, ...] = KINDS
    schedulers: tuple[str, ...] = ("synchronous", "threads", "processes")
    start: tuple[str, ...] = ("-m", "ssbtomo.cli")
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest_stop: float = 0.0
    seconds: float = 0.0
    peace: dict[str, bytes] = field(default_factory=dict)

    def begin(self, *, warm: bool = True) -> None:
        """Run once in peace; before that once more, so that nothing is compiled in the timed run."""
        for name in ("warm", "peace") if warm else ("peace",):
            start = time.monotonic()
            with self._started(self.folder / name, "threads") as process:
                code, told = process.wait(SLOW), process.stderr.read()
            if code:
                raise RuntimeError(told)
            self.seconds = time.monotonic() - start
        self.peace = kept(self.folder / "peace")

    def _started(self, out: Path, scheduler: str) -> subprocess.Popen[str]:
        command = [sys.executable, *self.start, "run", str(self.recipe), "-o", str(out)]
        command += ["--scheduler", scheduler, "--workers", "2"]
        return subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def round(self, number: int, kills: int) -> int:
        """Kill runs of one folder, then let one end; return how many kills there were."""
        out, done = self.folder / f"round-{number}", 0
        for _ in range(kills):
            kind = self.rng.choice(self.kinds)
            moment = self.rng.random() * self.seconds
            if self._kill(out, kind, moment):
                done += 1
                self.counts[kind] += 1
            else:
                self.counts["ended before"] += 1
                break
        self._end(out, number)
        return done

    def _end(self, out: Path, number: int) -> None:
        with self._started(out, self.rng.choice(self.schedulers)) as process:
            told = process.communicate(timeout=SLOW)[1]
        if process.returncode:
            self.wrong.append(f"round {number}: the last run failed: {told[-2000:]}")
            return
        found = kept(out)
        names = sorted(set(found) ^ set(self.peace))
        names += [name for name in found if self.peace.get(name, found[name]) != found[name]]
        if names:
            self.wrong.append(f"round {number}: {len(names)} files differ: {names[:5]}")

    def _kill(self, out: Path, kind: str, moment: float) -> bool:
        if kind == "scheduler":
            return self._kill_scheduler(out, moment)
        scheduler = "processes" if kind == "worker" else self.rng.choice(self.schedulers)
        with self._started(out, scheduler) as process:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                pass
            else:
                return self._ended_early(process, kind)
            if kind == "worker":
                return self._kill_worker(process)
            begin = time.monotonic()
            process.send_signal(SIGNALS[kind])
            told = process.communicate(timeout=SLOW)[1]
            if kind != "main":
                self.slowest_stop = max(self.slowest_stop, time.monotonic() - begin)
            code = process.returncode
        started = "stopping" in told  # before it listens, Python itself is ended
        if code == 0:
            return False
        if code != CODES[kind] and started:
            self.wrong.append(f"{kind} after {moment:.1f} s: exit code {code}: {told[-500:]}")
        return True

    def _ended_early(self, process: subprocess.Popen[str], kind: str) -> bool:
        assert process.stderr is not None
        told = process.stderr.read()
        if process.returncode:
            self.wrong.append(f"before {kind}: exit code {process.returncode}: {told[-2000:]}")
        return False

    def _kill_worker(self, process: subprocess.Popen[str]) -> bool:
        """Kill one worker; the run has to end well by itself."""
        workers = [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if "spawn_main" in " ".join(child.cmdline())
        ]
        if workers:
            self.rng.choice(workers).kill()
        told = process.communicate(timeout=SLOW)[1]
        if process.returncode:
            self.wrong.append(f"worker: exit code {process.returncode}: {told[-2000:]}")
        return bool(workers)

    def _kill_scheduler(self, out: Path, moment: float) -> bool:
        with Cluster() as cluster, self._started(out, cluster.address) as process:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                cluster.scheduler.kill()
            else:
                return self._ended_early(process, "scheduler")
            told = process.communicate(timeout=SLOW)[1]
            if process.returncode not in (0, 1) or (process.returncode and "error: " not in told):
                self.wrong.append(f"scheduler: exit code {process.returncode}: {told[-2000:]}")
            if "Traceback" in told:
                self.wrong.append(f"scheduler: a traceback: {told[-2000:]}")
        return True


class Cluster:
    """A Dask scheduler with two workers, each a process of its own."""

    def __enter__(self) -> Cluster:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._folder = tempfile.TemporaryDirectory()
        told = Path(self._folder.name) / "scheduler.json"
        start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
                 "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]  # fmt: skip
        self.scheduler = subprocess.Popen(start, **quiet)
        until = time.monotonic() + SLOW
        while not told.exists() and time.monotonic() < until:
            time.sleep(0.05)
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(told),
                  "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
                  "--death-timeout", "30", "--local-directory", self._folder.name]  # fmt: skip
        self._workers = [subprocess.Popen(worker, **quiet) for _ in range(2)]
        import json

        self.address: str = json.loads(told.read_text("utf-8"))["address"]
        return self

    def __exit__(self, *rest: object) -> None:
        for process in (*self._workers, self.scheduler):
            process.kill()
            process.wait()
        self._folder.cleanup()


def storm(kills: int, found: Storm, *, warm: bool = True) -> Storm:
    """Kill until enough is killed."""
    found.begin(warm=warm)
    done = number = 0
    while done < kills and len(found.wrong) < 10:
        done += found.round(number, min(PER_ROUND, kills - done))
        number += 1
        sys.stderr.write(f"{done} kills in {number} rounds, wrong: {len(found.wrong)}\n")
    return found


def main() -> int:
    """Run the storm and print what came of it."""
    numbers = [int(word) for word in sys.argv[1:4]]
    kills, seed, edge = (*numbers, *(200, 0, 48)[len(numbers) :])
    with tempfile.TemporaryDirectory() as place:
        recipe = write_scan(Path(place) / "scan", edge)
        found = storm(kills, Storm(recipe, Path(place), random.Random(seed)))
    lines = [f"{kind:14}{found.counts[kind]:6}" for kind in (*KINDS, "ended before")]
    lines.append(
        f"{kills} kills, seed {seed}, a run takes {found.seconds:.1f} s; {len(found.peace)} files "
        f"compared; slowest stop when asked {found.slowest_stop:.1f} s; wrong: {len(found.wrong)}"
    )
    lines += [f"  {text}" for text in found.wrong]
    sys.stdout.write("\n".join(lines) + "\n")
    return bool(found.wrong)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
