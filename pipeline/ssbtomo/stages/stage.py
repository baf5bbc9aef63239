"""What every stage is: parameters, an act, and a sentence about it."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar, Protocol

from ssbtomo.stages.costs import Work
from ssbtomo.stages.desk import Desk, Facts

__all__ = ["Stage", "fingerprint"]

Shape = tuple[int, int, int]


class Stage(Protocol):
    """One step: a frozen dataclass whose fields are all its parameters."""

    name: ClassVar[str]
    version: ClassVar[int]

    @property
    def parameters(self) -> dict[str, Any]:
        """All that decides the stage's result beside its inputs."""

    def bytes_per_voxel(self, itemsize: int) -> float:
        """Memory at the stage's peak, beside the blocks in flight."""

    def in_flight(self, itemsize: int) -> tuple[float, float]:
        """Return what a task holds at most: bytes per voxel of its block, and of a slab that it spans.

        The block is meant with 16 voxels around it, the slab is of whole planes, as thick as
        a block. Measured on blocks of 128³ by ``tests/benchmarks/bench_block_bytes.py``.
        """

    def expected(self, shape: Shape, itemsize: int) -> list[Work]:
        """Return the parts of the stage's work, for the prediction of its time."""

    def __call__(self, desk: Desk) -> Facts:
        """Do the step and return what it found, as plain JSON values."""

    def methods(self, facts: Facts) -> str:
        """Say what the step did, as a sentence for a paper."""

    def references(self) -> tuple[str, ...]:
        """Return the keys of the works that the sentence cites."""


def fingerprint(stage: Stage, *inputs: str) -> str:
    """Name a step's output by all that decides it, so that a run can resume.

    Parameters
    ----------
    stage : Stage
        The step.
    *inputs : str
        Fingerprints of what it reads.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    parts = [stage.name, stage.version, stage.parameters, inputs]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
