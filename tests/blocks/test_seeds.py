"""Small seeds between a darker and a brighter phase: what goes, what stays, and who counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage as ndi

from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks.seeds import remove_stray_seeds
from ssbtomo.kernels.repair import nearby_phases

cuts = st.tuples(*[st.integers(1, 5)] * 3)
volumes = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7),
    elements=st.sampled_from([0, 0, 1, 2, 3, 4]),
)


def removed(seeds, box, cut, engine=SERIAL):
    kept, counts = remove_stray_seeds(
        seeds, box, Grid(seeds.shape, cut), engine,
        allocate=lambda _, dtype: np.empty(seeds.shape, dtype),
    )  # fmt: skip
    return np.asarray(kept), counts


def expected(seeds, box):
    phases, smallest, radius = box
    around, kept = nearby_phases(seeds, radius), seeds.copy()
    for phase in range(2, phases):
        pieces, count = ndi.label(seeds == phase)
        darker, brighter = (1 << phase) - 2, (1 << phases + 1) - (1 << phase + 1)
        for piece in range(1, count + 1):
            here = pieces == piece
            near = around[here]
            if here.sum() < smallest and ((near & darker > 0) & (near & brighter > 0)).any():
                kept[here] = 0
    return kept


@given(volumes, cuts, st.integers(1, 12), st.tuples(*[st.integers(1, 3)] * 3))
def test_stray_seeds_are_those_of_the_whole(seeds, cut, smallest, radius):
    box = (4, smallest, radius)
    before = seeds.copy()
    kept, counts = removed(seeds, box, cut)
    np.testing.assert_array_equal(kept, expected(seeds, box))
    np.testing.assert_array_equal(seeds, before)
    assert counts.tolist() == [(kept == phase).sum() for phase in range(1, 5)]


def test_stray_seeds_lie_between_darker_and_brighter():
    seeds = np.zeros((5, 5, 11), np.uint8)
    seeds[..., 0], seeds[..., 10] = 1, 3
    seeds[2, 2, 5] = 2
    kept, _ = removed(seeds, (3, 5, (2, 2, 2)), (2, 5, 4))
    np.testing.assert_array_equal(kept, seeds)  # nothing bright nor dark near enough
    with Engine.start("threads", 2) as engine:
        kept, counts = removed(seeds, (3, 5, (5, 5, 5)), (2, 5, 4), engine)
    assert kept[2, 2, 5] == 0
    assert kept[2, 2, 0] == 1
    assert counts.tolist() == [25, 0, 25]
