"""Where a volume is segmented: its blocks, what runs them, and where intermediates go."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ssbtomo.blocks import SERIAL, Engine, Grid, Sink
from ssbtomo.blocks.passes import Allocate

__all__ = ["Bench"]

_EDGE = 256  # voxels of a block in memory: its halo costs little, and its tasks hold 0.5 GB


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the blocks of a volume are worked on; no result depends on it by a bit.

    Parameters
    ----------
    grid : Grid
        How the volume is cut.
    engine : Engine
        Where the tasks run.
    allocate : callable
        Makes a store of the volume's shape whose shards are the grid's blocks: (name, type).
    """

    grid: Grid
    engine: Engine
    allocate: Allocate

    @classmethod
    def in_memory(cls, shape: tuple[int, ...]) -> Bench:
        """Return a bench whose stores are arrays, and whose tasks run here, one by one.

        Parameters
        ----------
        shape : tuple of int
            Voxels along (Z, Y, X).

        Returns
        -------
        Bench
            With blocks of at most 256³ voxels.
        """
        z, y, x = shape
        block = min(z, _EDGE), min(y, _EDGE), min(x, _EDGE)
        return cls(Grid((z, y, x), block), SERIAL, partial(_array, shape=(z, y, x)))


def _array(name: str, dtype: Any, *, shape: tuple[int, int, int]) -> Sink:
    array: Sink = np.empty(shape, dtype)
    return array
