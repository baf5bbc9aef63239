"""Training and prediction: the same bits however cut, models that cannot harm, honest errors."""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ssbtomo
from ssbtomo.blocks import Engine
from ssbtomo.errors import FormatError, InputDataError
from ssbtomo.kernels.feature_list import Feature
from ssbtomo.segment import TrainingSample, VoxelModel, predict, train
from ssbtomo.segment.feature_sets import fibsem_features
from ssbtomo.segment.prediction import ready_for
from ssbtomo.testing import pore_back_volume, three_phase_volume

SPACING = (0.02, 0.01, 0.01)
PHASES = ("void", "electrolyte", "active")


@pytest.fixture(scope="module")
def made():
    return three_phase_volume((20, 40, 44), seed=3)


@pytest.fixture(scope="module")
def model(made):
    features = (
        *fibsem_features(SPACING)[:16],
        Feature("distance", axis=0, lag=0.2),
        Feature.of("hessian", 0.01),
        Feature.of("structure", 0.01, integration=0.02),
    )
    sample = TrainingSample(made.image, made.scribbles(0.05), SPACING)
    return train(sample, PHASES, features=features, trees=8, depth=8)


@pytest.fixture(scope="module")
def whole(made, model):
    return predict(made.image, model, SPACING)


def same(one, other):
    for name in ("labels", "probabilities", "entropy"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@settings(max_examples=4)
@given(st.integers(9, 33), st.integers(1, 3))
def test_no_cut_and_no_number_of_workers_changes_a_bit(made, model, whole, block, workers):
    with Engine.start("threads", workers) as engine:
        same(predict(made.image, model, SPACING, block=block, engine=engine), whole)


@settings(max_examples=6)
@given(st.data())
def test_a_window_holds_the_bits_of_the_whole(made, model, whole, data):
    cut = [sorted(data.draw(st.lists(st.integers(0, n), min_size=2, max_size=2, unique=True)))
           for n in made.image.shape]  # fmt: skip
    window = tuple(slice(a, b) for a, b in cut)
    found = predict(made.image, model, SPACING, window=window)
    np.testing.assert_array_equal(found.labels, whole.labels[window])
    np.testing.assert_array_equal(found.entropy, whole.entropy[window])


def test_a_crop_is_the_whole_inside_its_halo(made):
    sample = TrainingSample(made.image, made.scribbles(0.05), (0.01,) * 3)
    features = [Feature.of("intensity"), Feature.of("gaussian", 0.01), Feature.of("log", 0.01)]
    model = train(sample, PHASES, features=features, trees=8)
    ready, _ = ready_for(model, (made.image,), (0.01,) * 3)
    far = ready.reach(made.image.shape)
    found = predict(made.image, model, (0.01,) * 3)
    crop = (slice(2, 20), slice(5, 40), slice(3, 41))
    cropped = predict(made.image[crop], model, (0.01,) * 3)
    inside = tuple(slice(f, n - f) for f, n in zip(far, cropped.labels.shape, strict=True))
    assert cropped.labels[inside].size > 500
    np.testing.assert_array_equal(found.labels[crop][inside], cropped.labels[inside])


@pytest.mark.parametrize("shape", [(1, 30, 33), (5, 1, 40), (2, 3, 1), (30, 4, 2)])
@pytest.mark.parametrize("rule", ["forest", "logistic"])
def test_thin_volumes_are_classified_and_no_cut_changes_them(shape, rule):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 200, shape).astype(np.uint16)
    labels = np.digitize(image, [60, 130]) + 1
    labels[rng.random(shape) < 0.3] = 0
    labels.flat[:3] = 1, 2, 3
    model = train(TrainingSample(image, labels, SPACING), PHASES, rule=rule, trees=5)
    found = predict(image, model, SPACING)
    assert found.labels.shape == shape
    same(predict(image, model, SPACING, block=3), found)


def test_labels_are_the_first_of_the_most_probable_and_shares_sum_to_one(whole):
    total = whole.probabilities.astype(int).sum(0)
    assert abs(total - 255).max() <= 1  # three roundings
    most = whole.probabilities.max(0)
    chosen = np.take_along_axis(whole.probabilities, whole.labels[None].astype(int), 0)[0]
    np.testing.assert_array_equal(chosen, most)
    assert sum(whole.fractions) == pytest.approx(1)
    assert whole.entropy[most == 255].max(initial=0) == 0


def test_three_phases_are_found(made):
    model = train(TrainingSample(made.image, made.scribbles(0.05), (0.01,) * 3), PHASES)
    found = predict(made.image, model, (0.01,) * 3)
    for label in range(3):
        one, two = found.labels == label, made.labels == label
        dice = 2 * np.count_nonzero(one & two) / (np.count_nonzero(one) + np.count_nonzero(two))
        assert dice > 0.94  # 0.965 and more on the benchmark's larger volumes
    assert model.scores["by_slice"]["accuracy"] > 0.9
    told = pd.DataFrame(model.scores["reliability"])
    assert (told["voxels"] > 0).all()
    for kind, key in (("voxels", "out_of_bag"), ("slices", "by_slice")):
        rows = told[told["left_out"] == kind]
        scored = np.asarray(model.scores[key]["confusion"])
        assert rows["voxels"].sum() == scored.sum()
        right = (rows["accuracy"] * rows["voxels"]).sum()
        assert right == pytest.approx(np.trace(scored))  # the same voxels, sorted otherwise


def test_shine_through_needs_lags():
    made = pore_back_volume((40, 64, 64), seed=1)
    sample = TrainingSample(made.image, made.scribbles(0.03), (0.01,) * 3)
    error = {}
    for features in ("default", "fib-sem"):
        model = train(sample, PHASES, features=features, scores=False)
        void = np.count_nonzero(predict(made.image, model, (0.01,) * 3).labels == 0)
        error[features] = abs(void / np.count_nonzero(made.labels == 0) - 1)
    assert error["fib-sem"] < 0.05  # below 0.02 on 80 x 192 x 192


def test_training_is_repeatable_and_several_samples_join(made, model, tmp_path):
    parts = [
        TrainingSample(made.image[:10], made.scribbles(0.05)[:10], SPACING),
        TrainingSample(made.image[10:], made.scribbles(0.05)[10:], SPACING),
    ]
    files = []
    for number in range(2):
        trained = train(parts, PHASES, trees=4)
        files.append(trained.save(tmp_path / f"{number}.ssbmodel").read_bytes())
    assert files[0] == files[1]
    assert trained.training["samples"] == 2
    assert trained.scores["slices"] == 3


def test_companions_are_looked_at(made):
    rng = np.random.default_rng(0)
    blind = rng.integers(0, 255, made.image.shape).astype(np.uint8)
    features = [Feature.of("intensity"), Feature.of("gaussian", 0.01, channel=1)]
    sample = TrainingSample(blind, made.scribbles(0.05), SPACING, [made.image])
    model = train(sample, PHASES, features=features, settle=False)
    found = predict(blind, model, SPACING, companions=[made.image])
    assert np.mean(found.labels == made.labels) > 0.85  # smoothed grey alone
    with pytest.raises(InputDataError, match="2 channels"):
        predict(blind, model, SPACING)
    with pytest.raises(InputDataError, match="channel 1"):
        predict(blind, model, SPACING, companions=[made.image[:5]])


def test_a_model_file_gives_the_same_bits(made, model, whole, tmp_path):
    again = VoxelModel.load(model.save(tmp_path / "m.ssbmodel"))
    same(predict(made.image, again, SPACING), whole)
    same(predict(made.image, tmp_path / "m.ssbmodel", SPACING), whole)
    assert again.scores == model.scores
    assert again.training == model.training


def test_phases_may_be_named_in_another_order(made, model, whole):
    turned = predict(made.image, model.ordered(("active", "void", "electrolyte")), SPACING)
    np.testing.assert_array_equal(turned.probabilities, whole.probabilities[[2, 0, 1]])
    with pytest.raises(InputDataError, match="lithium"):
        model.ordered(("void", "electrolyte", "lithium"))


def test_the_grey_values_of_sections_go_with_their_phases(made, tmp_path):
    sections = TrainingSample(made.image, made.scribbles(0.05), SPACING, sections=True)
    model = train(sections, PHASES, features="default", trees=4, depth=6, scores=False)
    assert np.argsort(model.settling.greys).tolist() == [0, 1, 2]
    assert VoxelModel.load(model.save(tmp_path / "m.ssbmodel")).settling == model.settling
    turned = model.ordered(("active", "void", "electrolyte"))
    assert turned.settling.greys == tuple(model.settling.greys[k] for k in (2, 0, 1))
    whole = predict(made.image, model, SPACING)
    again = predict(made.image, turned, SPACING, block=17)
    np.testing.assert_array_equal(again.probabilities, whole.probabilities[[2, 0, 1]])
    both = [sections, replace(sections, sections=False)]
    assert train(both, PHASES, trees=4, depth=6, scores=False).settling.greys == ()


def test_other_voxels_are_converted_with_a_note_or_refused(made, model):
    assert predict(made.image, model, SPACING).notes == ()
    (note,) = predict(made.image, model, (0.03, 0.01, 0.01)).notes
    assert "30 nm" in note
    with pytest.raises(InputDataError, match="factor of 2"):
        predict(made.image, model, (0.02, 0.01, 0.03))


def test_other_types_are_converted_with_a_note_or_refused(made, model, whole):
    found = predict(made.image.astype(np.float32), model, SPACING)
    assert "uint8" in found.notes[0]
    same(found, whole)
    with pytest.raises(InputDataError, match="trained on uint8"):
        predict(made.image.astype(np.uint16) * 257, model, SPACING)
    (note,) = predict(255 - made.image // 8, model, SPACING).notes
    assert "not like the training" in note


def test_a_voxel_that_is_no_number_is_named(made, model):
    image = made.image.astype(np.float32)
    image[3, 4, 5] = np.nan
    with pytest.raises(InputDataError, match=r"\(3, 4, 5\)"):
        predict(image, model, SPACING)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros((20, 40, 44), int), "no labelled voxel"),
        (np.ones((20, 40, 44), int), "labelled as phase 2"),
        (np.full((20, 40, 44), 7), "values"),
        (np.ones((20, 40, 4), int), "shape"),
        (np.ones((20, 40, 44)), "integers"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(made, labels, said):
    with pytest.raises(InputDataError, match=said):
        train(TrainingSample(made.image, labels, SPACING), PHASES)


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


def entries(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def test_files_that_are_no_models_are_refused(model, tmp_path):
    path = tmp_path / "m.ssbmodel"
    model.save(path)
    good = path.read_bytes()
    step = max(len(good) // 60, 1)
    for cut in [*range(0, len(good), step), len(good) - 1]:
        path.write_bytes(good[:cut])
        with pytest.raises(FormatError):
            VoxelModel.load(path)
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(FormatError):
        VoxelModel.load(path)
    np.savez(tmp_path / "x.npz", a=np.arange(3))
    with pytest.raises(FormatError):
        VoxelModel.load(tmp_path / "x.npz")
    with pytest.raises(FormatError, match="no model file"):
        VoxelModel.load(tmp_path / "absent")


def npy(array):
    import io

    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def test_pickles_and_lying_arrays_inside_are_refused(model, tmp_path):
    content = entries(model.save(tmp_path / "m.ssbmodel"))
    huge = content["shares.npy"].replace(b"'shape': (", b"'shape': (9999999")
    for name, data in (
        ("row.npy", npy(np.array([Bomb()], object))),
        ("row.npy", npy(np.arange(3.0))),
        ("shares.npy", huge),
        ("shares.npy", b""),
        ("model.json", b"[]"),
        ("model.json", b"{" * 100_000),
    ):
        path = rewritten(tmp_path / "bad.ssbmodel", {**content, name: data})
        with pytest.raises(FormatError):
            VoxelModel.load(path)
    bomb = rewritten(tmp_path / "zip.ssbmodel", content, zipfile.ZIP_DEFLATED)
    with pytest.raises(FormatError, match="stored"):
        VoxelModel.load(bomb)


@pytest.mark.parametrize(
    ("name", "index", "value"),
    [
        ("child", 0, 10**6),
        ("child", 0, -1),
        ("child", 0, 0),
        ("child", 3, 1),
        ("feature", 0, 99),
        ("feature", 0, -1),
        ("row", -1, 10**6),
        ("roots", 1, 2),
        ("roots", 0, 1),
        ("depths", 0, 10**8),
        ("threshold", 0, np.nan),
        ("threshold", -1, 0),
        ("shares", (0, 0), 2),
        ("shares", (0, 0), np.nan),
    ],
)
def test_trees_that_would_leave_their_arrays_are_refused(model, tmp_path, name, index, value):
    array = getattr(model.rule, name).copy()
    array[index] = value
    bad = replace(model, rule=replace(model.rule, **{name: array}))
    with pytest.raises(FormatError):
        VoxelModel.load(bad.save(tmp_path / "bad.ssbmodel"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 99),
        ("kind", "other"),
        ("rule", "neural"),
        ("phases", ["one"]),
        ("phases", ["void", "void", "active"]),
        ("phases", [1, 2, 3]),
        ("features", []),
        ("features", [{"family": "intensity"}]),
        ("spacing_um", [1, 1]),
        ("spacing_um", [1, 1, 0]),
        ("spacing_um", ["a", 1, 1]),
        ("levels", [[0, 0]]),
        ("levels", []),
        ("levels", 3),
        ("dtype", "object"),
        ("dtype", {}),
        ("settling", {"reach": 1}),
        ("settling", {"reach": -1, "scale": 1, "steep": 1, "support": 0.2}),
        ("settling", {"reach": 1, "scale": 1, "steep": 1, "greys": [0, 1]}),
        ("settling", {"reach": 1, "scale": 1, "steep": 1, "greys": ["dark", 1, 2]}),
        ("settling", []),
        ("scores", []),
        ("scores", {"phases": ["a"]}),
        ("scores", {"phases": ["void", "electrolyte", "active"], "by_slice": {"confusion": 1}}),
        ("scores", {"phases": ["void", "electrolyte", "active"], "reliability": {"voxels": [1]}}),
        ("scores", {"phases": ["void", "electrolyte", "active"], "reliability": 3}),
        ("training", {}),
        ("training", {"labelled": {"void": "many"}}),
    ],
)
def test_headers_that_make_no_sense_are_refused(model, tmp_path, key, value):
    content = entries(model.save(tmp_path / "m.ssbmodel"))
    header = json.loads(content["model.json"])
    header[key] = value
    content["model.json"] = json.dumps(header).encode()
    with pytest.raises(FormatError):
        VoxelModel.load(rewritten(tmp_path / "bad.ssbmodel", content))


def test_the_verbs_are_in_the_library():
    assert {"train", "predict", "VoxelModel"} <= set(dir(ssbtomo.segment))
