"""How kernels are compiled and kept: the collector rests meanwhile, and no kernel is mistaken."""

from __future__ import annotations

import gc
from glob import escape
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
from numba.core import event
from numba.core.caching import IndexDataCacheFile

__all__ = ["CacheFile", "Rest", "njit"]


def njit(**options: Any) -> Any:
    """Compile a function as `numba.njit` does, and keep what was compiled in a `CacheFile`.

    Parameters
    ----------
    **options : object
        As for `numba.njit`.

    Returns
    -------
    callable
        The decorator.
    """
    decorate = numba.njit(**options)

    def compiled(function: Any) -> Any:
        kernel = decorate(function)
        kept = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
        if type(kept) is IndexDataCacheFile:
            kept.__class__ = CacheFile
        return kernel

    return compiled


class CacheFile(IndexDataCacheFile):
    """Where the compiled forms of one function are kept: each in a file named by what it is.

    Numba numbers these files, and lists one before it writes it. Of two processes that compile
    at the same time, or one that is killed between the two, the list could name a file that holds
    another form: compiled for other types or of older source. Such a form was run as it was.

    Parameters
    ----------
    cache_path : str
        The folder.
    filename_base : str
        How names of the function's files begin.
    source_stamp : object
        Tells the source from an older one.
    """

    def save(self, key: Any, data: Any) -> None:
        """Keep a compiled form; if the disk is full or read only, do without.

        Parameters
        ----------
        key : object
            Types, machine and code of the form.
        data : object
            The form.
        """
        told = repr((self._source_stamp, key)).encode()
        stem = self._index_name.removesuffix("nbi")
        name = f"{stem}{sha256(told).hexdigest()[:16]}.nbc"
        try:
            self._save_data(name, data)  # type: ignore[no-untyped-call]
            listed = self._load_index()  # type: ignore[no-untyped-call]
            if not listed:
                self._clear(stem, name)
            if listed.get(key) != name:
                self._save_index(listed | {key: name})  # type: ignore[no-untyped-call]
        except OSError:
            return

    def _clear(self, stem: str, name: str) -> None:
        """Remove the forms of older source; one that is needed after all is compiled again."""
        for file in Path(self._cache_path).glob(f"{escape(stem)}*.nbc"):
            if file.name != name:
                file.unlink(missing_ok=True)


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
