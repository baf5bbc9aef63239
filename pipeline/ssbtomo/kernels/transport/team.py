"""Threads that share the planes of a pass.

The passes are compiled without Python's lock and take a slab of planes each, so plain Python
threads run them in parallel: nothing is shared between solves, and nothing spins while idle.

Two or three steps of a pass follow each other plane by plane while the data are in the cache.
A step reads only what the step before wrote, so no value depends on the number of slabs; sums
are kept per plane and added in plane order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
from numba import config
from numpy.typing import NDArray

from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.transport.operator import DEVICE
from ssbtomo.kernels.transport.storage import MEMORY, Storage

__all__ = ["Slab", "Team", "plane_sums"]

_ALONE = 32**3
"""Grids of at most so many cells are worked on by one thread: calling more costs more."""

Item = TypeVar("Item")
Result = TypeVar("Result")

Slab = tuple[int, int, int, int, int]
"""First plane, last plane + 1, phase, and whether the near and far ends wait (see `is_due`)."""


@njit(**DEVICE)
def is_due(k: int, step: int, part: Slab) -> bool:
    """Tell whether a step is done on a plane of a slab in a phase of a pass.

    A step needs the one before it on the planes next to its own. Inside a slab it follows
    in the same phase; within `step` planes of an end that borders on another slab it waits
    for the phase in which the neighbour has done its part.
    """
    near, far, phase, near_waits, far_waits = part
    if k < near or k >= far:
        return False
    waits = (near_waits and k < near + step) or (far_waits and k >= far - step)
    return phase == (step if waits else 0)


class Team:
    """A number of threads for one solve; use it in a ``with`` statement.

    Parameters
    ----------
    threads : int, optional
        How many; by default as many as Numba would use (``NUMBA_NUM_THREADS``).
    storage : Storage
        Where fields lie. Out of memory, a pass does slab after slab, and what it is done with
        is let go; the results are the same to the bit.
    """

    def __init__(self, threads: int | None = None, storage: Storage = MEMORY) -> None:
        self.storage = storage
        self.threads = max(1, int(threads or config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
        self._pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()

    def run(self, kernel: Callable[..., None], grid: NDArray[Any], *args: object) -> None:
        """Call a kernel once for each slab of planes, as ``kernel(*args, near, far)``.

        Parameters
        ----------
        kernel : callable
            Writes planes ``near`` to ``far - 1``, counted from 1.
        grid : ndarray, shape (Z + 2, area)
            Tells the number of planes and of cells.
        *args : object
            What the kernel takes.
        """
        self._each(kernel, [(*args, near, far) for near, far in self._slabs(grid)])

    def sweep(
        self,
        kernel: Callable[..., None],
        field: NDArray[Any],
        how: tuple[int, bool],
        *args: object,
    ) -> None:
        """Call a kernel of several steps, as ``kernel(*args, slab)``, in as many phases.

        Parameters
        ----------
        kernel : callable
            Does the steps that `is_due` tells on a slab.
        field : ndarray, padded
            What the kernel changes; its ghost planes are refreshed between phases.
        how : tuple of int and bool
            Number of steps; whether the first and the last plane are neighbours.
        *args : object
            What the kernel takes.
        """
        steps, joined = how
        slabs = self._slabs(field)
        last = field.shape[0] - 2
        for phase in range(steps if joined or len(slabs) > 1 else 1):
            parts = [
                (near, far, phase, int(joined or near > 1), int(joined or far <= last))
                for near, far in slabs
            ]
            self._each(kernel, [(*args, part) for part in parts])
            if joined:
                field[0], field[-1] = field[last], field[1]

    def share(self, kernel: Callable[..., None], count: int, *args: object) -> None:
        """Call a kernel on shares of a number of things, as ``kernel(*args, near, far)``.

        Parameters
        ----------
        kernel : callable
            Does those from ``near`` to ``far - 1``, counted from 0.
        count : int
            How many there are.
        *args : object
            What the kernel takes.
        """
        shares = min(self.threads, count)
        ends = [count * index // shares for index in range(shares + 1)]
        self._each(kernel, [(*args, near, far) for near, far in itertools.pairwise(ends)])

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], check: Callable[[], None]
    ) -> list[Result]:
        """Call a function for each item.

        Parameters
        ----------
        function : callable
            Takes an item; calls kernels.
        items : sequence
            The items.
        check : callable
            Called now and then; raises to stop.

        Returns
        -------
        list
            What the function returned, in the order of the items.
        """
        results: list[Result] = []
        size = 8 * self.threads
        for first in range(0, len(items), size):
            check()
            batch = items[first : first + size]
            results += (
                map(function, batch) if self._pool is None else self._pool.map(function, batch)
            )
        return results

    def _slabs(self, grid: NDArray[Any]) -> list[tuple[int, int]]:
        planes = grid.shape[0] - 2
        count = 1 if grid.size <= _ALONE else min(self.threads, planes)
        if self.storage.slab is not None:
            count = min(max(count, -(-grid.size // self.storage.slab)), planes)
        ends = [1 + planes * index // count for index in range(count + 1)]
        return list(itertools.pairwise(ends))

    def _each(self, kernel: Callable[..., None], calls: list[tuple[Any, ...]]) -> None:
        count = min(self.threads, len(calls))
        ends = [len(calls) * index // count for index in range(count + 1)]
        shares = [calls[near:far] for near, far in itertools.pairwise(ends)]
        others = [self._pool.submit(self._do, kernel, share) for share in shares[1:] if self._pool]
        self._do(kernel, shares[0])
        for other in others:
            other.result()

    def _do(self, kernel: Callable[..., None], calls: list[tuple[Any, ...]]) -> None:
        for call in calls:
            kernel(*call)
            if self.storage.slab is not None:
                self.release(call)

    def release(self, what: Any) -> None:
        """Let go of the memory of fields; what they hold stays.

        Parameters
        ----------
        what : ndarray, or tuple of what has arrays
            The fields.
        """
        if isinstance(what, tuple):
            for part in what:
                self.release(part)
        elif isinstance(what, np.ndarray) and what.ndim > 1:
            self.storage.release(what, 0, len(what))


def plane_sums(grid: NDArray[Any], count: int = 1) -> NDArray[np.float64]:
    """Return room for sums of every plane of a grid.

    Parameters
    ----------
    grid : ndarray, shape (Z + 2, area)
        The grid.
    count : int
        Number of sums per plane.

    Returns
    -------
    ndarray of float64, shape (planes + 2, count)
        Zeros.
    """
    return np.zeros((grid.shape[0], count))
