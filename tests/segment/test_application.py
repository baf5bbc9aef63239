"""Applying a model or thresholds: as in memory, in any box, stopped and gone on with."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from ssbtomo.blocks import Engine
from ssbtomo.errors import CancelledError, InputDataError
from ssbtomo.io import ome_zarr
from ssbtomo.segment import TrainingSample, predict, segment_volume, train
from ssbtomo.segment.application import Place, apply_model, apply_thresholds
from ssbtomo.testing import three_phase_volume

SPACING = (0.02, 0.01, 0.01)
PHASES = ("void", "electrolyte", "active")


@pytest.fixture(scope="module")
def made():
    return three_phase_volume((20, 40, 44), seed=3)


@pytest.fixture(scope="module")
def model(made):
    return train(TrainingSample(made.image, made.scribbles(0.05), SPACING), PHASES, trees=4)


def read(path):
    return ome_zarr.open_array(path)[...]


@pytest.mark.parametrize("window", [None, (slice(3, 17), slice(0, 33), slice(11, 44))])
def test_a_model_gives_what_it_predicts_in_memory(made, model, tmp_path, window):
    wanted = predict(made.image, model, SPACING, window=window)
    told = []
    with Engine.start("threads", 2) as engine:
        found = apply_model(
            made.image, model, SPACING, Place(tmp_path / "out", window, 16), engine=engine,
            on_block=lambda block, store, done, total: told.append((block, store[block.core], done, total)),
        )  # fmt: skip
    np.testing.assert_array_equal(read(found.labels), wanted.labels)
    np.testing.assert_array_equal(read(found.maps["entropy"]), wanted.entropy)
    for number in range(3):
        np.testing.assert_array_equal(
            read(found.maps[f"probability-{number}"]), wanted.probabilities[number]
        )
    assert [part[2] for part in told] == list(range(1, told[0][3] + 1))
    for block, values, _, _ in told:  # in the volume's coordinates
        here = tuple(
            slice(a.start - s, a.stop - s) for a, s in zip(block.core, found.start, strict=True)
        )
        np.testing.assert_array_equal(values, wanted.labels[here])
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        p.name for p in (found.labels, *found.maps.values())
    }
    store = ome_zarr.multiscale(found.labels)
    assert dict(store.phases) == {"void": 0, "electrolyte": 1, "active": 2}
    assert store.spacing == pytest.approx(SPACING)


def test_stopped_it_leaves_nothing_half_written_and_goes_on(made, model, tmp_path, monkeypatch):
    from ssbtomo.blocks import classify as module

    place, cancel, seen = Place(tmp_path / "out", block=16), threading.Event(), []

    def told(block, store, done, total):
        seen.append(block.index)
        if done == 4:
            cancel.set()

    with pytest.raises(CancelledError):
        apply_model(made.image, model, SPACING, place, engine=Engine(cancel=cancel), on_block=told)
    assert not (tmp_path / "out" / "phases.ome.zarr").exists()
    real, done_again = module._run, []
    monkeypatch.setattr(
        module,
        "_run",
        lambda block, **parts: (done_again.append(block.index), real(block, **parts))[1],
    )
    again = []
    found = apply_model(
        made.image, model, SPACING, place, on_block=lambda block, *_: again.append(block.index)
    )
    assert again[:4] == seen[:4]  # what was finished is shown first
    assert len(again) == 18
    assert len(done_again) == 14
    np.testing.assert_array_equal(read(found.labels), predict(made.image, model, SPACING).labels)
    assert not (tmp_path / "out" / ".unfinished").exists()


def test_blocks_of_another_volume_are_not_taken_over(made, model, tmp_path):
    place, cancel = Place(tmp_path, block=16), threading.Event()
    with pytest.raises(CancelledError):
        apply_model(
            made.image, model, SPACING, place, engine=Engine(cancel=cancel),
            on_block=lambda *_: cancel.set(),
        )  # fmt: skip
    other = made.image[::-1].copy()
    found = apply_model(other, model, SPACING, place)
    np.testing.assert_array_equal(read(found.labels), predict(other, model, SPACING).labels)


@pytest.mark.parametrize("repair", [False, True])
def test_thresholds_give_what_they_give_in_memory(made, tmp_path, repair):
    begin = segment_volume(made.image, SPACING, 3, repair=False)
    thresholds = begin.histogram_thresholds
    wanted = segment_volume(
        made.image, SPACING, 3, method="thresholds", thresholds=thresholds, repair=repair
    )
    told = []
    with Engine.start("threads", 2) as engine:
        found = apply_thresholds(
            made.image, thresholds, PHASES, SPACING, Place(tmp_path, block=16), repair=repair,
            engine=engine, on_block=lambda *part: told.append(part[2:]),
        )  # fmt: skip
    np.testing.assert_array_equal(read(found.labels), wanted.labels)
    assert sorted(told) == [(n, 18) for n in range(1, 19)]
    assert [p.name for p in tmp_path.iterdir()] == ["phases.ome.zarr"]


def test_a_box_of_thresholds_lies_where_it_was_asked_for(made, tmp_path):
    window = (slice(2, 12), slice(5, 40), slice(8, 44))
    begin = segment_volume(made.image, SPACING, 3, repair=False)
    found = apply_thresholds(
        made.image, begin.histogram_thresholds, PHASES, SPACING, Place(tmp_path, window, 16),
        repair=False,
    )  # fmt: skip
    assert found.start == (2, 5, 8)
    np.testing.assert_array_equal(read(found.labels), begin.labels[window])


def test_bad_requests_are_explained(made, model, tmp_path):
    with pytest.raises(InputDataError, match=r"the box .* is empty"):
        apply_model(made.image, model, SPACING, Place(tmp_path, (slice(5, 5),) * 3))
    with pytest.raises(InputDataError, match="more than a factor of 2"):
        apply_model(made.image, model, (1.0, 1.0, 1.0), Place(tmp_path))
    with pytest.raises(InputDataError, match="3 classes need 2 thresholds"):
        apply_thresholds(made.image, [3.0], PHASES, SPACING, Place(tmp_path))
    assert not (tmp_path / "phases.ome.zarr").exists()
