"""Worker processes as jobs of a batch system: Slurm, PBS, LSF, through dask-jobqueue."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from ssbtomo.blocks.cluster import THREADS, ClusterPool, Loop
from ssbtomo.errors import TaskError

if TYPE_CHECKING:
    from ssbtomo.model.cluster import Cluster

__all__ = ["QUEUES", "job_script", "seconds_of", "start_queue"]

QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster"}
"""Batch systems by their names in a recipe, and their classes in dask-jobqueue."""
_MARGIN = 300  # seconds before the end of a job after which its workers take no more tasks
_CACHE = 'export NUMBA_CACHE_DIR="${XDG_CACHE_HOME:-$HOME/.cache}/ssbtomo/numba-$(uname -n)"'


def start_queue(
    kind: str, workers: int, memory_per_worker: int, cluster: Cluster | None = None
) -> tuple[ClusterPool, int]:
    """Ask a batch system for workers; the tasks begin as soon as the first is there.

    This process holds the scheduler: it has to run as long as the run, best in a job of its own.

    Parameters
    ----------
    kind : str
        Of `QUEUES`.
    workers : int
        Tasks at once.
    memory_per_worker : int
        Bytes of each worker, if `cluster` does not say.
    cluster : Cluster, optional
        The recipe's section.

    Returns
    -------
    pool : ClusterPool
        Close it: the jobs are given back.
    workers : int
        Tasks at once: whole jobs.

    Raises
    ------
    TaskError
        If dask-jobqueue is not installed, or the batch system cannot be used.
    """
    from distributed import Client

    from ssbtomo.model.cluster import Cluster as Section

    cluster = cluster or Section()
    jobs = -(-workers // cluster.processes)
    with ExitStack() as undo:
        loop = Loop()
        undo.callback(loop.close)
        try:
            found = _cluster(kind, memory_per_worker, cluster, loop.tornado)
        except (OSError, ValueError, RuntimeError) as error:
            raise TaskError(
                f"the batch system {kind} cannot be used: {error}",
                hint="is this a machine from which jobs are submitted? see run.cluster of the recipe",
            ) from error
        undo.callback(found.close)
        # Steady, too: what has expired or was killed is asked for again only by this.
        found.adapt(minimum_jobs=0 if cluster.elastic else jobs, maximum_jobs=jobs, interval="5s")
        client = Client(found, set_as_default=False)
        undo.pop_all()

    def stop() -> None:
        with suppress(Exception):
            found.close()

    patience = 3600.0 * cluster.wait
    return ClusterPool(client, loop, stop, patience=patience), jobs * cluster.processes


def job_script(kind: str, memory_per_worker: int, cluster: Cluster) -> str:
    """Return the script of a job as it would be submitted.

    Parameters
    ----------
    kind : str
        Of `QUEUES`.
    memory_per_worker : int
        Bytes of each worker.
    cluster : Cluster
        The recipe's section.

    Returns
    -------
    str
        A shell script.
    """
    job: Any = _class(kind).job_cls(
        "tcp://SCHEDULER", "NAME", **_job(kind, memory_per_worker, cluster)
    )
    return str(job.job_script())


def _class(kind: str) -> Any:
    try:
        import dask_jobqueue
    except ImportError as error:
        raise TaskError(
            f"scheduler: {kind} needs dask-jobqueue, which is not installed",
            hint="pip install 'ssbtomo[hpc]'; or use a job array: ssbtomo run --blocks I/N",
        ) from error
    return getattr(dask_jobqueue, QUEUES[kind])


def _cluster(kind: str, memory_per_worker: int, cluster: Cluster, loop: Any) -> Any:
    near = {"host": "127.0.0.1"} if cluster.interface is None else {"interface": cluster.interface}
    options = {
        **near,
        "dashboard": False,
        "dashboard_address": "127.0.0.1:0",
        "allowed_failures": 3,
    }
    job = _job(kind, memory_per_worker, cluster)
    return _class(kind)(loop=loop, scheduler_options=options, silence_logs="critical", **job)


def _job(kind: str, memory_per_worker: int, cluster: Cluster) -> dict[str, Any]:
    memory = cluster.memory or memory_per_worker
    life = _lifetime(seconds_of(cluster.walltime))
    named = {"account": cluster.account, "project": cluster.account}
    account = "account" if kind != "lsf" else "project"
    return {
        "cores": cluster.processes, "processes": cluster.processes,
        "memory": f"{memory * cluster.processes} B",
        "queue": cluster.queue, account: named[account],
        "walltime": _written(kind, cluster.walltime),
        "interface": cluster.interface or "lo",
        "worker_extra_args": ["--lifetime", f"{life}s", "--lifetime-stagger", f"{life // 20}s",
                              "--no-dashboard"],
        "job_extra_directives": list(cluster.directives),
        "job_script_prologue": _prologue(kind),
        "local_directory": None, "log_directory": None, "job_name": "ssbtomo",
    }  # fmt: skip


def _prologue(kind: str) -> list[str]:
    """Return what a job does first: the site's own lines, from Dask's settings, then ours."""
    import dask

    site = dask.config.get(f"jobqueue.{kind}.job-script-prologue", None) or []
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    quoted = "" if chosen is None else chosen.replace("'", "'\\''")
    cache = [_CACHE] if chosen is None else [f"export NUMBA_CACHE_DIR='{quoted}'"]
    # Results are small: spilling them frees nothing, and a worker that pauses looks like one that hangs.
    steps = [
        f"export DASK_DISTRIBUTED__WORKER__MEMORY__{step}=False"
        for step in ("TARGET", "SPILL", "PAUSE")
    ]
    threads = [f"export {name}=1" for name in (*THREADS, "NUMBA_NUM_THREADS")]
    return [*site, *threads, *steps, *cache, 'mkdir -p "$NUMBA_CACHE_DIR" || true']


def seconds_of(walltime: str) -> int:
    """Return the seconds of a walltime.

    Parameters
    ----------
    walltime : str
        ``HH:MM``, ``HH:MM:SS`` or ``D-HH:MM:SS``.

    Returns
    -------
    int
        Seconds.
    """
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d+)(?::(\d+))?", walltime)
    if found is None:
        raise TaskError(f"{walltime!r} is no walltime", hint="write HH:MM:SS")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _lifetime(walltime: int) -> int:
    return max(walltime - _MARGIN, walltime * 4 // 5, 1)


def _written(kind: str, walltime: str) -> str:
    """Return a walltime as a batch system wants it: LSF has no seconds, PBS no days."""
    seconds = seconds_of(walltime)
    hours, rest = divmod(seconds, 3600)
    minutes = f"{hours:02d}:{rest // 60:02d}"
    return minutes if kind == "lsf" else f"{minutes}:{rest % 60:02d}"
