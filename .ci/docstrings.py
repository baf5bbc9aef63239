"""Check every public docstring with numpydoc, on the imported objects; exit 1 if one is wrong.

The commands of `ssbtomo.cli` are left out: their parameters explain themselves to typer.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from numpydoc.validate import validate

SETTINGS = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["tool"]
CHECKS = set(SETTINGS["numpydoc_validation"]["checks"])
# A stage's or solid's protocol says the rest once.
OF_METHODS = {"GL08", "SS01", "SS02", "SS03", "SS04", "SS05"}
LEFT_OUT = ("ssbtomo.cli",)
PACKAGES = ("ssbtomo", "napari_ssbtomo")
METHODS = (property, classmethod, staticmethod, functools.cached_property)


def modules() -> Iterator[str]:
    """Yield every module of the packages."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        yield name
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not found.name.startswith(LEFT_OUT):
                yield found.name


def documented(module: str) -> Iterator[str]:
    """Yield the public objects that a module defines, and their public methods."""
    home = importlib.import_module(module)
    for name in vars(home).get("__all__", ()):
        item = vars(home).get(name)
        item = getattr(item, "py_func", item)
        if getattr(item, "__module__", None) != module or not callable(item):
            continue
        yield f"{module}.{name}"
        if inspect.isclass(item):
            for inner, value in vars(item).items():
                method = inspect.isfunction(value) or isinstance(value, METHODS)
                if method and not inner.startswith("_"):
                    yield f"{module}.{name}.{inner}"


def _says_itself(name: str) -> bool:
    """Tell errors, protocols and recipe sections, whose fields carry their own help."""
    module, _, inner = name.rpartition(".")
    item = getattr(importlib.import_module(module), inner)
    if not inspect.isclass(item):
        return False
    told = hasattr(item, "model_fields") or getattr(item, "_is_protocol", False)
    return told or issubclass(item, BaseException)


def main() -> int:
    """Print each violation; return 1 if there is one."""
    found = 0
    for module in modules():
        for name in documented(module):
            own = name.rpartition(".")[0] == module and not _says_itself(name)
            asked = CHECKS if own else OF_METHODS
            for code, text in validate(name)["errors"]:
                if code in asked:
                    found += 1
                    sys.stdout.write(f"{name}: {code} {text}\n")
    sys.stdout.write(f"{found} docstrings to mend\n")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
