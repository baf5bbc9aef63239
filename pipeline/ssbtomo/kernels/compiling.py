"""While Numba compiles, Python's garbage collector rests."""

from __future__ import annotations

import gc

from numba.core import event

__all__ = ["Rest"]


class Rest(event.Listener):
    """Turns the garbage collector off when a compilation starts, and on again when it is over.

    The compiler keeps hundreds of thousands of objects that refer to one another; walking
    through them again and again took a fifth of the time of compiling. Collected is what is
    left over as soon as the collector is on again. Compilations nest, in one thread at a time:
    Numba holds a lock meanwhile.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.was_on = False

    def on_start(self, event: event.Event) -> None:
        """Turn the collector off.

        Parameters
        ----------
        event : numba.core.event.Event
            The start of a compilation.
        """
        if self.depth == 0:
            self.was_on = gc.isenabled()
            gc.disable()
        self.depth += 1

    def on_end(self, event: event.Event) -> None:
        """Turn the collector on again, if it was on.

        Parameters
        ----------
        event : numba.core.event.Event
            The end of a compilation, failed or not.
        """
        self.depth -= 1
        if self.depth == 0 and self.was_on:
            gc.enable()
