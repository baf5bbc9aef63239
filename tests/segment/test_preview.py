"""The preview of a slice: the features of the volume, at the price of one slice."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.blocks import Block, Engine, Grid
from ssbtomo.blocks.classify import features_at, features_in
from ssbtomo.errors import InputDataError
from ssbtomo.segment import TrainingSample, train
from ssbtomo.segment.preview import SlicePreview, slice_block, slice_uncertainty
from ssbtomo.segment.scribbles import Scribbles, scribbles_from_labels
from ssbtomo.testing import three_phase_volume

SPACING = (0.02, 0.01, 0.01)


@pytest.fixture(scope="module")
def made():
    return three_phase_volume((20, 44, 300), seed=3)


@pytest.fixture(scope="module")
def marks(made):
    return scribbles_from_labels(made.scribbles(0.05), range(1, 4))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_features_of_a_slice_are_those_of_the_volume(made, axis):
    preview = SlicePreview(made.image, SPACING)
    block = slice_block(made.image.shape, axis, 7)
    found = preview._slice(axis, 7)
    assert found.shape[1:] == block.shape
    places = np.argwhere(np.ones(block.shape)) + np.asarray(block.start)
    places = places[:: max(len(places) // 60, 1)]
    z, y, x = (min(n, 64) for n in made.image.shape)
    wanted = features_at(
        preview.sources, places, Grid(made.image.shape, (z, y, x)), Engine(), preview.classifier
    )
    here = tuple((places - np.asarray(block.start)).T)
    np.testing.assert_array_equal(found[(slice(None), *here)].T, wanted)


def test_a_box_has_the_same_features_in_many_slabs(made, monkeypatch):
    from ssbtomo.blocks import classify as module

    preview = SlicePreview(made.image, SPACING)
    box = Block((0, 0, 0), (3, 4, 5), (15, 24, 45), made.image.shape)
    whole = features_in(box, preview.sources, preview.classifier)
    monkeypatch.setattr(module, "_SLAB", 1600)
    np.testing.assert_array_equal(features_in(box, preview.sources, preview.classifier), whole)


def test_a_preview_finds_the_phases(made, marks):
    with Engine.start("threads", 2) as engine:
        view = SlicePreview(made.image, SPACING, engine=engine).view(0, 10, marks, 3)
    right = (view.labels == made.labels[10:11]).mean()
    assert right > 0.85  # logistic regression leaves films; it was 0.93
    assert view.labels.shape == view.entropy.shape == (1, 44, 300)
    assert view.entropy[view.labels != made.labels[10:11]].mean() > view.entropy.mean()


def test_one_after_the_other_or_at_once_the_same(made, marks):
    preview = SlicePreview(made.image, SPACING)
    half = Scribbles(marks.places[::2], marks.labels[::2])
    preview.view(0, 3, half, 3)
    preview.view(1, 20, marks, 3)
    later = preview.view(0, 10, marks, 3)
    at_once = SlicePreview(made.image, SPACING).view(0, 10, marks, 3)
    np.testing.assert_array_equal(later.labels, at_once.labels)
    np.testing.assert_array_equal(later.entropy, at_once.entropy)


def test_phases_without_labels_are_left_out(made, marks):
    kept = marks.labels != 1
    view = SlicePreview(made.image, SPACING).view(
        0, 5, Scribbles(marks.places[kept], marks.labels[kept]), 3
    )
    assert set(np.unique(view.labels).tolist()) == {0, 2}
    assert view.rule.classes == 3


def test_too_little_is_asked_for(made, marks):
    preview = SlicePreview(made.image, SPACING)
    kept = marks.labels == 1
    with pytest.raises(InputDataError, match="labels of two phases"):
        preview.view(0, 5, Scribbles(marks.places[kept], marks.labels[kept]), 3)
    with pytest.raises(InputDataError, match="has no phase"):
        preview.view(0, 5, marks, 2)
    with pytest.raises(InputDataError, match="slice 20 across axis 0"):
        preview.view(0, 20, marks, 3)


def test_a_noisy_slice_is_the_most_uncertain(made, marks):
    image = made.image.copy()
    grey = np.random.default_rng(0).integers(int(image.min()), int(image.max()), image[0].shape)
    image[15] = grey.astype(image.dtype)
    sample = TrainingSample(image, marks, SPACING)
    model = train(sample, ("a", "b", "c"), rule="logistic", scores=False)
    ready, _ = model.classifier(SPACING)
    found = [slice_uncertainty((image,), ready, 0, z) for z in (2, 6, 15)]
    assert max(found) == found[2]
    assert all(0 <= value <= 1 for value in found)


def test_many_labels_are_thinned_evenly(made):
    everything = scribbles_from_labels(made.labels + 1, range(1, 4))
    view = SlicePreview(made.image, SPACING).view(0, 4, everything, 3)
    assert (view.labels == made.labels[4:5]).mean() > 0.85


class Chunked:
    """A store that counts how often each of its chunks is read."""

    def __init__(self, data, chunks):
        self.data, self.chunks = data, chunks
        self.shape, self.dtype = data.shape, data.dtype
        self.reads = np.zeros([-(-n // c) for n, c in zip(data.shape, chunks, strict=True)], int)

    def __getitem__(self, window):
        cuts = zip(window, self.chunks, strict=True)
        self.reads[tuple(slice(cut.start // c, -(-cut.stop // c)) for cut, c in cuts)] += 1
        return self.data[window]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_store_is_read_once_for_neighbouring_slices(made, axis):
    store = Chunked(made.image, (8, 16, 32))
    with Engine.start("threads", 2) as engine:
        preview = SlicePreview(store, SPACING, engine=engine)
        assert preview.classifier
        before = store.reads.copy()
        plain = SlicePreview(made.image, SPACING)
        for index in (9, 10, 8):
            np.testing.assert_array_equal(preview._slice(axis, index), plain._slice(axis, index))
        assert (store.reads - before).max() == 1
        far = made.image.shape[axis] - 1  # planes that are left behind are read again
        np.testing.assert_array_equal(preview._slice(axis, far), plain._slice(axis, far))
        assert (store.reads - before).max() <= 1 + (axis < 2)
        np.testing.assert_array_equal(preview._slice(axis, 9), plain._slice(axis, 9))


def test_planes_that_would_fill_the_memory_are_not_held_for_their_chunks(made, monkeypatch):
    from ssbtomo.segment import held_planes as module

    monkeypatch.setattr(module, "_MOST", 10 * made.image[0].nbytes)
    held = module.HeldPlanes(Chunked(made.image, (20, 16, 32)), Engine())
    held.hold(0, 4, 11)
    assert held._held[1:] == (4, held._held[2])
    assert held._held[2].shape == (7, *made.image.shape[1:])
    held.hold(0, 6, 30)  # those that are held are not read again; past the end there are none
    np.testing.assert_array_equal(held._held[2], made.image[6:20])
    window = (slice(0, 20), slice(0, 5), slice(2, 9))
    np.testing.assert_array_equal(held[window], made.image[window])


def test_labels_of_slices_that_were_seen_cost_nothing(made, marks, monkeypatch):
    chosen = np.isin(marks.places[:, 0], np.unique(marks.places[:, 0])[:2])
    few = Scribbles(marks.places[chosen], marks.labels[chosen])
    wanted = SlicePreview(made.image, SPACING).view(0, 12, few, 3)
    preview = SlicePreview(made.image, SPACING)
    for z in np.unique(few.places[:, 0]):
        preview._slice(0, int(z))
    monkeypatch.setattr("ssbtomo.segment.preview.features_at", None)
    found = preview.view(0, 12, few, 3)
    np.testing.assert_array_equal(found.labels, wanted.labels)
