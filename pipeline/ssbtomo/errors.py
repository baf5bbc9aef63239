"""Every error a user can meet: what is wrong, where, which value, and what to do."""

from __future__ import annotations

__all__ = [
    "AxisError",
    "CancelledError",
    "ConvergenceError",
    "FormatError",
    "InputDataError",
    "NotPercolatingError",
    "OutputError",
    "PhaseMissingError",
    "ProjectionsError",
    "RecipeError",
    "ResourceError",
    "SsbtomoError",
    "TaskError",
    "UnitError",
    "VoxelSizeError",
]


class SsbtomoError(Exception):
    """Base class: ``except SsbtomoError`` catches everything raised on purpose.

    Parameters
    ----------
    problem : str
        What is wrong, where, with the offending value.
    hint : str, optional
        What to do about it.
    """

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)  # a second argument would be an OSError's text
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.problem}\n  -> {self.hint}" if self.hint else self.problem

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.problem, self.hint)


def _rebuild(kind: type[SsbtomoError], problem: str, hint: str) -> SsbtomoError:
    return kind(problem, hint=hint)


class UnitError(SsbtomoError, ValueError):
    """A text is not a length (or another quantity) with a unit."""


class VoxelSizeError(SsbtomoError, ValueError):
    """A physical quantity needs a voxel size, and none (or a bad one) is known."""


class AxisError(SsbtomoError, ValueError):
    """An axis does not exist, or the axes are not (Z, Y, X)."""


class ProjectionsError(AxisError):
    """A file holds projections, which have yet to be reconstructed to a volume."""


class FormatError(SsbtomoError, ValueError):
    """A file cannot be read as the format that it claims to be."""


class InputDataError(SsbtomoError, ValueError):
    """The voxels themselves cannot be used: NaN, constant, ragged, colour."""


class RecipeError(SsbtomoError, ValueError):
    """A recipe holds one or more problems."""


class PhaseMissingError(SsbtomoError, ValueError):
    """A phase that a measurement needs does not occur in the labels."""


class NotPercolatingError(SsbtomoError, ValueError):
    """A phase does not connect the two faces along the transport axis."""


class ConvergenceError(SsbtomoError, RuntimeError):
    """An iteration did not reach its stop criterion."""


class OutputError(SsbtomoError, OSError):
    """The output cannot be written, or belongs to something else."""


class ResourceError(SsbtomoError, MemoryError):
    """The work does not fit the memory or the disk that it may use."""


class TaskError(SsbtomoError, RuntimeError):
    """A task failed; its block is named."""


class CancelledError(SsbtomoError, RuntimeError):
    """The run was cancelled; what was finished is kept."""
