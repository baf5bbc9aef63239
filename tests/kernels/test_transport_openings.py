"""Open areas of faces from planes through the voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.io.scratch import Scratch
from ssbtomo.kernels.sharpening import cut_cubes
from ssbtomo.kernels.transport import solve
from ssbtomo.kernels.transport.cells import from_fractions
from ssbtomo.kernels.transport.finest import Sides, finest
from ssbtomo.kernels.transport.openings import opened
from ssbtomo.kernels.transport.operator import inside
from ssbtomo.kernels.transport.planes import cut
from ssbtomo.kernels.transport.team import Team
from ssbtomo.measure import tortuosity

CUBE = (1.0, 1.0, 1.0)
FLAT = (2.0, 0.5, 1.0)
components = st.floats(-1, 1).filter(lambda value: value == 0 or abs(value) > 2e-3)


@njit
def _sides(share: float, normal: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = np.empty(6)
    cut(share, normal, sides)
    return sides


@given(st.tuples(components, components, components), st.floats(1e-3, 1 - 1e-3))
def test_faces_of_a_cut_voxel_close_its_surface(normal, share):
    vector = np.array(normal)
    if not vector.any():
        return
    vector /= np.linalg.norm(vector)
    sides = _sides(share, vector)
    assert (sides >= 0).all()
    assert (sides <= 1).all()
    # The open faces and the wall enclose a body: what they lack on one side of it is the wall.
    missing = sides[1::2] - sides[::2]
    # components below 1e-3 are taken for that in volumes
    np.testing.assert_allclose(missing, (missing @ vector) * vector, atol=2e-3)
    other = _sides(1 - share, -vector)
    np.testing.assert_allclose(other, 1 - sides, atol=2e-3)


def wall(normal: tuple[float, float, float], size: int = 12) -> NDArray[np.float64]:
    unit = np.array(normal) / np.linalg.norm(normal)
    at = np.indices((size,) * 3).reshape(3, -1) - (size - 1) / 2
    shares = cut_cubes(unit @ at + 0.2, np.repeat(np.abs(unit)[:, None], at.shape[1], axis=1))
    return shares.reshape((size,) * 3)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 1, 1), (1, 2, 3), (-3, 1, 1), (1, 1, -1)])
def test_nothing_flows_into_a_plane_wall(normal):
    share = wall(normal)
    codes, medium = from_fractions(share, 1.0)
    with Team(1) as team:
        op, _ = opened(finest(codes, medium, Sides(0, CUBE), team), medium.fraction, team)
    areas = [op.opening[a][inside(op, op.faces[a])] for a in range(3)]
    drops = [area - np.roll(area, 1, a) for a, area in enumerate(areas)]
    inner = (slice(2, -2),) * 3  # planes of the outer voxels are those of mirrored surroundings
    for turn in range(3):
        along = np.cross(normal, np.eye(3)[turn]) / np.linalg.norm(normal)
        net = sum(drop * part for drop, part in zip(drops, along, strict=True))[inner]
        assert np.abs(net).max() < 0.06  # the normal is right to 3 degrees
        assert np.sqrt(np.square(net).mean()) < 0.01


@settings(max_examples=25)
@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6),
        elements=st.floats(0, 1, width=32),
    ),
    st.integers(0, 2),
    st.booleans(),
    st.sampled_from([CUBE, FLAT]),
)
def test_any_fractions_conduct_at_most_their_mean(share, axis, periodic, spacing):
    ones = np.ones(share.shape, np.uint8)
    found = solve(ones, spacing, axis, {1: 1.0}, fractions=share, periodic=periodic)
    assert found.tau >= 1
    lower, upper = found.energy_bounds
    assert lower <= found.effective <= upper
    turned = solve(
        ones[::-1, ::-1, ::-1],
        spacing,
        axis,
        {1: 1.0},
        fractions=share[::-1, ::-1, ::-1],
        periodic=periodic,
    )
    assert turned.effective == pytest.approx(found.effective, rel=5e-6)  # solved to 1e-6


def soft_blobs(shape: tuple[int, int, int]) -> NDArray[np.float32]:
    noise = gaussian_filter(np.random.default_rng(0).random(shape), 2.5, mode="wrap")
    steep = np.sqrt(sum(np.square(slope) for slope in np.gradient(noise)))
    return np.clip(0.5 + (noise - noise.mean()) / steep, 0, 1).astype(np.float32)


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("axis", [0, 2])
def test_fractions_conduct_alike_for_any_threads_and_in_files(tmp_path, axis, periodic):
    share = soft_blobs((37, 34, 33))
    ones = np.ones(share.shape, np.uint8)

    def found(**options):
        result = solve(ones, CUBE, axis, {1: 1.0}, fractions=share, periodic=periodic, **options)
        return result.effective, result.energy_bounds

    one = found(threads=1)
    assert found(threads=3) == one
    with Scratch(tmp_path, small=1, slab=3 * 34 * 33) as scratch:
        assert found(threads=2, storage=scratch) == one


def test_a_wall_of_less_than_a_voxel_is_told():
    share = np.ones((9, 9, 9))
    share[:, 4] = 0.3
    ones = np.ones(share.shape, np.uint8)
    assert "walls" in solve(ones, CUBE, 1, {1: 1.0}, fractions=share).warnings[0]
    gap = solve(ones, CUBE, 0, {1: 1.0}, fractions=1 - share)
    assert "gaps" in gap.warnings[0]
    assert gap.effective == pytest.approx(0.7 / 9, rel=1e-9)  # flat gaps are exact all the same


def _cylinders(edge: int, solid: float, place: tuple[float, float], fine: int = 40):
    """Fractions outside a square array of cylinders along Z, four cells along Y."""
    at = (np.arange(edge * fine) + 0.5) / fine
    y, x = ((at - p) % edge - edge / 2 for p in place)
    outside = y[:, None] ** 2 + x[None] ** 2 >= edge**2 * solid / np.pi
    cell = outside.reshape(edge, fine, edge, fine).mean(axis=(1, 3))
    return np.tile(cell, (2, 4, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("edge", "solid", "place", "limit"),
    # Curved walls err by the square of voxel over radius (0.2 % at 7 voxels); gaps of 2.9 voxels
    # between the cylinders of the second, through which all current goes, by as much again.
    [(23, 0.3, (0.1, 5.42), 0.002), (23, 0.6, (0.31, 3.83), 0.004)],
)
def test_insulating_cylinders_conduct_across_as_perrins_has_it(edge, solid, place, limit):
    # Proc. R. Soc. Lond. A 369, 207 (1979), doi:10.1098/rspa.1979.0160, their formula of
    # few terms: against 150 voxels per cell 0.03 % off at a share of 0.6, 0.7 % at 0.7.
    terms = 0.305827 * solid**4 / (1 - 1.402958 * solid**8) + 0.013362 * solid**8
    exact = 1 - 2 * solid / (1 + solid - terms)
    fractions = _cylinders(edge, solid, place)
    found = tortuosity(
        (fractions >= 0.5).astype(np.uint8), CUBE, axis="y", fractions=fractions, periodic=True
    )
    assert found.effective == pytest.approx(exact, rel=limit)
