"""From 3-D images of solid-state batteries to numbers that can be published.

Examples
--------
>>> import ssbtomo as st
>>> results = st.run("recipe.yaml", out="results/")  # doctest: +SKIP
>>> results.table  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

#: Public name -> module and name there; imported when first used.
_HOME = {
    "open": ("ssbtomo.io", "open_volume"),
    "run": ("ssbtomo.runner", "run"),
    "load": ("ssbtomo.results", "load"),
    "Results": ("ssbtomo.results", "Results"),
    "Volume": ("ssbtomo.volume", "Volume"),
    "SsbtomoError": ("ssbtomo.errors", "SsbtomoError"),
}
_MODULES = ("measure", "reconstruct", "segment", "testing", "io", "errors", "events", "units")
__all__ = [
    "Results",
    "SsbtomoError",
    "Volume",
    "__version__",
    "errors",
    "events",
    "io",
    "load",
    "measure",
    "open",
    "reconstruct",
    "run",
    "segment",
    "testing",
    "units",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        module, attribute = _HOME[name]
        return getattr(import_module(module), attribute)
    if name in _MODULES:
        return import_module(f"ssbtomo.{name}")
    raise AttributeError(f"module 'ssbtomo' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)
