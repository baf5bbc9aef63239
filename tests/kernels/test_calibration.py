"""Class probabilities against the truth: confusion, reliability, temperature, entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.calibration import (
    best_temperature,
    class_confusion,
    confusion_by_slice,
    entropy,
    reliability,
    reliability_table,
    tempered,
)


def drawn(seed: int = 0, count: int = 40_000):
    """Probabilities of three classes, and a truth that follows them."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet([0.7, 0.7, 0.7], count)
    truth = (rng.random(count)[:, None] > np.cumsum(shares, axis=1)).sum(axis=1)
    return np.minimum(truth, 2), shares


def test_confusion_is_that_of_sklearn_and_slices_add():
    from sklearn.metrics import confusion_matrix

    truth, shares = drawn(count=900)
    predicted, slices = shares.argmax(axis=1), np.arange(900) // 300
    whole = class_confusion(truth, predicted, 3)
    np.testing.assert_array_equal(whole, confusion_matrix(truth, predicted))
    parts = confusion_by_slice(truth, predicted, slices, 3)
    assert list(parts) == [0, 1, 2]
    np.testing.assert_array_equal(sum(parts.values()), whole)


def test_probabilities_that_are_right_are_reliable():
    truth, shares = drawn()
    found = reliability(truth, shares)
    # Each bin holds over 1000 voxels: accuracy is known to 1.6 %, three deviations are 5 %.
    np.testing.assert_allclose(found.accuracy, found.confidence, atol=0.05)
    assert found.expected_error < 0.015
    assert best_temperature(truth, shares) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_temperature_is_found_and_mends(temperature):
    truth, shares = drawn()
    wrong = tempered(shares, 1 / temperature)
    found = best_temperature(truth, wrong)
    assert found == pytest.approx(temperature, rel=0.05)
    assert reliability(truth, wrong).expected_error > 0.05
    assert reliability(truth, tempered(wrong, found)).expected_error < 0.02
    np.testing.assert_array_equal(tempered(wrong, found).argmax(axis=1), wrong.argmax(axis=1))


def test_reliability_agrees_with_sklearn_for_two_classes():
    from sklearn.calibration import calibration_curve

    truth, shares = drawn()
    pair = np.stack([shares[:, 0], 1 - shares[:, 0]], axis=1)
    found = reliability((truth > 0).astype(int), pair, bins=5)
    chosen = pair.argmax(axis=1) == (truth > 0)
    right, told = calibration_curve(chosen, 2 * pair.max(axis=1) - 1, n_bins=5)
    np.testing.assert_allclose(found.accuracy, right, atol=1e-3)
    np.testing.assert_allclose(2 * found.confidence - 1, told, atol=1e-3)


def test_entropy_is_zero_for_certainty_and_one_for_none():
    assert entropy(np.array([1.0, 0.0, 0.0])) == 0
    assert entropy(np.array([85, 85, 85], np.uint8)) == pytest.approx(1)
    half = entropy(np.array([[0.5, 0.5, 0.0]]))
    assert half[0] == pytest.approx(math.log(2) / math.log(3))


def test_empty_bins_are_no_numbers():
    found = reliability(np.array([0, 0]), np.array([[0.99, 0.01], [0.98, 0.02]]))
    assert np.isnan(found.accuracy[0])
    assert found.accuracy[-1] == 1
    assert found.columns["voxels"][-1] == 2
    table = reliability_table({"voxels": (np.array([0]), np.array([[0.9, 0.1]]))}, bins=4)
    assert table["left_out"] == ["voxels"] * 4
    assert {len(column) for column in table.values()} == {4}


@pytest.mark.parametrize(
    ("truth", "probabilities"),
    [
        ([0, 1], [[0.5, 0.5]]),
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]]),
        ([0], [[1.5, -0.5]]),
        ([0], [[math.nan, 1.0]]),
    ],
)
def test_bad_input_is_explained(truth, probabilities):
    with pytest.raises(InputDataError):
        reliability(np.array(truth), np.array(probabilities))
    with pytest.raises(InputDataError):
        tempered(np.array([[0.5, 0.5]]), 0.0)
