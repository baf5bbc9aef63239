"""The garbage collector rests while kernels are compiled, and is as it was afterwards."""

from __future__ import annotations

import gc

import pytest
from numba import njit
from numba.core import event
from numba.core.errors import TypingError


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
