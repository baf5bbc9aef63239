"""What is cancelled stops after the work at hand: counted in blocks, not in seconds."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from napari_ssbtomo.controllers.applying import ApplyRequest, Growth, apply_request
from napari_ssbtomo.controllers.picking import Pick
from napari_ssbtomo.controllers.working import Hands
from ssbtomo.blocks import Engine, Grid
from ssbtomo.blocks import classify as module
from ssbtomo.errors import CancelledError
from ssbtomo.kernels.feature_list import Feature
from ssbtomo.segment import TrainingSample, predict, segment_volume, train
from ssbtomo.testing import three_phase_volume

SPACING = (0.02, 0.01, 0.01)
PHASES = ("void", "electrolyte", "active")
WORKERS = 1
LONG = 120  # s: far more than it takes anywhere


@pytest.fixture(scope="module")
def made():
    return three_phase_volume((20, 40, 44), seed=3)


@pytest.fixture
def one_worker(monkeypatch):
    monkeypatch.setattr("napari_ssbtomo.controllers.applying.hands_for_blocks", lambda: WORKERS)


class Counter:
    """Counts blocks that were begun, and those that came to an end."""

    def __init__(self, real, cancel):
        self.real, self.cancel = real, cancel
        self.begun, self.late, self.ended = 0, 0, 0
        self.lock = threading.Lock()

    def __call__(self, block, **parts):
        with self.lock:
            self.begun += 1
            self.late += self.cancel.is_set()
        try:
            return self.real(block, **parts)
        finally:
            with self.lock:
                self.ended += 1

    def settle(self):
        """Wait for the blocks at hand."""
        until = time.monotonic() + LONG
        while self.ended < self.begun and time.monotonic() < until:
            time.sleep(0.01)
        assert self.ended == self.begun


def cancelling(after):
    """Return hands that cancel when so many blocks are done."""
    cancel = threading.Event()

    def tell(_what, done=0, _total=0):
        if done == after:
            cancel.set()

    return Hands(tell, cancel)


def test_a_cancelled_application_ends_with_the_blocks_at_hand(
    made, one_worker, monkeypatch, tmp_path
):
    model = train(TrainingSample(made.image, made.scribbles(0.05), SPACING), PHASES, trees=3)
    request = ApplyRequest(Pick(made.image, SPACING), PHASES, tmp_path, model, block=16)
    wanted = predict(made.image, model, SPACING).labels
    hands = cancelling(1)
    count = Counter(module._run, hands.cancel)
    monkeypatch.setattr(module, "_run", count)
    with pytest.raises(CancelledError):
        apply_request(request, Growth(request), hands)
    count.settle()
    assert count.late <= 4 * WORKERS  # an engine queues four tasks for each worker
    assert count.begun < 18  # blocks of 16³
    assert not list(tmp_path.glob("*.ome.zarr"))
    before = count.begun
    again = Counter(count.real, threading.Event())
    monkeypatch.setattr(module, "_run", again)
    growth = Growth(request)
    apply_request(request, growth, cancelling(-1))
    np.testing.assert_array_equal(growth.labels, wanted + 1)
    assert 18 - before <= again.begun <= 17  # what was finished is not begun again


def test_cancelled_thresholds_leave_nothing_half_written(made, one_worker, tmp_path):
    thresholds = (95.0, 150.0)
    found = segment_volume(made.image, SPACING, 3, method="thresholds", thresholds=thresholds)
    request = ApplyRequest(
        Pick(made.image, SPACING), PHASES, tmp_path, thresholds=thresholds, block=16
    )
    with pytest.raises(CancelledError):
        apply_request(request, Growth(request), cancelling(1))
    assert not list(tmp_path.glob("*.ome.zarr"))
    growth = Growth(request)
    apply_request(request, growth, cancelling(-1))
    np.testing.assert_array_equal(growth.labels, found.labels + 1)


def test_a_long_block_is_left_at_its_next_slab(monkeypatch):
    monkeypatch.setattr(module, "_SLAB", 64)  # one plane
    cancel = threading.Event()
    engine = Engine.start("threads", 1, cancel=cancel)

    class Rule:
        classes, looks = 2, 0

        def probabilities(self, flat):
            self.looks += 1
            if self.looks == 2:
                cancel.set()
                until = time.monotonic() + LONG
                while not engine.pool.closed and time.monotonic() < until:
                    time.sleep(0.01)
            return np.full((flat.shape[1], 2), 0.5)

    rule, shape = Rule(), (16, 8, 8)
    classifier = module.Classifier((Feature.of("intensity"),), SPACING, ((0.0, 1.0),), rule)
    sink = np.full(shape, 7, np.uint8)
    with pytest.raises(CancelledError), engine:
        module.classify((np.zeros(shape),), (sink,), Grid(shape, shape), engine, classifier)
    for thread in engine.pool._threads:
        thread.join(LONG)
    assert rule.looks == 2
    assert (sink == 7).all()
