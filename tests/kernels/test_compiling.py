"""The collector rests while kernels are compiled; no compiled form is taken for another."""

from __future__ import annotations

import gc
import importlib
import pkgutil

import pytest
from numba import njit
from numba.core import event
from numba.core.dispatcher import Dispatcher
from numba.core.errors import TypingError

import ssbtomo.kernels
from ssbtomo.kernels.compiling import CacheFile


class Watch(event.Listener):
    def __init__(self):
        self.seen = []

    def on_start(self, event):
        self.seen.append(gc.isenabled())

    def on_end(self, event):
        self.seen.append(gc.isenabled())


@pytest.fixture
def watch():
    watch = Watch()
    with event.install_listener("numba:compile", watch):
        yield watch
    gc.enable()


def test_the_collector_rests_in_nested_compilations(watch):
    @njit
    def inner(x):
        return x + 1

    @njit
    def outer(x):
        return inner(x) * 2

    assert outer(3) == 8
    # Both starts and the end of the inner one; after the outer one's end it is on again.
    assert watch.seen == [False, False, False, True]
    assert gc.isenabled()


def test_a_compilation_that_fails_leaves_the_collector_on():
    @njit
    def wrong(x):
        return x.nothing_of_the_kind

    with pytest.raises(TypingError):
        wrong(1)
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off(watch):
    gc.disable()

    @njit
    def plus(x):
        return x + 1

    plus(1)
    assert not gc.isenabled()


def kept(folder, stamp="source"):
    return CacheFile(str(folder), "kernel-1.py311", stamp)


def test_two_that_compile_at_once_keep_each_their_own(tmp_path, monkeypatch):
    one, two = kept(tmp_path), kept(tmp_path)
    before = one._load_index()
    two.save("uint8", "form of uint8")
    monkeypatch.setattr(one, "_load_index", lambda: before)  # it looked before the other wrote
    one.save("uint16", "form of uint16")
    found = {key: kept(tmp_path).load(key) for key in ("uint8", "uint16")}
    assert found == {"uint8": None, "uint16": "form of uint16"}  # one is compiled again
    two.save("uint8", "form of uint8")
    found = {key: kept(tmp_path).load(key) for key in ("uint8", "uint16")}
    assert found == {"uint8": "form of uint8", "uint16": "form of uint16"}


@pytest.mark.parametrize("step", ["_save_data", "_save_index"])
def test_a_kill_between_two_steps_leaves_no_older_form(tmp_path, monkeypatch, step):
    kept(tmp_path, "older").save("uint8", "older form")
    new = kept(tmp_path, "newer")

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(new, step, die)
        with pytest.raises(KeyboardInterrupt):
            new.save("uint8", "newer form")
    assert new.load("uint8") is None
    new.save("uint8", "newer form")
    assert new.load("uint8") == "newer form"
    assert len(list(tmp_path.glob("*.nbc"))) == 1  # nothing of older source is left


def test_a_full_disk_leaves_the_kernel_usable(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    file = kept(tmp_path)
    monkeypatch.setattr(file, "_save_data", full)
    file.save("uint8", "form")
    assert file.load("uint8") is None


def test_all_kernels_are_kept_so():
    found = []
    for module in pkgutil.walk_packages(ssbtomo.kernels.__path__, "ssbtomo.kernels."):
        names = vars(importlib.import_module(module.name)).values()
        found += [item for item in names if isinstance(item, Dispatcher)]
    cached = [item for item in found if hasattr(item._cache, "_cache_file")]
    assert len(cached) > 150
    assert {type(item._cache._cache_file) for item in cached} == {CacheFile}
