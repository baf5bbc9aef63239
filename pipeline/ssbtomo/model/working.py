"""How the work of a run is done."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ssbtomo.model.base import Memory, Section
from ssbtomo.model.cluster import Cluster

__all__ = ["Run"]


class Run(Section):
    """How the work is done; no number depends on it."""

    scheduler: str = Field(
        default="threads",
        pattern=r"^(synchronous|threads|processes|slurm|pbs|lsf|(tcp|tls|ucx|inproc)://.+)$",
        description="synchronous, threads, processes, a batch system (slurm, pbs, lsf), or the "
        "address of a Dask scheduler.",
    )
    workers: int | None = Field(
        default=None, ge=1, le=4096, description="Tasks at once; the number of cores if absent."
    )
    samples_at_once: int = Field(
        default=1, ge=1, le=64,
        description="Samples that are worked on at once, each with the same share of the workers.",
    )  # fmt: skip
    memory: Memory | None = Field(
        default=None, description="Memory that the run may use, such as '8 GB'."
    )
    block: tuple[
        Annotated[int, Field(ge=8)], Annotated[int, Field(ge=8)], Annotated[int, Field(ge=8)]
    ] = Field(default=(128, 128, 128), description="Voxels of a block along (Z, Y, X).")
    cluster: Cluster = Field(
        default=Cluster(), description="The jobs of a batch system that work for the run."
    )
