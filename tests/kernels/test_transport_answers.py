"""Transport against exact answers: inclined layers, lattices of spheres, duality, odd inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ssbtomo.kernels.transport import solve
from ssbtomo.testing import analytic
from ssbtomo.testing.lattices import lattice_conductivity, lattice_fractions

CUBE = (1.0, 1.0, 1.0)
FLAT = (2.0, 0.5, 1.0)
LATTICES = ("sc", "bcc", "fcc")


def blobs(shape: tuple[int, int, int], share: float, seed: int = 0) -> NDArray[np.uint8]:
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 2, mode="wrap")
    return (noise < np.quantile(noise, share)).astype(np.uint8)


def stepped(steps: tuple[int, int, int], period: int, length: int) -> NDArray[np.uint8]:
    """Layers of half a period each, inclined by `steps`; periodic across the first axis."""
    shape = (length, *(period if step else 1 for step in steps[1:]))
    place = sum(step * index for step, index in zip(steps, np.indices(shape), strict=True))
    return (place % period >= period // 2).astype(np.uint8)


# Inclined layers -----------------------------------------------------------------------------
# Far from the two electrodes the current of inclined layers is that of an unbounded volume, which
# `stepped_laminate_tensor` gives exactly for these voxels. What the electrodes add is the same
# for two lengths that hold whole periods, up to what decays over 18 voxels and more: the
# difference of their resistances is exact to rounding.


@pytest.mark.parametrize(("contrast", "axis"), [(10.0, 1), (1e3, 2), (1e6, 0), (1e6, 2)])
@pytest.mark.parametrize("steps", [(1, 1, 0), (1, 2, 0), (2, 1, 0), (1, 1, 1), (1, 2, 1)])
def test_inclined_layers_are_exact_between_the_ends(steps, contrast, axis):
    period, lengths = 6, (36, 48)
    values = {0: 1.0, 1: contrast}
    resistance = []
    for length in lengths:
        labels = np.moveaxis(stepped(steps, period, length), 0, axis)
        found = solve(labels, CUBE, axis, values, periodic=True, tolerance=1e-11).effective
        resistance.append(length / found)
    middle = (lengths[1] - lengths[0]) / (resistance[1] - resistance[0])
    line = [1.0] * (period // 2) + [contrast] * (period // 2)
    exact = analytic.stepped_laminate_tensor(line, steps)[0, 0]
    assert middle == pytest.approx(exact, rel=1e-8)  # measured: 1e-11, the tolerance


def test_inclined_layers_approach_the_continuum_with_finer_voxels():
    # At 45 degrees the current across layers is exact, and that along them lacks 1/n of the
    # difference of the arithmetic and the harmonic mean: the steps of the staircase.
    for voxels in (4, 16, 64):
        line = [1.0] * voxels + [10.0] * voxels
        tensor = analytic.stepped_laminate_tensor(line, (1, 1, 0))
        exact = analytic.laminate_tensor((0.5, 0.5), (1.0, 10.0), (1, 1, 0))
        lost = (exact - tensor) * voxels
        along, across = 5.5, 1 / (0.5 + 0.05)
        assert lost[0, 0] == pytest.approx((along - across) / 2, rel=1e-9)
        assert lost[2, 2] == pytest.approx(0, abs=1e-9)
        normal = np.array([1, 1, 0]) / math.sqrt(2)
        assert normal @ tensor @ normal == pytest.approx(across, rel=1e-12)


# Lattices of spheres -------------------------------------------------------------------------


@pytest.mark.parametrize("lattice", LATTICES)
@pytest.mark.parametrize("solid", [0.1, 0.3])
def test_labels_of_spheres_converge_with_the_voxels(lattice, solid):
    truth = lattice_conductivity(lattice, solid)
    for side in (12, 20, 32, 48):
        labels = (lattice_fractions(lattice, solid, side, fine=3) > 0.5).astype(np.uint8)
        error = solve(labels, CUBE, 0, {1: 1.0}).effective / truth - 1
        # Of first order, with scatter as voxels come and go; measured: -0.2/N to -1.9/N
        assert -2.5 / side < error < 0.3 / side


@pytest.mark.parametrize("side", [16, 17, 19, 24])
@pytest.mark.parametrize("solid", [0.05, 0.3, 0.45, 0.5])
@pytest.mark.parametrize("lattice", LATTICES)
def test_fractions_of_spheres_are_within_six_thousandths(lattice, solid, side):
    # Of one half, gaps at 16 are 0.24 (sc) and 1.4 voxels (bcc, fcc).
    share = lattice_fractions(lattice, solid, side)
    found = solve(np.ones(share.shape, np.uint8), CUBE, 0, {1: 1.0}, fractions=share)
    truth = lattice_conductivity(lattice, solid)
    assert found.effective == pytest.approx(truth, rel=6e-3)  # measured: 0.53 % at most
    if solid < 0.5:
        series = analytic.spheres_series(lattice, solid)
        assert found.effective == pytest.approx(series, rel=8e-3)


@pytest.mark.parametrize(
    ("lattice", "solid", "side"), [("sc", 0.5, 16), ("bcc", 0.45, 17), ("fcc", 0.5, 16)]
)
def test_fractions_of_spheres_that_lie_anywhere_are_within_six_thousandths(lattice, solid, side):
    """Moved along the joined sides; along the axis the cell must begin at a plane of symmetry."""
    truth, ones = lattice_conductivity(lattice, solid), np.ones((side,) * 3, np.uint8)
    for y, x in np.random.default_rng(side).random((3, 2)):
        share = lattice_fractions(lattice, solid, side, offset=(0.0, y, x))
        found = solve(ones, CUBE, 0, {1: 1.0}, fractions=share, periodic=True)
        assert found.effective == pytest.approx(truth, rel=6e-3)


@pytest.mark.parametrize("lattice", LATTICES)
@pytest.mark.parametrize("contrast", [0.1, 10.0])
def test_conducting_spheres_converge(lattice, contrast):
    truth = lattice_conductivity(lattice, 0.3, contrast)
    labels = (lattice_fractions(lattice, 0.3, 40, fine=3) > 0.5).astype(np.uint8)
    found = solve(labels, CUBE, 2, {0: contrast, 1: 1.0}).effective
    assert found == pytest.approx(truth, rel=0.035)  # about 1/N; measured: 2.7 % at most


@pytest.mark.parametrize("lattice", LATTICES)
def test_a_cell_conducts_alike_along_all_axes_and_in_any_row_of_cells(lattice):
    share = lattice_fractions(lattice, 0.3, 13, fine=5)
    row = np.tile(share, (2, 1, 1))

    def effective(values: NDArray[np.float64], axis: int) -> float:
        ones = np.ones(values.shape, np.uint8)
        return solve(ones, CUBE, axis, {1: 1.0}, fractions=values, tolerance=1e-9).effective

    along = [effective(share, axis) for axis in range(3)]
    assert along == pytest.approx([along[0]] * 3, rel=1e-8)  # ten tolerances
    assert effective(row, 0) == pytest.approx(along[0], rel=1e-8)


# Duality in the plane ------------------------------------------------------------------------


def network(rng: np.random.Generator, rows: int, columns: int, node: float) -> tuple:
    """A random resistor network as an image, and its planar dual, with their conductivities.

    Nodes are voxels of a good conductor, the meshes between them insulators, and the bonds
    voxels of eight conductivities. The dual has nodes for meshes, and each bond's resistance
    is the conductance of the bond that it crosses; half a node belongs to each of its ends.
    """
    size = (2 * columns + 1, 2 * rows - 1, 1)
    labels, dual = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    values, inverse = {1: node}, {1: node}
    levels = np.geomspace(0.05, 20, 8)
    for z, y, _ in np.ndindex(size):
        if z % 2 == 1 and y % 2 == 0:
            labels[z, y] = 1
        elif z % 2 == 0 and y % 2 == 1:
            dual[z, y] = 1
        else:
            level = int(rng.integers(8))
            ends = 1.0 if 0 < z < size[0] - 1 else 0.5
            facing = 1.0 if 0 < y < size[1] - 1 else 0.5
            code = 2 + level + 8 * int(2 * ends + 4 * facing)
            labels[z, y] = dual[z, y] = code
            values[code] = levels[level]
            resistance = 1 / levels[level] + ends / node
            inverse[code] = 1 / (1 / resistance - facing / node)
    return labels, values, dual, inverse


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("rows", "columns"), [(7, 9), (12, 5), (3, 20)])
def test_a_network_and_its_planar_dual_are_reciprocal(rows, columns, seed):
    # Keller and Dykhne's theorem as networks have it: exact, for any bonds.
    labels, values, dual, inverse = network(np.random.default_rng(seed), rows, columns, 1e3)
    along = solve(labels, CUBE, 0, values, tolerance=1e-10).effective
    across = solve(dual, CUBE, 1, inverse, tolerance=1e-10).effective
    assert along * across == pytest.approx(1, abs=1e-8)  # the tolerance, and more


@pytest.mark.parametrize(("contrast", "error"), [(4.0, 3e-3), (10.0, 2e-2)])
def test_a_checkerboard_approaches_the_geometric_mean(contrast, error):
    # The field is singular at the corners, so that the error falls more slowly than 1/n²; a
    # square sample of 2 x 2 squares conducts like the unbounded board, by its mirror planes.
    errors = []
    for voxels in (8, 16, 32, 64):
        z, y, _ = np.indices((2 * voxels, 2 * voxels, 1)) // voxels
        found = solve(((z + y) % 2).astype(np.uint8), CUBE, 0, {0: 1.0, 1: contrast})
        errors.append(abs(found.effective / analytic.checkerboard_conductivity(1, contrast) - 1))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < error


def test_the_error_of_duality_falls_with_finer_voxels():
    # Two phases of smooth outlines: for images of the continuum the product is 1.
    noise = gaussian_filter(np.random.default_rng(3).random((24, 24)), 3, mode="wrap")
    errors = []
    for zoom in (1, 2, 4, 8):
        labels = (noise > np.median(noise)).astype(np.uint8)
        labels = labels.repeat(zoom, 0).repeat(zoom, 1)[..., None]
        along = solve(labels, CUBE, 0, {0: 1.0, 1: 8.0}).effective
        across = solve(labels, CUBE, 1, {0: 1.0, 1: 1 / 8}).effective
        errors.append(abs(along * across - 1))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.2 * errors[0]


# Symmetry and repetition of everything that is not plain labels ------------------------------


@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0), (0, 2, 1)])
def test_fractions_and_contacts_turn_with_the_volume(order):
    share = np.random.default_rng(1).random((9, 10, 11)).astype(np.float32)
    labels = np.random.default_rng(2).integers(1, 4, (9, 10, 11)).astype(np.uint8)
    turned = tuple(FLAT[axis] for axis in order)
    values = {1: 1.0, 2: 0.2, 3: 5.0}
    contacts = {(1, 2): 3.0, (2, 3): 0.1}
    for axis in range(3):
        options = {"tolerance": 1e-9}
        soft, soft_turned = (
            solve(np.ones(v.shape, np.uint8), s, a, {1: 1.0}, fractions=v, **options).effective
            for v, s, a in (
                (share, FLAT, axis),
                (share.transpose(order), turned, order.index(axis)),
            )
        )
        assert soft_turned == pytest.approx(soft, rel=2e-9)
        joint, joint_turned = (
            solve(v, s, a, values, contacts=contacts, **options).effective
            for v, s, a in (
                (labels, FLAT, axis),
                (labels.transpose(order), turned, order.index(axis)),
            )
        )
        assert joint_turned == pytest.approx(joint, rel=2e-9)
        mirrored = solve(np.flip(labels), FLAT, axis, values, contacts=contacts, **options)
        assert mirrored.effective == pytest.approx(joint, rel=2e-9)


CASES = {
    "fractions": {"fractions": True},
    "contrast": {"values": {0: 1e-6, 1: 1.0}},
    "contacts": {"values": {0: 0.1, 1: 1.0}, "contacts": {(0, 1): 2.0}},
    "centres": {"convention": "porespy"},
}


@pytest.mark.parametrize("name", list(CASES))
def test_threads_and_repetition_change_no_bit(name):
    case = dict(CASES[name])
    labels = blobs((41, 40, 43), 0.5, seed=6)  # more than one thread needs more than 32³ cells
    values = case.pop("values", {1: 1.0})
    if case.pop("fractions", False):
        case["fractions"] = gaussian_filter(labels.astype(np.float32), 1)
    results = [solve(labels, CUBE, 1, values, threads=n, **case) for n in (1, 2, 3, 2)]
    assert len({(r.tau, r.energy_bounds, r.iterations) for r in results}) == 1


@pytest.mark.parametrize("convention", ["taufactor", "porespy", "openimpala", "puma"])
@pytest.mark.parametrize("axis", range(3))
def test_bounds_hold_the_converged_value_in_every_convention(convention, axis):
    labels = blobs((20, 18, 22), 0.45, seed=4)
    options = {"convention": convention, "periodic": convention == "puma"}
    fine = solve(labels, CUBE, axis, {1: 1.0}, tolerance=1e-11, **options)
    for tolerance in (0.3, 1e-2, 1e-4):
        rough = solve(labels, CUBE, axis, {1: 1.0}, tolerance=tolerance, **options)
        lower, upper = rough.energy_bounds
        assert lower <= fine.effective * (1 + 1e-10)
        assert fine.effective <= upper * (1 + 1e-10)


# Inputs that are hard or odd -----------------------------------------------------------------


@pytest.mark.parametrize("axis", range(3))
def test_a_thin_wide_volume_converges(axis):
    labels = blobs((7, 300, 300), 0.5, seed=1)
    result = solve(labels, CUBE, axis, {1: 1.0})
    assert result.warnings == ()
    assert result.iterations < 30


@pytest.mark.parametrize(("share", "seed"), [(0.16, 0), (0.16, 1), (0.14, 0), (0.12, 9)])
def test_volumes_near_the_threshold_converge(share, seed):
    result = solve(blobs((64, 64, 64), share, seed), CUBE, 0, {1: 1.0})
    assert result.tau > 15  # measured: 36 to 226, or none
    if math.isfinite(result.tau):
        assert result.warnings == ()
        lower, upper = result.energy_bounds
        assert upper / lower - 1 <= 1e-5


def test_a_bond_of_one_voxel_at_a_porosity_of_twelve_percent_converges():
    # 12 %, and only just joined: thin winding channels, the hardest for multigrid.
    labels = np.zeros((60, 24, 24), np.uint8)
    rng = np.random.default_rng(5)
    while labels.mean() < 0.12:
        place = rng.integers(0, 24, 2)
        for z in range(60):
            labels[z, place[0], place[1]] = 1
            for _ in range(2):
                way = int(rng.integers(2))
                place[way] = (place[way] + rng.integers(-1, 2)) % 24
                labels[z, place[0], place[1]] = 1
    assert 0.12 <= labels.mean() < 0.14
    result = solve(labels, CUBE, 0, {1: 1.0})
    assert result.warnings == ()
    lower, upper = result.energy_bounds
    assert upper / lower - 1 <= 1e-5


@pytest.mark.parametrize("values", [{0: 1.0, 1: 1e6}, {0: 1e6, 1: 1.0}, {0: 1e-3, 1: 1e3}])
def test_a_contrast_of_a_million_ends_within_its_bounds(values):
    result = solve(blobs((40, 40, 40), 0.3, seed=1), FLAT, 0, values)
    assert result.warnings == ()
    lower, upper = result.energy_bounds
    assert upper / lower - 1 <= 1e-5


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_fractions_of_any_precision_agree(kind):
    share = np.random.default_rng(0).random((20, 19, 18)).astype(np.float16)
    ones = np.ones(share.shape, np.uint8)
    found = solve(ones, CUBE, 0, {1: 1.0}, fractions=share.astype(kind)).effective
    wanted = solve(ones, CUBE, 0, {1: 1.0}, fractions=share.astype(np.float64)).effective
    assert found == pytest.approx(wanted, rel=1e-6)  # the bins are sums in other precisions


@pytest.mark.parametrize("order", ["F", "strided", "reversed"])
def test_the_layout_in_memory_does_not_matter(order):
    labels = blobs((20, 22, 24), 0.5)
    other = {
        "F": np.asfortranarray(labels),
        "strided": np.repeat(labels, 2, axis=1)[:, ::2],
        "reversed": labels[::-1, ::-1][::-1, ::-1],
    }[order]
    assert solve(other, CUBE, 0, {1: 1.0}).tau == solve(labels, CUBE, 0, {1: 1.0}).tau
