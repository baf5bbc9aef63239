"""What is left of a dock that was closed: nothing."""

from __future__ import annotations

import gc
import threading
from weakref import ref

import numpy as np
import pytest

from napari_ssbtomo.controllers.guide import DOCKS

pytestmark = [pytest.mark.gui]

SLOW = 200_000  # ms: a machine that does other things too
PLACE = {"scale": (0.02, 0.01, 0.01), "units": ("um",) * 3, "axis_labels": ("z", "y", "x")}


def docked(window, name):
    return window.window.add_plugin_dock_widget("ssbtomo", name)[1]


def close(window, name):
    """Press the cross of a dock."""
    holder = next(
        widget for title, widget in window.window._wrapped_dock_widgets.items()
        if title.startswith(name)
    )  # fmt: skip
    holder.destroyOnClose()


def listeners(window):
    """Return who of the plugin is told of what the window does, and how."""
    events = [
        window.layers.events.inserted, window.layers.events.removed, window.dims.events.order,
        window.layers.selection.events.active, window.dims.events.current_step,
        window.dims.events.ndisplay,
    ]  # fmt: skip
    told = [pair for event in events for pair in event.callbacks if isinstance(pair, tuple)]
    told += [(call.__self__, call.__name__) for call in window.mouse_move_callbacks]
    told = [(one() if isinstance(one, ref) else one, name) for one, name in told]
    return {
        (type(one).__name__, name) for one, name in told
        if type(one).__module__.startswith("napari_ssbtomo")
    }  # fmt: skip


def in_preview():
    return {thread for thread in threading.enumerate() if thread.name.startswith("ssbtomo-")}


def test_a_closed_dock_is_destroyed_and_listens_no_more(window, qtbot):
    from qtpy.compat import isalive

    window.add_image(np.zeros((4, 5, 6), np.uint8), **PLACE)
    shown = [docked(window, name) for name in DOCKS]
    assert len(listeners(window)) >= len(DOCKS)
    natives = [dock.native for dock in shown]
    for name in DOCKS:
        close(window, name)
    qtbot.wait(200)
    assert not any(isalive(native) for native in natives)  # else a thread may come to destroy them
    assert {who for who, _ in listeners(window)} == {"DepthGuard"}  # of the window, not of a dock
    window.add_labels(np.ones((4, 5, 6), np.uint8), **PLACE)  # nobody that is gone is asked
    window.dims.set_current_step(0, 2)


def test_a_closed_dock_takes_its_slice_along(window, made, qtbot):
    window.add_image(made.image, name="scan", **PLACE)
    dock = docked(window, "Segment by thresholds")
    dock.repair.value = False
    dock.find_button.native.click()
    qtbot.waitUntil(lambda: "thresholds" in window.layers, timeout=SLOW)
    close(window, "Segment by thresholds")
    qtbot.waitUntil(lambda: "thresholds" not in window.layers, timeout=SLOW)
    window.dims.set_current_step(0, 3)
    qtbot.wait(300)
    assert [layer.name for layer in window.layers] == ["scan"]


def test_a_dock_that_is_moved_goes_on(window, made, qtbot):
    window.add_image(made.image, name="scan", **PLACE)
    dock = docked(window, "Segment by thresholds")
    holder = dock.native.parent()
    for floating in (True, False):
        holder.setFloating(floating)
        qtbot.wait(100)
    dock.repair.value = False
    dock.find_button.native.click()
    qtbot.waitUntil(lambda: "thresholds" in window.layers, timeout=SLOW)


def test_no_thread_of_a_preview_outlives_it(window, made, qtbot):
    window.add_image(made.image, name="scan", **PLACE)
    before = in_preview()
    dock = docked(window, "Annotate and train")
    dock.paint_button.native.click()
    layer = window.layers["scribbles: scan"]
    window.dims.set_point(0, 10 * PLACE["scale"][0])
    for y, x, phase in ((8, 8, 1), (30, 30, 2)):
        layer.paint((10, y, x), phase)
    qtbot.waitUntil(lambda: "preview" in window.layers, timeout=SLOW)
    first = in_preview() - before
    assert first
    dock.features.value = "sheets"  # another preview takes its place
    layer.paint((10, 12, 12), 1)
    gone = lambda threads: gc.collect() >= 0 and not any(one.is_alive() for one in threads)  # noqa: E731
    qtbot.waitUntil(lambda: gone(first) and bool(in_preview() - before), timeout=SLOW)
    second = in_preview() - before
    close(window, "Annotate and train")
    qtbot.waitUntil(lambda: gone(second), timeout=SLOW)
    assert [one.name for one in window.layers] == ["scan", "scribbles: scan"]
