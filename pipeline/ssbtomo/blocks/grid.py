"""A volume cut into boxes, each owned by one task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

__all__ = ["Block", "Grid", "Window"]

Shape = tuple[int, int, int]
Window = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True)
class Block:
    """A box of voxels that one task owns, in a volume of the given shape.

    Parameters
    ----------
    index : tuple of int
        Position of the block in its grid.
    start, stop : tuple of int
        First voxel, and the one after the last, along (Z, Y, X).
    within : tuple of int
        Shape of the whole volume.
    """

    index: Shape
    start: Shape
    stop: Shape
    within: Shape

    @property
    def shape(self) -> Shape:
        """The owned voxels along (Z, Y, X)."""
        z, y, x = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def core(self) -> Window:
        """The box that the task owns."""
        return self.window(0, 0)

    def window(self, near: int | Shape = 0, far: int | Shape = 0) -> Window:
        """Return the box to read: `near` voxels before it and `far` after, inside the volume.

        Parameters
        ----------
        near, far : int or tuple of int
            Margins in voxels, one for all axes or one each.

        Returns
        -------
        tuple of slice
            Indexes into the volume.
        """
        z, y, x = (
            slice(max(a - m, 0), min(b + n, size))
            for a, b, size, m, n in zip(
                self.start, self.stop, self.within, _each(near), _each(far), strict=True
            )
        )
        return z, y, x

    def inner(self, near: int | Shape = 0) -> Window:
        """Return where the owned voxels lie inside ``window(near, ...)``.

        Parameters
        ----------
        near : int or tuple of int
            The margin that the window was read with.

        Returns
        -------
        tuple of slice
            Indexes into the array that the window gave.
        """
        z, y, x = (
            slice(min(a, m), min(a, m) + (b - a))
            for a, b, m in zip(self.start, self.stop, _each(near), strict=True)
        )
        return z, y, x


@dataclass(frozen=True, slots=True)
class Grid:
    """A volume of `shape`, cut into blocks of `block` voxels (smaller at the far faces).

    Parameters
    ----------
    shape : tuple of int
        Voxels of the volume along (Z, Y, X).
    block : tuple of int
        Voxels of a block along (Z, Y, X).
    """

    shape: Shape
    block: Shape

    def __len__(self) -> int:
        z, y, x = self.counts
        return z * y * x

    def __iter__(self) -> Iterator[Block]:
        for index in product(*map(range, self.counts)):
            start = tuple(i * b for i, b in zip(index, self.block, strict=True))
            stop = tuple(
                min(a + b, n) for a, b, n in zip(start, self.block, self.shape, strict=True)
            )
            yield Block(index, start, stop, self.shape)  # type: ignore[arg-type]

    @property
    def counts(self) -> Shape:
        """Blocks along (Z, Y, X)."""
        z, y, x = (-(-n // b) for n, b in zip(self.shape, self.block, strict=True))
        return z, y, x

    @classmethod
    def slabs(cls, shape: Shape, thickness: int) -> Grid:
        """Cut a volume into slabs across z.

        Parameters
        ----------
        shape : tuple of int
            Voxels along (Z, Y, X).
        thickness : int
            Slices of a slab.

        Returns
        -------
        Grid
            Blocks that span Y and X.
        """
        return cls(shape, (thickness, max(shape[1], 1), max(shape[2], 1)))


def _each(margin: int | Shape) -> Shape:
    return (margin, margin, margin) if isinstance(margin, int) else margin
