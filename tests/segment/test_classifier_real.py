"""The classifier on real images with labels; skipped where they are absent."""

from __future__ import annotations

import numpy as np
import tifffile

from ssbtomo.segment import TrainingSample, predict, train

NANOMETRES = (0.0184,) * 3


def overlaps(found, truth, classes=3):
    return [
        np.count_nonzero((found == k) & (truth == k))
        / np.count_nonzero((found == k) | (truth == k))
        for k in range(classes)
    ]


def test_a_nickel_ysz_electrode_is_found_from_three_slices(real_volumes):
    folder = real_volumes / "soc_electrode"
    box = (slice(40, 80), slice(0, 160), slice(0, 160))
    grey = tifffile.imread(folder / "grey_128x256x256_u16.tif")[box]
    truth = tifffile.imread(folder / "labels_128x256x256_u8.tif")[box] // 127
    marks = np.zeros(grey.shape, np.uint8)
    rng = np.random.default_rng(0)
    for z in (6, 20, 34):
        here = rng.random(grey.shape[1:]) < 0.02
        marks[z][here] = truth[z][here] + 1
    model = train(TrainingSample(grey, marks, NANOMETRES), ("pore", "ysz", "nickel"))
    found = predict(grey, model, NANOMETRES)
    # The whole volume gives 0.974 and more; a part has more of its voxels near its faces.
    assert min(overlaps(found.labels, truth)) > 0.955
    assert model.scores["by_slice"]["accuracy"] > 0.96


def test_a_micrograph_is_one_slice(real_volumes):
    folder = real_volumes / "sem_2d"
    values = [85, 170, 255]
    grey = tifffile.imread(folder / "0.tif")[None]
    marks = np.searchsorted([0, *values], tifffile.imread(folder / "0_labels.tif"))[None]
    truth = np.searchsorted(values, tifffile.imread(folder / "0_ground_truth.tif"))[None]
    model = train(TrainingSample(grey, marks, (0.01,) * 3), ("matrix", "dark", "specks"))
    found = predict(grey, model, (0.01,) * 3)
    # 0.742 here, 0.63 if strokes do not grow to the edges they avoid; other versions of
    # scikit-learn draw other trees. Another tool's bar on this image is 0.55.
    assert np.mean(overlaps(found.labels, truth)) > 0.70
