"""Seeds grown over a height field, against the definition of their keys."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from ssbtomo.kernels.flood import flood, grown_labels

labels_with_gaps = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7),
    elements=st.sampled_from([0, 0, 0, 1, 2, 3]),
)


def flooded(levels, seeds):
    return grown_labels(flood(levels, seeds))


@given(labels_with_gaps, st.integers(0, 2**31))
def test_flooding_keeps_seeds_and_fills_the_rest(seeds, seed):
    levels = np.random.default_rng(seed).integers(0, 4096, seeds.shape).astype(np.uint16)
    labels = flooded(levels, seeds)
    np.testing.assert_array_equal(labels[seeds > 0], seeds[seeds > 0])
    if seeds.any():
        grown = labels[seeds == 0]
        assert (grown > 128).all()
        assert set(np.unique(grown & 127)) <= set(np.unique(seeds))
    else:
        assert not labels.any()


@given(labels_with_gaps, st.integers(0, 2**31))
def test_a_voxel_is_reached_over_the_lowest_pass(seeds, seed):
    # A flood never climbs higher than it must: the pass to the nearest seed of the label given
    # is as low as the lowest pass to any seed.
    if not seeds.any():
        return
    levels = np.random.default_rng(seed).integers(0, 20, seeds.shape).astype(np.uint16)
    labels = flooded(levels, seeds) & 127

    def passes(start):
        height = np.where(start, 0, 10**6)
        cross = ndi.generate_binary_structure(3, 1)
        while True:
            lower = np.minimum(
                height, np.maximum(ndi.grey_erosion(height, footprint=cross), levels)
            )
            if (lower == height).all():
                return height
            height = lower

    best = passes(seeds > 0)
    for phase in np.unique(seeds[seeds > 0]):
        mine = (labels == phase) & (seeds == 0)
        np.testing.assert_array_equal(passes(seeds == phase)[mine], best[mine])


def test_equal_heights_are_shared_fairly():
    seeds = np.zeros((1, 1, 9), np.uint8)
    seeds[..., 0], seeds[..., -1] = 1, 2
    labels = flooded(np.zeros(seeds.shape, np.uint16), seeds) & 127
    assert labels.ravel().tolist() == [1, 1, 1, 1, 1, 2, 2, 2, 2]


@given(labels_with_gaps, st.integers(1, 5), st.integers(0, 2**31))
def test_labels_are_those_of_the_definition(seeds, heights, seed):
    levels = np.random.default_rng(seed).integers(0, heights, seeds.shape).astype(np.uint16)
    np.testing.assert_array_equal(flooded(levels, seeds), defined(levels, seeds))


def defined(levels, seeds):
    """Follow the neighbour with the smallest key, everywhere at once, until nothing changes."""
    far = (10**6, 0, 0)
    places = list(np.ndindex(*seeds.shape))
    before = {at: (0, 0, int(seeds[at])) if seeds[at] else far for at in places}
    while True:
        now = {}
        for at in places:
            steps = [(axis, way) for axis in range(3) for way in (1, -1)]
            beside = [tuple(np.add(at, np.eye(3, dtype=int)[a] * way)) for a, way in steps]
            level, walked, label = min(before.get(other, far) for other in beside)
            height = int(levels[at])
            if seeds[at]:
                now[at] = before[at]
            elif label == 0:
                now[at] = far
            else:
                now[at] = (height, 0, label) if height > level else (level, walked + 1, label)
        if now == before:
            break
        before = now
    grown = np.zeros(seeds.shape, np.uint8)
    for at, (_, _, label) in now.items():
        grown[at] = label + 128 * (seeds[at] == 0 and label > 0)
    return grown


def test_more_steps_than_fit_go_on_in_the_next_level():
    line = 70_000
    seeds = np.zeros((1, 1, line), np.uint8)
    seeds[..., 0] = 3
    labels = flooded(np.zeros(seeds.shape, np.uint16), seeds)
    assert (labels[..., 1:] == 131).all()
