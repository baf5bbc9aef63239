"""The predictors are scikit-learn's, to the bit for forests."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from ssbtomo.kernels.forest import entropy_table, quantised
from ssbtomo.segment.learning import Learner, flattened


def labelled(classes, count=400, features=5, seed=0):
    rng = np.random.default_rng(seed)
    looks = rng.integers(-4, 5, (count, features)).astype(np.float32) / 3  # many equal values
    labels = (
        np.digitize(looks[:, 0] + looks[:, 1] * rng.normal(1, 0.3, count), [-0.5, 0.5])
    ) % classes
    return looks, labels.astype(np.intp)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("depth", [1, 4, 12])
def test_forest_equals_scikit_learns(classes, depth):
    looks, labels = labelled(classes)
    forest = RandomForestClassifier(
        9, max_depth=depth, min_samples_leaf=2, class_weight="balanced", random_state=1, n_jobs=1
    ).fit(looks, labels)
    unseen = np.random.default_rng(5).uniform(-2, 2, (1000, looks.shape[1])).astype(np.float32)
    for values in (looks, unseen):
        found = flattened(forest).probabilities(np.ascontiguousarray(values.T))
        np.testing.assert_array_equal(found, forest.predict_proba(values))
        np.testing.assert_array_equal(found.argmax(1), forest.predict(values))


def test_values_on_a_threshold_go_where_scikit_learn_sends_them():
    looks, labels = labelled(3)
    forest = RandomForestClassifier(9, max_depth=6, random_state=1, n_jobs=1).fit(looks, labels)
    for tree in forest.estimators_:
        inner = tree.tree_.feature >= 0
        edges = tree.tree_.threshold[inner].astype(np.float32)
        near = np.concatenate([edges, np.nextafter(edges, -9), np.nextafter(edges, 9)])
        values = np.repeat(near[:, None], looks.shape[1], axis=1)
        found = flattened(forest).probabilities(np.ascontiguousarray(values.T))
        np.testing.assert_array_equal(found, forest.predict_proba(values))


def test_how_voxels_are_cut_changes_no_bit():
    looks, labels = labelled(3)
    for rule in ("forest", "logistic"):
        learnt = Learner(rule, 7, 5).fit(looks, labels, 3).rule
        whole = learnt.probabilities(np.ascontiguousarray(looks.T))
        parts = [
            learnt.probabilities(np.ascontiguousarray(looks[a : a + 37].T))
            for a in range(0, 400, 37)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_is_scikit_learns(classes):
    looks, labels = labelled(classes)
    found = Learner("logistic").fit(looks, labels, classes).rule
    values = looks.astype(float)
    scaled = (values - values.mean(0)) / values.std(0)
    model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(scaled, labels)
    np.testing.assert_allclose(
        found.probabilities(np.ascontiguousarray(looks.T)),
        model.predict_proba(scaled),
        atol=1e-9,  # weights are folded into those of the raw features: rounding of sums only
    )


def test_steps_of_probability_round_halves_up():
    np.testing.assert_array_equal(
        quantised(np.array([0, 0.5, 1, 0.5 / 255, 0.4999 / 255])), [0, 128, 255, 1, 0]
    )


def test_entropy_is_none_where_certain_and_full_where_all_are_equal():
    table = entropy_table(3)
    assert table[0] == table[255] == 0
    assert 3 * table[85] == pytest.approx(255)  # 85 / 255 is a third


def test_drawn_voxels_are_even_among_the_phases():
    labels = np.repeat([0, 1, 2], [100_000, 90_000, 500])
    chosen = labels[Learner().drawn(labels, 3)]
    assert np.bincount(chosen).tolist() == [29_750, 29_750, 500]
