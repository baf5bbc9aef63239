"""Shortest ways through a phase."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from ssbtomo.errors import AxisError, InputDataError
from ssbtomo.kernels.connectivity import connectivity
from ssbtomo.kernels.transport import geodesic

CUBE = (1.0, 1.0, 1.0)
FLAT = (2.0, 0.5, 1.0)
masks = hnp.arrays(
    bool, hnp.array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=6), elements=st.booleans()
)


@pytest.mark.parametrize("axis", range(3))
def test_straight_ways_are_one(axis):
    result = geodesic(np.ones((5, 6, 7), bool), FLAT, axis)
    assert result.mean == 1
    assert result.reached == 1
    assert (result.tau == 1).all()


def test_a_slanted_strip_is_as_long_as_its_diagonal():
    mask = np.zeros((20, 21, 21), bool)
    for i in range(20):
        mask[i, i : i + 2, i : i + 2] = True
    # the first layer's far corner to the last layer's near one is one diagonal step shorter
    lengths = geodesic(mask, CUBE, 0).tau * 19
    assert lengths.max() == pytest.approx(18 * math.sqrt(3) + 1 + math.sqrt(2) - 1, rel=2e-2)
    assert lengths.min() == pytest.approx(18 * math.sqrt(3) + 1, rel=1e-3)  # 1024ths


def test_blocked_phases_are_infinite():
    mask = np.ones((5, 4, 4), bool)
    mask[2] = False
    result = geodesic(mask, CUBE, 0)
    assert math.isinf(result.mean)
    assert result.reached == 0


def reference(mask, spacing, axis):
    """Distances by SciPy's Dijkstra on the same steps."""
    index = np.arange(mask.size).reshape(mask.shape)
    padded, names = np.pad(mask, 1), np.pad(index, 1)
    n = mask.shape
    rows, columns, lengths = [], [], []
    for step in np.ndindex(3, 3, 3):
        move = np.array(step) - 1
        if not move.any():
            continue
        parts = [np.eye(3, dtype=int)[a] * move[a] for a in range(3) if move[a]]
        ways = np.zeros(n, bool)
        for order in {tuple(map(tuple, p)) for p in _orders(parts)}:
            at, free = np.zeros(3, int), np.ones(n, bool)
            for part in order:
                at = at + part
                free &= _moved(padded, at)
            ways |= free
        ways &= mask
        rows.append(index[ways])
        columns.append(_moved(names, move)[ways])
        units = np.array(spacing) / min(spacing)
        lengths.append(np.full(ways.sum(), np.rint(np.linalg.norm(move * units) * 1024)))
    graph = coo_array(
        (np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))),
        (mask.size, mask.size),
    ).tocsr()
    first, last = np.moveaxis(index, axis, 0)[[0, -1]]
    seeds = first[np.moveaxis(mask, axis, 0)[0]].ravel()
    if not seeds.size:
        return np.zeros(0)
    far = dijkstra(graph, indices=seeds, min_only=True)
    ends = far[last[np.moveaxis(mask, axis, 0)[-1]]]
    scale = np.rint(spacing[axis] / min(spacing) * 1024) * (n[axis] - 1)
    return np.sort(ends[np.isfinite(ends)]) / scale


def _moved(array, by):
    return array[tuple(slice(1 + b, m - 1 + b) for b, m in zip(by, array.shape, strict=True))]


def _orders(parts):
    from itertools import permutations

    return permutations([tuple(part) for part in parts])


@settings(max_examples=40)
@given(masks, st.integers(0, 2), st.sampled_from([CUBE, FLAT]))
def test_ways_are_those_of_dijkstra(mask, axis, spacing):
    result = geodesic(mask, spacing, axis)
    np.testing.assert_array_equal(result.tau, reference(mask, spacing, axis))
    assert (result.tau >= 1 - 1e-12).all()


@settings(max_examples=30)
@given(masks, st.integers(0, 2))
def test_ways_exist_where_faces_join(mask, axis):
    if not mask.any():
        return
    spans = connectivity(mask).spanning["zyx"[axis]] > 0
    assert math.isfinite(geodesic(mask, CUBE, axis).mean) == spans


def test_impossible_axes_and_sizes_are_refused():
    with pytest.raises(AxisError):
        geodesic(np.ones((1, 4, 4), bool), CUBE, 0)
    with pytest.raises(InputDataError, match="32 bits"):
        geodesic(np.ones((4, 4, 4), bool), (1.0, 1e6, 1.0), 0)
