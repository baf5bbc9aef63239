"""What other programs return: frozen numbers of theirs, and direct counts.

The numbers were made in an environment of their own (pip install torch==2.13.0 taufactor==1.2.1
porespy==3.2.0 connected-components-3d==4.1.1 scikit-image==0.26.0), for labels L of int32:

    cc3d.contacts((L + 1).astype("u4"), connectivity=6, anisotropy=spacing)
    taufactor.metrics.interfacial_areas(L, spacing=spacing, device="cpu")
    taufactor.metrics.specific_surface_area(L, spacing=spacing, device="cpu")
    taufactor.metrics.triple_phase_boundary(L)
    areas = porespy.metrics.region_surface_areas(L + 1, voxel_size=spacing)
    porespy.metrics.region_interface_areas(L + 1, areas, voxel_size=spacing)
"""

from __future__ import annotations

import sys
from itertools import combinations, product

import numpy as np
import pytest

from ssbtomo.errors import InputDataError
from ssbtomo.kernels import area_compat, area_gradient, area_meshes
from ssbtomo.kernels.areas import interface_areas
from ssbtomo.kernels.crofton import DIRECTIONS

PHASES = [0, 1, 2]


def cut_ball(stretch: float, radius: float) -> np.ndarray:
    """A ball of two phases in a third."""
    z, y, x = np.indices((22, 23, 24))
    z, y, x = stretch * (z - 10.4), y - 11.1, x - 11.7
    inside = z**2 + y**2 + x**2 < radius**2
    return np.where(inside, np.where(0.3 * z + 0.5 * y + 0.81 * x > 1, 1, 2), 0)


VOLUMES = {
    "random": (np.random.default_rng(7).integers(0, 3, (9, 12, 10)), (1.5, 1.5, 1.5)),
    "ball": (cut_ball(1, 8), (1.0, 1.0, 1.0)),
    "stretched": (cut_ball(2, 9), (2.0, 1.0, 1.0)),
}
# Pairs 0|1, 0|2, 1|2; surfaces of 0, 1, 2.
PEERS = {
    "random": {
        "cc3d": [1352.25, 1559.25, 1514.25],
        "taufactor": [0.1648834, 0.19012346, 0.18463649],
        "taufactor surface": [0.067729484, 0.071737374, 0.068707487],
        "taufactor line": 0.45540798,
        "porespy": [462.74322, 247.91605, 550.69013],
        "porespy surface": [919.19313, 1688.9153, 1151.1401],
    },
    "ball": {
        "cc3d": [524.0, 680.0, 298.0],
        "taufactor": [0.04314888, 0.05599473, 0.024538867],
        "taufactor surface": [0.066002073, 0.040986032, 0.050752894],
        "taufactor line": 0.0023403042,
        "porespy": [345.31044, 458.77288, 164.68499],
        "porespy surface": [3847.2792, 509.99543, 623.45787],
    },
    "stretched": {
        "cc3d": [669.0, 847.0, 381.0],
        "taufactor": [0.018280632, 0.023386034, 0.0092226614],
        "taufactor surface": [0.041786239, 0.026056697, 0.031485096],
        "taufactor line": 0.0022202886,
        "porespy": [443.99612, 576.42069, 201.58766],
        "porespy surface": [6056.407, 645.58379, 778.00836],
    },
}
# The goal; it also covers single precision, in which two of them sum.
TOLERANCE = 1e-4


@pytest.fixture(params=VOLUMES)
def case(request):
    labels, spacing = VOLUMES[request.param]
    return labels.astype(np.uint8), spacing, PEERS[request.param]


@pytest.mark.parametrize(("estimator", "which"), [("cc3d", 0), ("taufactor", 1)])
def test_contacts_of_programs_that_count_faces(case, estimator, which):
    labels, spacing, peer = case
    counts = area_compat.contact_counts(labels, PHASES)
    found = area_compat.contact_density(counts, spacing, labels.size, estimator)[which]
    assert found == pytest.approx(peer[estimator], rel=TOLERANCE)


def test_surfaces_of_taufactor(case):
    labels, spacing, peer = case
    areas = area_gradient.gradient_areas(
        area_gradient.gradient_sums(labels, PHASES, spacing), spacing
    )
    density = areas / (labels.size * np.prod(spacing))
    assert density == pytest.approx(peer["taufactor surface"], rel=TOLERANCE)


def test_triple_lines_of_taufactor(case):
    labels, spacing, peer = case
    counts = area_compat.contact_counts(labels, PHASES)
    share = area_compat.line_density(counts, spacing, labels.shape, "taufactor")
    assert share == pytest.approx(peer["taufactor line"], rel=TOLERANCE)


def test_surfaces_and_contacts_of_porespy(case):
    pytest.importorskip("skimage")
    labels, spacing, peer = case
    surfaces, contacts = area_meshes.mesh_areas(area_meshes.mesh_counts(labels, PHASES), spacing)
    assert surfaces == pytest.approx(peer["porespy surface"], rel=TOLERANCE)
    assert contacts == pytest.approx(peer["porespy"], rel=TOLERANCE)


def test_porespy_puts_one_where_the_difference_is_not_positive():
    """A single voxel in a corner of another phase: its mesh, blurred, does not touch."""
    pytest.importorskip("skimage")
    labels = np.random.default_rng(0).integers(0, 5, (8, 8, 8)).astype(np.uint8)
    contacts = area_meshes.mesh_areas(area_meshes.mesh_counts(labels, range(5)), (1, 1, 1))[1]
    assert np.all(contacts > 0)
    assert 1.0 in contacts
    apart = np.zeros((9, 9, 9), np.uint8)
    apart[:2], apart[7:] = 1, 2
    counts = area_meshes.mesh_counts(apart, PHASES)
    assert area_meshes.mesh_areas(counts, (1, 1, 1))[1][2] == 0


def test_without_a_mesher_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.measure", None)
    counts = area_meshes.mesh_counts(VOLUMES["ball"][0].astype(np.uint8), PHASES)
    with pytest.raises(InputDataError, match="scikit-image"):
        area_meshes.mesh_areas(counts, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("estimator", ["matbox", "openimpala"])
def test_two_thirds_of_the_faces(estimator):
    """Neither can be run here: the definition, counted directly, on voxels of 0.5."""
    labels = VOLUMES["random"][0].astype(np.uint8)
    counts = area_compat.contact_counts(labels, PHASES)
    areas, densities = area_compat.contact_density(counts, (0.5,) * 3, labels.size, estimator)
    bare = interface_areas(labels, (0.5, 0.5, 0.5), PHASES).faces_um2
    assert areas == pytest.approx([bare[pair] * 2 / 3 for pair in combinations(PHASES, 2)])
    assert densities == pytest.approx(areas / (labels.size * 0.125))
    with pytest.raises(InputDataError, match="cubes only"):
        area_compat.contact_density(counts, (1.0, 1.0, 2.0), labels.size, estimator)


def test_edges_of_three_phases_among_four():
    labels = np.random.default_rng(3).integers(0, 5, (6, 5, 7)).astype(np.uint8)
    phases = [0, 1, 2, 4]
    counts = area_compat.contact_counts(labels, phases)
    expected = np.zeros((4, 3), int)
    for axis in range(3):
        flat = np.moveaxis(labels, axis, 0)
        around = np.stack([flat[:, i : flat.shape[1] - 1 + i, j : flat.shape[2] - 1 + j]
                           for i, j in product((0, 1), repeat=2)])  # fmt: skip
        for row, triple in enumerate(combinations(phases, 3)):
            there = [np.any(around == phase, axis=0) for phase in triple]
            expected[row, axis] = np.count_nonzero(np.logical_and.reduce(there))
    np.testing.assert_array_equal(counts.edges, expected)
    density = area_compat.line_density(counts, (2.0, 2.0, 2.0), labels.shape, "matbox")
    assert density == pytest.approx(expected.sum(axis=1) * 2 / 1.455 / (labels.size * 8))


def test_neighbours_are_those_of_a_direct_count():
    labels = np.random.default_rng(4).integers(0, 3, (5, 6, 4)).astype(np.uint8)
    counts = area_compat.contact_counts(labels, PHASES)
    voxels = list(np.ndindex(labels.shape))
    for row, pair in enumerate(combinations(PHASES, 2)):
        for column, step in enumerate(DIRECTIONS):
            found = 0
            for place in voxels:
                other = tuple(a + b for a, b in zip(place, step, strict=True))
                if all(0 <= a < n for a, n in zip(other, labels.shape, strict=True)):
                    found += {labels[place], labels[other]} == set(pair)
            assert counts.neighbours[row, column] == found


@pytest.mark.parametrize("connectivity", [6, 18])
def test_neighbours_of_cc3d_as_installed(connectivity):
    # For 26, its version 4.1.1 counts more corner neighbours than 2 x 2 x 2 voxels have.
    cc3d = pytest.importorskip("cc3d")
    labels = np.random.default_rng(5).integers(1, 5, (9, 10, 11)).astype(np.uint32)
    peer = cc3d.contacts(labels, connectivity=connectivity, surface_area=False)
    counts = area_compat.contact_counts(labels, [1, 2, 3, 4])
    found = area_compat.neighbour_counts(counts, connectivity)
    assert found.tolist() == [peer[pair] for pair in combinations([1, 2, 3, 4], 2)]


def test_what_cannot_be_counted():
    labels = np.zeros((1, 4, 4), np.uint8)
    with pytest.raises(InputDataError, match="no gradient"):
        area_gradient.gradient_sums(labels, [0], (1.0, 1.0, 1.0))
    counts = area_compat.contact_counts(labels, PHASES)
    with pytest.raises(InputDataError, match="no 8 neighbours"):
        area_compat.neighbour_counts(counts, 8)
    one = area_compat.contact_counts(labels[:, :1, :1], PHASES)
    assert np.isnan(area_compat.line_density(one, (1, 1, 1), (1, 1, 1), "taufactor")).all()
