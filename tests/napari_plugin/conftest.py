"""A tiny results folder, and windows where there is a display."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ssbtomo.io import ome_zarr
from ssbtomo.results import Measurement, Results, table
from ssbtomo.testing import GreyTruth, three_phase_volume

SPACING = (0.1, 0.05, 0.05)
SHAPE = (12, 16, 20)
PHASES = [
    {"name": "void", "role": "void", "color": "#3a3a3a"},
    {"name": "electrolyte", "role": "electrolyte", "color": "#56b4e9"},
    {"name": "active", "role": "active", "color": "#e69f00"},
]

if sys.version_info < (3, 12):
    # PySide6 6.12 takes a reference of None away at every call on Python 3.11, where None is
    # counted: after some hundred thousand calls the interpreter ends ("deallocating None").
    ctypes.c_ssize_t.from_address(id(None)).value += 2**40


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a window where there is none."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return
    reason = 'no display: run under xvfb-run -a -s "-screen 0 1280x1024x24"'
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("gui"):
            item.add_marker(pytest.mark.skip(reason=reason))


def layers_along_z() -> np.ndarray:
    """Void, electrolyte and active, a third of the volume each."""
    return np.repeat(np.arange(3, dtype=np.uint8), 4)[:, None, None] * np.ones(SHAPE, np.uint8)


def store(path: Path, data: np.ndarray, *, kind: str = "image", **more: object) -> Path:
    """Write a finished OME-Zarr store."""
    array = ome_zarr.create(
        path, data.shape, data.dtype, SPACING, kind=kind, block=data.shape, **more
    )
    array[:, :, :] = data
    ome_zarr.finish(path)
    return path


def write_results(folder: Path, samples: tuple[str, ...] = ("cathode",)) -> Path:
    """Write what a run writes: volumes, tables, run.json, results.csv, report.html."""
    for name in samples:
        _write_volumes(folder / "volumes" / name)
    (folder / "tables").mkdir(parents=True)
    _write_table(folder, "particles", "particle,diameter_um", ["7,2.5", "9,1.5"], samples)
    _write_table(folder, "cracks", "crack,aperture_um", ["3,0.25"], samples)
    about = [{"name": name, "phases": PHASES, "spacing_um": SPACING} for name in samples]
    (folder / "run.json").write_text(json.dumps({"state": "done", "samples": about}))
    void = Measurement("volume_fraction", "void", 1 / 3, "1", "voxel count", low=0.3, high=0.4)
    frame = table([void] * len(samples)).assign(sample=samples)
    frame.to_csv(folder / "results.csv", index=False)
    (folder / "report.html").write_text("<h1>report</h1>")
    return folder


def _write_volumes(place: Path) -> None:
    labels = layers_along_z()
    store(place / "image.ome.zarr", (labels * 80 + 5).astype(np.uint8))
    store(
        place / "phases.ome.zarr",
        labels,
        kind="labels",
        phases={phase["name"]: i for i, phase in enumerate(PHASES)},
        colors={phase["name"]: phase["color"] for phase in PHASES},
        attributes={"roles": {phase["name"]: phase["role"] for phase in PHASES}},
    )
    store(place / "particles.ome.zarr", (labels == 2).astype(np.int32) * 7, kind="labels")
    store(place / "cracks.ome.zarr", (labels == 0).astype(np.int32) * 3, kind="labels")


def _write_table(
    folder: Path, name: str, header: str, rows: list[str], samples: tuple[str, ...]
) -> None:
    lines = [f"{sample},{row}" for sample in samples for row in rows]
    (folder / "tables" / f"{name}.csv").write_text("\n".join([f"sample,{header}", *lines]))


@pytest.fixture
def window(make_napari_viewer: Callable[[], Any]) -> Any:
    """A viewer that knows the installed plugins."""
    from npe2 import PluginManager

    PluginManager.instance().discover()
    return make_napari_viewer()


@pytest.fixture(scope="module")
def made() -> GreyTruth:
    """A small volume of three phases, grey and labels."""
    return three_phase_volume((20, 40, 44), seed=3)


@pytest.fixture(scope="session")
def tiny() -> SimpleNamespace:
    """What the tiny results hold, and how more of them are written."""
    return SimpleNamespace(
        spacing=SPACING,
        phases=PHASES,
        labels=layers_along_z(),
        store=store,
        write_results=write_results,
    )


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """A results folder with one sample."""
    return Results.load(write_results(tmp_path / "results"))


class Holds:
    """What each call into the plugin takes of the window's thread, in seconds of its processor.

    Timers, buttons, events of layers and of the mouse, readers: all of them enter by a method or
    a function of the plugin. What it calls counts, such as reading, making a layer, or setting
    its data; left out is what napari does to put a layer into its window or out of it, and what
    happens in the event loop while a call waits for a thread. Calls of the plugin that these
    cause are counted for themselves.
    """

    def __init__(self) -> None:
        self.found: list[tuple[float, str]] = []
        self._stack: list[list[Any]] = []  # [whether it is the plugin, seconds]
        self._mark = 0.0

    def counted(self, function: Callable[..., Any], *, ours: bool = True) -> Callable[..., Any]:
        """Return a function that is counted, or left out of what it is called from."""

        @wraps(function)
        def held(*args: Any, **named: Any) -> Any:
            stack = self._stack
            last = bool(stack) and stack[-1][0]
            if threading.current_thread() is not threading.main_thread() or last == ours:
                return function(*args, **named)
            self._turn()
            stack.append([ours, 0.0])
            try:
                return function(*args, **named)
            finally:
                self._turn()
                _, seconds = stack.pop()
                if ours:
                    self.found.append((seconds, f"{function.__module__}.{function.__qualname__}"))

        return held

    def _turn(self) -> None:
        now = time.thread_time()
        if self._stack:
            self._stack[-1][1] += now - self._mark
        self._mark = now

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Count all of the plugin from now on."""
        from napari.components import LayerList
        from napari.window import Window

        import napari_ssbtomo

        found = pkgutil.walk_packages(napari_ssbtomo.__path__, "napari_ssbtomo.")
        for module in [importlib.import_module(item.name) for item in found]:
            for owner, name, function in _functions(module):
                patch.setattr(owner, name, self.counted(function, ours=name != "aside"))
        theirs = [(LayerList, name) for name in ("insert", "append", "remove", "__delitem__")]
        for owner, name in [*theirs, (Window, "add_plugin_dock_widget")]:
            patch.setattr(owner, name, self.counted(getattr(owner, name), ours=False))

    def calm(self, limit: float) -> None:
        """Say whether no call kept the window, at the most, and not at some percentile."""
        assert self.found
        assert max(self.found)[0] < limit, sorted(self.found)[-5:]


def _functions(module: Any) -> Iterator[tuple[Any, str, Any]]:
    """List the plugin's functions that a module knows, and the methods of its classes."""
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__
    ]
    for owner in (module, *classes):
        for name, value in list(vars(owner).items()):
            ours = getattr(value, "__module__", "").startswith("napari_ssbtomo")
            if isinstance(value, FunctionType) and ours:
                yield owner, name, value


@pytest.fixture
def holds(monkeypatch: pytest.MonkeyPatch) -> Holds:
    """The calls into the plugin from here on, counted."""
    found = Holds()
    found.watch(monkeypatch)
    return found
