"""Jobs of a batch system that work for a run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ssbtomo.model.base import Memory, Section

__all__ = ["Cluster"]

_Word = Annotated[str, Field(pattern=r"^[\w.@:+\-]{1,80}$")]
#: A line of a job's header: options only, and nothing that a shell would act on.
_Directive = Annotated[str, Field(pattern=r"^-[\w=,.:/@%+\[\] \-]{0,200}$")]


class Cluster(Section):
    """The jobs, where run.scheduler is slurm, pbs or lsf."""

    queue: _Word | None = Field(
        default=None, description="Queue or partition; the system's default if absent."
    )
    account: _Word | None = Field(default=None, description="Account or project to charge.")
    walltime: str = Field(
        default="04:00:00",
        pattern=r"^(\d{1,2}-)?\d{1,3}:\d{2}(:\d{2})?$",
        description="Longest time of a job; its workers end a while before, and others are asked for.",
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=512,
        description="Workers of a job, one core each; run.workers is all of them.",
    )
    memory: Memory | None = Field(
        default=None, description="Memory of one worker; as planned from the recipe if absent."
    )
    interface: _Word | None = Field(
        default=None,
        description="Network interface by which the jobs reach this process, such as ib0. If absent "
        "all is bound to this machine, and jobs on others cannot take part.",
    )
    elastic: bool = Field(
        default=False, description="Give idle jobs back, and ask for others when there is work."
    )
    wait: float = Field(
        default=12.0, gt=0, le=720, description="Hours to wait for a worker before giving up."
    )
    directives: tuple[_Directive, ...] = Field(
        default=(), description="More lines for the head of a job, such as '--constraint=epyc'."
    )
