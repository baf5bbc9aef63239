"""Surfaces from the blur of the labels: where the answer is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ssbtomo.blocks import Grid
from ssbtomo.kernels.filters import gaussian
from ssbtomo.kernels.refine import refine, refine_halo
from ssbtomo.kernels.repair import nearby_phases

MEANS = np.float32([0, 100, 200])
NO_LIFT = np.zeros((4, 4), np.float32)
BLUR = (1.2, 1.2, 1.2)


def ball(radius, size=24):
    z, y, x = np.indices((size, size, size)) - (size - 1) / 2
    return z**2 + y**2 + x**2 <= radius**2


def step(smooth, labels, lifts=NO_LIFT, blur=BLUR):
    return refine((smooth, labels, nearby_phases(labels, (3, 3, 3))), MEANS, lifts, blur)


@pytest.mark.parametrize("dark", [True, False])
def test_a_small_ball_gets_back_what_half_way_took(dark):
    inside, outside = (0.0, 200.0) if dark else (200.0, 0.0)
    true = ball(4.6)
    smooth = gaussian(np.where(true, inside, outside), BLUR)
    half = (smooth < 100) == dark
    start = np.where(half == dark, 129, 131).astype(np.uint8)
    moved, changed = step(smooth, start)
    found = (moved == (129 if dark else 131)).sum()
    assert changed > 0
    # sigma²/R is 0.3 voxels: half-way loses a fifth of the volume, and one step the most of it.
    assert half.sum() < 0.86 * true.sum()
    assert found == pytest.approx(true.sum(), rel=0.06)


def test_true_labels_of_a_flat_surface_rest():
    labels = np.full((40, 6, 6), 129, np.uint8)
    labels[20:] = 131
    smooth = gaussian(np.where(labels == 129, 0.0, 200.0), BLUR)
    assert step(smooth, labels)[1] == 0


def test_a_halo_is_enough():
    rng = np.random.default_rng(0)
    blur = (0.6, 0.5, 0.7)
    smooth = gaussian(rng.normal(100, 400, (40, 24, 23)), (1.5, 1.5, 1.5))
    labels = (129 + (smooth > 70) + (smooth > 130)).astype(np.uint8)
    nearby = nearby_phases(labels, (3, 3, 3))
    whole, changed = step(smooth, labels, blur=blur)
    assert changed > 0
    for block in Grid(smooth.shape, (15, 12, 9)):
        halo = refine_halo(blur)
        window = block.window(halo, halo)
        parts = smooth[window].copy(), labels[window].copy(), nearby[window].copy()
        moved, _ = refine(parts, MEANS, NO_LIFT, blur, inner=block.inner(halo))
        np.testing.assert_array_equal(moved, whole[block.core])


def test_seeds_stay_and_no_film_grows():
    labels = np.uint8([[[1, 1, 129, 131, 3, 3]]])
    middle = np.uint8([[[1, 129, 130, 131, 3, 3]]])
    wrong = np.float32([[[100] * 6]])
    moved, _ = step(wrong, labels)
    assert moved[labels < 128].tolist() == labels[labels < 128].tolist()
    assert not (moved == 130).any()
    moved, _ = step(wrong, middle)
    assert (moved == 130).sum() <= 1


def test_a_lift_moves_surfaces_one_way():
    true = ball(6)
    smooth = gaussian(np.where(true, 0.0, 200.0), BLUR)
    start = np.where(true, 129, 131).astype(np.uint8)
    dark = []
    for lift in (-20, -10, 0, 10, 20):
        lifts = NO_LIFT.copy()
        lifts[1, 3] = lift
        dark.append(step(smooth, start, lifts)[0] == 129)
    assert all((a <= b).all() for a, b in pairwise(dark))
    assert dark[0].sum() < dark[-1].sum()
