"""Several stores written as one: a filter with more than one value per voxel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Sink
from ssbtomo.blocks.grid import Window

__all__ = ["Channels"]


class Channels:
    """A sink that takes the last axis of what it is given apart, one store per channel.

    Parameters
    ----------
    sinks : sequence of Sink
        One per channel, all of one shape and one type, their shards alike.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = tuple(sinks)
        self.shape = tuple(sinks[0].shape)
        self.dtype = np.dtype(sinks[0].dtype)

    def __getitem__(self, window: Window) -> NDArray[Any]:
        return np.stack([np.asarray(sink[window]) for sink in self._sinks], axis=-1)

    def __setitem__(self, window: Window, values: NDArray[Any]) -> None:
        for channel, sink in enumerate(self._sinks):
            sink[window] = values[..., channel]
