"""Volumes that are worked out from others when a block is read, and stored nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Source
from ssbtomo.kernels.touching import touching

__all__ = ["Mapped", "MaskOf", "ObjectsOf", "Split", "Touching"]

Window = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """Grey values on a straight line.

    Parameters
    ----------
    source : Source
        Grey values.
    slope, offset : float
        What they are multiplied by, and what is added then.
    """

    source: Source
    slope: float
    offset: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.source.shape

    @property
    def dtype(self) -> Any:
        """Single precision."""
        return np.dtype(np.float32)

    def __getitem__(self, window: Window) -> NDArray[np.float32]:
        values = np.asarray(self.source[window], np.float64)
        return np.asarray(values * self.slope + self.offset, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class MaskOf:
    """Where any of some phases is.

    Parameters
    ----------
    source : Source
        Labels.
    phases : tuple of int
        Their labels.
    """

    source: Source
    phases: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.source.shape

    @property
    def dtype(self) -> Any:
        """Boolean."""
        return np.dtype(np.bool_)

    def __getitem__(self, window: Window) -> NDArray[np.bool_]:
        values = np.asarray(self.source[window])
        mask = np.zeros(values.shape, dtype=np.bool_)
        for phase in self.phases:
            mask |= values == phase
        return mask


@dataclass(frozen=True, slots=True, eq=False)
class Touching:
    """Where a phase touches another; see `ssbtomo.kernels.touching.touching`.

    Parameters
    ----------
    source : Source
        Labels.
    first, second : int
        Whose voxels, and what they touch.
    """

    source: Source
    first: int
    second: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.source.shape

    @property
    def dtype(self) -> Any:
        """Boolean."""
        return np.dtype(np.bool_)

    def __getitem__(self, window: Window) -> NDArray[np.bool_]:
        bounds = [part.indices(size) for part, size in zip(window, self.shape, strict=True)]
        wide = tuple(
            slice(max(a - 1, 0), min(b + 1, n))
            for (a, b, _), n in zip(bounds, self.shape, strict=True)
        )
        own = tuple(
            slice(a - part.start, b - part.start)
            for (a, b, _), part in zip(bounds, wide, strict=True)
        )
        found = touching(np.asarray(self.source[wide]), self.first, self.second)
        return found[own]


@dataclass(frozen=True, slots=True, eq=False)
class ObjectsOf:
    """Objects, as far as they lie in a phase.

    Parameters
    ----------
    objects : Source
        Numbers of objects, 0 for none.
    source : Source
        Labels.
    phase : int
        The phase.
    """

    objects: Source
    source: Source
    phase: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.source.shape

    @property
    def dtype(self) -> Any:
        """That of the objects."""
        return self.objects.dtype

    def __getitem__(self, window: Window) -> NDArray[Any]:
        names = np.asarray(self.objects[window])
        return np.where(np.asarray(self.source[window]) == self.phase, names, names.dtype.type(0))


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Phases told apart by a mask each: phase ``k`` becomes ``2 k``, or ``2 k + 1`` in it.

    Parameters
    ----------
    source : Source
        Labels.
    phases : tuple of int
        The labels of the phases, in their order; others become 255.
    masks : tuple of Source or None
        A mask for each phase; ``None``: all of it is in.
    """

    source: Source
    phases: tuple[int, ...]
    masks: tuple[Source | None, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        return self.source.shape

    @property
    def dtype(self) -> Any:
        """Unsigned, of one byte."""
        return np.dtype(np.uint8)

    def __getitem__(self, window: Window) -> NDArray[np.uint8]:
        values = np.asarray(self.source[window])
        split = np.full(values.shape, 255, dtype=np.uint8)
        read: dict[int, NDArray[np.bool_]] = {}
        for k, (phase, mask) in enumerate(zip(self.phases, self.masks, strict=True)):
            here = values == phase
            split[here] = 2 * k + 1
            if mask is not None:
                if id(mask) not in read:
                    read[id(mask)] = np.asarray(mask[window])
                split[here & ~read[id(mask)]] = 2 * k
        return split
