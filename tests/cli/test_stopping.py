"""Signals stop a run in good order, and what does not stop is ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from ssbtomo.stopping import stoppable

# Compiled code that holds on for minutes, where no handler of Python's is called.
STUBBORN = """
import hashlib, subprocess, sys
from ssbtomo.stopping import stoppable
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with stoppable(lambda text: print(text, flush=True), grace=float(sys.argv[1])):
    print("ready", child.pid, flush=True)
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 2**31 - 1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("twice", [False, True])
def test_what_does_not_stop_is_ended_with_its_children(number, twice):
    import psutil

    grace = "600" if twice else "0.5"
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN, grace], stdout=subprocess.PIPE, text=True
    ) as process:
        _, child = process.stdout.readline().split()
        process.send_signal(number)
        assert "stopping after the running block" in process.stdout.readline()
        if twice:
            process.send_signal(number)
        assert "start again to go on" in process.stdout.readline()
        assert process.wait(120) == 128 + number
    for _ in range(600):  # the system takes its time to end what was killed
        if not psutil.pid_exists(int(child)) or psutil.Process(int(child)).status() == "zombie":
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"the process {child} outlived its parent")


def test_a_signal_sets_the_switch_and_what_stops_in_time_goes_on():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    told = []
    with stoppable(told.append) as stop:
        assert not stop.cancel.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert stop.cancel.wait(60)
    assert stop.code == 143
    assert [text.split(";")[0] for text in told] == ["stopping after the running block"]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert threading.active_count() >= 1


def test_without_a_signal_nothing_is_told():
    told = []
    with stoppable(told.append) as stop:
        pass
    assert not stop.cancel.is_set()
    assert told == []
