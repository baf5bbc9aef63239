"""Scribbles that grow to edges: laws of the growth, and what a forest gains."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from ssbtomo.blocks import Engine
from ssbtomo.errors import InputDataError
from ssbtomo.segment import TrainingSample, predict, train
from ssbtomo.segment.growth import missing_lessons
from ssbtomo.segment.learning import Lessons

SPACING = (0.02, 0.01, 0.01)
PHASES = ("dark", "bright")


def ramps(shape=(6, 60, 64), noise=0.0, seed=0):
    """A bright slab between dark ones, blurred by four voxels: its edges lie at x = 20 and 44."""
    grey = np.full(shape, 50.0)
    grey[:, :, 20:44] = 150.0
    rng = np.random.default_rng(seed)
    image = ndi.gaussian_filter(grey, (0, 0, 4)) + rng.normal(0, noise, shape)
    return np.rint(image).astype(np.uint8), (grey > 100).astype(np.uint8)


def strokes(shape, axis=0):
    """A stroke in the middle of each phase; that of the dark one goes up into the ramp."""
    marks = np.zeros(shape, np.uint8)
    place = [shape[0] // 2, slice(10, 50), slice(None)]
    if axis == 1:
        place = [slice(None), shape[1] // 2, slice(None)]
    marks[(*place[:2], slice(2, 6))] = 1
    marks[(*place[:2], 17)] = 1
    marks[(*place[:2], slice(31, 33))] = 2
    return marks


def test_edges_are_found_where_no_stroke_was():
    image, truth = ramps(noise=3.0)
    sample = TrainingSample(image, strokes(image.shape), SPACING)
    wrong = {}
    for grow in (False, True):
        model = train(sample, PHASES, grow=grow, settle=False, trees=20)
        wrong[grow] = np.mean(predict(image, model, SPACING).labels != truth)
    assert wrong[True] < 0.5 * wrong[False]
    assert wrong[True] < 0.02  # one voxel on either edge would be 0.03


def test_what_grew_is_told_and_never_more_than_was_labelled():
    image, _ = ramps(noise=3.0)
    marks = strokes(image.shape)
    model = train(TrainingSample(image, marks, SPACING), PHASES, trees=5)
    count = np.count_nonzero(marks)
    assert 0 < model.training["grown"] <= count  # at most what the labels lack
    assert model.training["used"] == count
    scored = np.sum(model.scores["out_of_bag"]["confusion"])
    assert scored <= count  # what grew is learnt from, but no truth to score by
    assert train(TrainingSample(image, marks, SPACING), PHASES, grow=False).training["grown"] == 0
    quick = train(TrainingSample(image, marks, SPACING), PHASES, rule="logistic")
    assert quick.training["grown"] == 0


@pytest.mark.parametrize("axis", [0, 1])
def test_it_grows_in_the_annotated_slices_whatever_runs_the_tasks(axis, tmp_path):
    image, _ = ramps((20, 60, 64), noise=2.0)
    sample = TrainingSample(image, strokes(image.shape, axis), SPACING)
    alone = train(sample, PHASES, trees=4).save(tmp_path / "one.ssbmodel").read_bytes()
    with Engine.start("threads", 2) as engine:
        model = train(sample, PHASES, trees=4, engine=engine)
    assert model.training["grown"] > 0
    assert model.save(tmp_path / "two.ssbmodel").read_bytes() == alone


def test_a_rare_phase_is_scored_out_of_bag():
    rng = np.random.default_rng(0)
    image = rng.normal(50, 3, (1, 80, 80))
    image[0, 40:44, 40:44] = 200
    marks = np.zeros(image.shape, np.uint8)
    marks[0, :40] = 1
    marks[0, 41:43, 41:43] = 2
    model = train(TrainingSample(image.astype(np.uint8), marks, SPACING), PHASES, grow=False)
    assert np.sum(model.scores["out_of_bag"]["confusion"][1]) == 4


def test_scales_of_a_micrograph_are_those_in_its_plane():
    image, _ = ramps((1, 60, 64))
    marks = strokes(image.shape)
    models = [
        train(TrainingSample(image, marks, (dz, 0.01, 0.01)), PHASES, trees=2) for dz in (0.01, 1.0)
    ]
    assert models[0].features == models[1].features


def ground(on_edges, deep):
    """A thousand voxels, every second on an edge, of which so many of each kind are labelled."""
    depth = np.tile(np.array([1, 4], np.int8), 500)
    marked = np.zeros(1000, bool)
    marked[: 2 * on_edges : 2] = True
    marked[1 : 1 + 2 * deep : 2] = True
    looks = np.arange(1000, dtype=np.float32)[:, None]
    return Lessons(looks, np.zeros(1000, np.intp), np.zeros(1000, np.intp)), depth, marked


@pytest.mark.parametrize(("on_edges", "deep", "lacking"), [(0, 100, 50), (30, 70, 20), (50, 50, 0)])
def test_what_labels_lack_on_edges_is_drawn(on_edges, deep, lacking):
    everything, depth, marked = ground(on_edges, deep)
    drawn = missing_lessons(everything, depth, marked).looks[:, 0].astype(int)
    assert drawn.size == lacking
    assert not drawn.size or (depth[drawn].max() == 1 and not marked[drawn].any())
    assert missing_lessons(everything, depth, marked, times=2.0).labels.size == 2 * lacking


def test_nothing_is_drawn_on_level_ground_nor_of_a_class_without_labels():
    everything, depth, marked = ground(0, 100)
    assert missing_lessons(everything, -depth, marked).labels.size == 0
    everything.labels[600:] = 1
    assert set(missing_lessons(everything, depth, marked).labels.tolist()) == {0}


def test_more_phases_than_seeds_are_refused():
    image = np.repeat(np.arange(15, dtype=np.uint8) * 16, 8)[None, None, :].repeat(20, 1)
    marks = np.zeros(image.shape, np.uint8)
    marks[0, 10] = np.arange(120) // 8 + 1
    with pytest.raises(InputDataError, match="15 phases are too many"):
        train(TrainingSample(image, marks, SPACING), [f"p{k}" for k in range(15)])
