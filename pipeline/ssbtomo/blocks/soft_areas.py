"""Contact areas of volume fractions, block by block."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import tally
from ssbtomo.errors import InputDataError
from ssbtomo.kernels import soft_areas as kernels
from ssbtomo.units import Spacing, check_spacing

__all__ = ["soft_areas"]


@dataclass(frozen=True, slots=True)
class _Stack:
    """Several volumes of one shape, read together; a class, so that workers can be sent it."""

    sources: tuple[Source, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.sources[0].shape)

    @property
    def dtype(self) -> Any:
        return self.sources[0].dtype

    def __getitem__(self, window: Any) -> NDArray[np.number]:
        return np.stack([np.asarray(source[window]) for source in self.sources])


def soft_areas(
    sources: Sequence[Source],
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    on_block: Callable[[Block], None] | None = None,
) -> NDArray[np.float64]:
    """Measure the contact areas of volume fractions, block by block.

    Parameters
    ----------
    sources : sequence of Source
        The fractions of each phase, (Z, Y, X), of one shape and type: uint8 (255 for the
        whole voxel) or float (1).
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    grid : Grid
        How the volume is cut. The answer does not depend on it.
    engine : Engine
        Where the tasks run.
    on_block : callable, optional
        Told each finished block.

    Returns
    -------
    ndarray of float64, shape (pairs,)
        Square micrometres for ``combinations(phases, 2)``; see
        `ssbtomo.kernels.soft_areas.soft_areas_from_counts` for the estimator and its bias.

    Raises
    ------
    InputDataError
        If the volumes differ in shape or type, or a value is not a fraction.
    """
    edges = check_spacing(spacing)
    kinds = {(tuple(source.shape), np.dtype(source.dtype)) for source in sources}
    if len(kinds) > 1:
        listed = " and ".join(f"{shape} {dtype}" for shape, dtype in sorted(kinds, key=str))
        raise InputDataError(
            f"the fractions are {listed}", hint="give one shape and one type for all phases"
        )
    kernel = partial(kernels.soft_counts, spacing=edges)
    parts = tally(
        kernel,
        _Stack(tuple(sources)),
        grid,
        engine,
        margin=kernels.soft_margin(edges),
        on_block=on_block,
    )
    return kernels.soft_areas_from_counts(reduce(add, parts), edges)
