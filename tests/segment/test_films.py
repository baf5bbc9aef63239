"""Films between dark and bright: real ones stay, those that blur makes go."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from ssbtomo.segment import repair_partial_volume

GREYS = np.array([1000.0, 2500.0, 4000.0])
FLAT = (slice(2, -2), slice(2, 26))  # away from the block of the middle phase


def _film(width, blur, seed=0):
    """Dark | film | bright along x, with a block of the middle phase beside it."""
    across = np.arange(48)
    labels = np.empty((24, 48, 48), np.uint8)
    labels[:] = np.where(across < 20, 0, np.where(across < 20 + width, 1, 2))
    labels[:, 34:] = 1
    image = ndi.gaussian_filter(GREYS[labels], blur, mode="nearest")
    return image + np.random.default_rng(seed).normal(0, 120, labels.shape)


@pytest.mark.parametrize("blur", [0.7, 1.0, 1.5])
def test_films_wider_than_the_stated_limit_stay_and_blur_goes(blur):
    for width in range(7):
        found = repair_partial_volume(_film(width, blur), (1.0, 1.0, 1.0), 3)
        kept = float((found.labels[FLAT] == 1).sum()) / (20 * 24)
        if width > found.film_limit_voxels:
            assert kept == pytest.approx(width, abs=0.3)  # a third of a voxel: noise
        if width == 0:
            assert kept < 0.05
    assert 3.0 <= found.film_limit_voxels < 6.0


def test_the_limit_is_told_only_where_films_are_repaired():
    from ssbtomo.segment import multi_otsu

    assert np.isnan(multi_otsu(_film(3, 0.7), 3).film_limit_voxels)
