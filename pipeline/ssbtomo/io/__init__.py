"""Files to volumes and back: one registry, one small module per family of formats."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ssbtomo.io import ome_zarr
    from ssbtomo.io.projection_files import open_projections
    from ssbtomo.io.registry import Reader, formats, open_volume, register
    from ssbtomo.io.remote import copy_store
    from ssbtomo.io.stack_check import Problem, StackReport, check_stack

__all__ = [
    "Problem",
    "Reader",
    "StackReport",
    "check_stack",
    "copy_store",
    "formats",
    "ome_zarr",
    "open_projections",
    "open_volume",
    "register",
]

_HOME = {
    "Problem": "stack_check",
    "Reader": "registry",
    "StackReport": "stack_check",
    "check_stack": "stack_check",
    "copy_store": "remote",
    "formats": "registry",
    "open_projections": "projection_files",
    "open_volume": "registry",
    "register": "registry",
}


def __getattr__(name: str) -> Any:
    if name == "ome_zarr":
        return import_module("ssbtomo.io.ome_zarr")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"ssbtomo.io.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
