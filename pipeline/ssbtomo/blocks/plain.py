"""Tasks and results as plain JSON: what is written can be read, and reading runs nothing."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import partial, singledispatch
from importlib import import_module
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import TaskError

__all__ = ["OURS", "from_plain", "to_plain", "used_packages"]

OURS = frozenset({"ssbtomo"})

Keep = Callable[[NDArray[Any]], Any]


def to_plain(value: Any, *, keep: Keep | None = None) -> Any:
    """Turn a value into what JSON can hold, without loss.

    Parameters
    ----------
    value : object
        Numbers, texts, ``None``, lists, tuples, dicts, slices, paths, NumPy arrays, scalars and
        types, dataclasses, and partials of functions that can be imported by their name.
    keep : callable, optional
        Given an array, stores it elsewhere and returns a reference; arrays are written into
        the JSON if not given.

    Returns
    -------
    object
        Numbers, texts, lists and dicts.

    Raises
    ------
    TaskError
        If the value is of another kind: a lambda, an open file, a Dask array.
    """
    if value is None or type(value) in {bool, int, float, str}:
        return value
    return _plain(value, partial(to_plain, keep=keep), keep)


def from_plain(
    plain: Any,
    *,
    allowed: Collection[str] = OURS,
    fetch: Callable[[Any], NDArray[Any]] | None = None,
) -> Any:
    """Turn plain JSON back into the value.

    Only dataclasses and functions that are *defined* in an allowed package are made or
    looked up, whatever the text says, so that a file of a stranger cannot name, say,
    ``os.system``.

    Parameters
    ----------
    plain : object
        What `to_plain` returned.
    allowed : collection of str
        Top-level packages whose functions and dataclasses may be named.
    fetch : callable, optional
        Given a reference that ``keep`` returned, reads the array.

    Returns
    -------
    object
        The value.

    Raises
    ------
    TaskError
        If the text names what is not allowed or not there.
    """
    if isinstance(plain, list):
        return [from_plain(item, allowed=allowed, fetch=fetch) for item in plain]
    if not isinstance(plain, dict):
        return plain
    reading = _Reading(frozenset(allowed), fetch)
    try:
        return getattr(reading, f"read_{plain['kind']}")(plain)
    except (KeyError, AttributeError, ValueError, TypeError, ImportError) as error:
        raise TaskError(f"this is no value that ssbtomo wrote: {error!r}") from error


def used_packages(plain: Any) -> set[str]:
    """List the packages whose functions or dataclasses a plain value names.

    Parameters
    ----------
    plain : object
        What `to_plain` returned.

    Returns
    -------
    set of str
        Top-level names.
    """
    if isinstance(plain, list):
        return set().union(*map(used_packages, plain))
    if not isinstance(plain, dict):
        return set()
    own = {plain["name"].split(":")[0].split(".")[0]} if "name" in plain else set()
    return own.union(*(used_packages(item) for key, item in plain.items() if key != "name"))


@singledispatch
def _plain(value: Any, deeper: Callable[[Any], Any], keep: Keep | None) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        content = {f.name: deeper(getattr(value, f.name)) for f in fields(value) if f.init}
        return {"kind": "dataclass", "name": _name(type(value)), "fields": content}
    if isinstance(value, Path):
        return {"kind": "path", "path": str(value)}
    if callable(value) and hasattr(value, "__qualname__"):
        return {"kind": "function", "name": _name(value)}
    raise TaskError(
        f"a {type(value).__module__}.{type(value).__qualname__} cannot be written as plain JSON",
        hint="give the task paths, numbers and dataclasses, and open files inside it",
    )


@_plain.register
def _(value: list, deeper: Callable[[Any], Any], keep: Keep | None) -> Any:  # type: ignore[type-arg]
    return [deeper(item) for item in value]


@_plain.register
def _(value: tuple, deeper: Callable[[Any], Any], keep: Keep | None) -> Any:  # type: ignore[type-arg]
    return {"kind": "tuple", "items": [deeper(item) for item in value]}


@_plain.register
def _(value: Mapping, deeper: Callable[[Any], Any], keep: Keep | None) -> Any:  # type: ignore[type-arg]
    return {"kind": "dict", "items": [[deeper(k), deeper(v)] for k, v in value.items()]}


@_plain.register
def _(value: slice, deeper: Callable[[Any], Any], keep: Keep | None) -> Any:
    return {"kind": "slice", "bounds": [deeper(v) for v in (value.start, value.stop, value.step)]}


@_plain.register
def _(value: partial, deeper: Callable[[Any], Any], keep: Keep | None) -> Any:  # type: ignore[type-arg]
    return {
        "kind": "partial",
        "function": deeper(value.func),
        "args": [deeper(item) for item in value.args],
        "keywords": {name: deeper(item) for name, item in value.keywords.items()},
    }


@_plain.register
def _(value: np.dtype, deeper: Callable[[Any], Any], keep: Keep | None) -> Any:
    return {"kind": "dtype", "dtype": value.str}


@_plain.register
def _(value: np.generic, deeper: Callable[[Any], Any], keep: Keep | None) -> Any:
    return {"kind": "scalar", "dtype": value.dtype.str, "data": _text(np.asarray(value))}


@_plain.register
def _(value: np.ndarray, deeper: Callable[[Any], Any], keep: Keep | None) -> Any:
    if value.dtype.hasobject:
        raise TaskError("an array of Python objects cannot be written as plain JSON")
    if keep is not None:
        return {"kind": "kept", "reference": keep(value)}
    return {
        "kind": "array", "dtype": value.dtype.str, "shape": list(value.shape), "data": _text(value)
    }  # fmt: skip


def _text(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _name(item: Any) -> str:
    """Return ``module:name`` of a function or class, if it can be found again by it."""
    name = f"{item.__module__}:{item.__qualname__}"
    try:
        same = _find(name) is item
    except (ImportError, AttributeError, KeyError):
        same = False
    if not same:
        raise TaskError(
            f"{name} cannot be found again by its name",
            hint="define it at the top of a module that can be imported",
        )
    return name


def _find(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = inspect.getattr_static(found, part)
    return found


@dataclass(frozen=True, slots=True)
class _Reading:
    """One reader per kind of value."""

    allowed: frozenset[str]
    fetch: Callable[[Any], NDArray[Any]] | None

    def deeper(self, plain: Any) -> Any:
        return from_plain(plain, allowed=self.allowed, fetch=self.fetch)

    def read_tuple(self, plain: Any) -> Any:
        return tuple(map(self.deeper, plain["items"]))

    def read_dict(self, plain: Any) -> Any:
        return {self.deeper(key): self.deeper(value) for key, value in plain["items"]}

    def read_slice(self, plain: Any) -> Any:
        return slice(*map(self.deeper, plain["bounds"]))

    def read_path(self, plain: Any) -> Any:
        return Path(plain["path"])

    def read_dtype(self, plain: Any) -> Any:
        return np.dtype(str(plain["dtype"]))

    def read_scalar(self, plain: Any) -> Any:
        return self.read_array({**plain, "shape": []})[()]

    def read_array(self, plain: Any) -> Any:
        data = base64.b64decode(plain["data"], validate=True)
        return np.frombuffer(bytearray(data), str(plain["dtype"])).reshape(plain["shape"])

    def read_kept(self, plain: Any) -> Any:
        if self.fetch is None:
            raise TaskError("the value refers to an array that is kept elsewhere")
        return self.fetch(plain["reference"])

    def read_dataclass(self, plain: Any) -> Any:
        kind = self._named(plain["name"])
        if not (isinstance(kind, type) and is_dataclass(kind)):
            raise TaskError(f"{plain['name']} is no dataclass")
        return kind(**{name: self.deeper(value) for name, value in plain["fields"].items()})

    def read_function(self, plain: Any) -> Any:
        return self._named(plain["name"])

    def read_partial(self, plain: Any) -> Any:
        keywords = {name: self.deeper(value) for name, value in plain["keywords"].items()}
        return partial(self.deeper(plain["function"]), *self.deeper(plain["args"]), **keywords)

    def _named(self, name: str) -> Any:
        """Look a function or class up; it must be *defined* in an allowed package."""
        package = str(name).partition(":")[0].partition(".")[0]
        if package not in self.allowed:
            raise TaskError(
                f"the file names {name}, and {package} is not allowed",
                hint=f"if you trust the file, allow it: --allow {package}",
            )
        found = _find(str(name))
        plain_function = isinstance(found, FunctionType | BuiltinFunctionType | type)
        home = str(getattr(found, "__module__", None)).partition(".")[0]
        if home not in self.allowed or not (plain_function or _compiled(found)):
            raise TaskError(f"{name} is not a function or dataclass of {package}")
        return found


def _compiled(item: Any) -> bool:
    """Tell whether an object is a function that Numba compiled, without importing Numba."""
    return type(item).__module__.startswith("numba.") and callable(item)
