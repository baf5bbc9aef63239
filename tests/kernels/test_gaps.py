"""Gap thickness: parallel plates at any orientation, shells, and what is no gap."""

from __future__ import annotations

import numpy as np
import pytest

from ssbtomo.kernels.gaps import BINS, Gap, gap_counts

VOID, ELECTROLYTE, ACTIVE, CARBON = range(4)


def mean(counts, spacing):
    thickness = counts.bins * min(spacing) / BINS
    return float((thickness * counts.areas).sum() / counts.areas.sum())


def plates(normal, thickness, shape, spacing, offset):
    """Active material and electrolyte, parted by a gap; distances in µm."""
    places = (np.indices(shape).T - (np.array(shape) - 1) / 2) * spacing
    height = (places @ normal).T + offset
    labels = np.zeros(shape, np.uint8)
    labels[height < -thickness / 2] = ACTIVE
    labels[height > thickness / 2] = ELECTROLYTE
    return labels


@pytest.mark.parametrize(
    ("spacing", "shape"), [((1.0, 1.0, 1.0), (48, 48, 48)), ((2.0, 1.0, 1.0), (40, 60, 60))]
)
@pytest.mark.parametrize("voxels", [2, 3, 5, 7])
def test_plates_of_any_orientation(spacing, shape, voxels):
    rng = np.random.default_rng(voxels)
    thickness = voxels * max(spacing)
    errors = []
    for _ in range(8):
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        labels = plates(normal, thickness, shape, spacing, rng.uniform(-0.5, 0.5))
        gap = Gap(ACTIVE, ELECTROLYTE, (VOID,), 3 * thickness)
        counts, _ = gap_counts(labels, gap, spacing)
        errors.append((mean(counts, spacing) - thickness) / max(spacing))
    # The goal is 0.3 voxel. Near a lattice plane the plates themselves are rounded to it.
    assert np.abs(errors).max() < 0.2
    assert abs(np.mean(errors)) < 0.05


def test_plates_along_an_axis_are_exact():
    labels = np.full((12, 9, 9), ACTIVE, np.uint8)
    labels[4:9], labels[9:] = VOID, ELECTROLYTE
    gap = Gap(ACTIVE, ELECTROLYTE, (VOID,), 3.0)
    counts, thickness = gap_counts(labels, gap, (0.5, 0.1, 0.1))
    assert mean(counts, (0.5, 0.1, 0.1)) == pytest.approx(2.5, abs=0.1 / BINS)
    assert thickness[3] == pytest.approx(2.5)
    assert np.count_nonzero(thickness) == 81
    assert counts.areas.sum() == counts.surface


@pytest.mark.parametrize(("radius", "thickness"), [(12, 2), (12, 5), (15, 6), (8, 5)])
def test_a_shell_around_a_ball(radius, thickness):
    shape = (2 * (radius + thickness) + 6,) * 3
    distance = np.linalg.norm(np.indices(shape).T - shape[0] / 2 + 0.7, axis=-1)
    labels = np.full(shape, ELECTROLYTE, np.uint8)
    labels[distance < radius + thickness], labels[distance < radius] = VOID, ACTIVE
    gap = Gap(ACTIVE, ELECTROLYTE, (VOID,), 3.0 * thickness)
    counts, _ = gap_counts(labels, gap, (1, 1, 1))
    assert mean(counts, (1, 1, 1)) == pytest.approx(thickness, abs=0.3)  # the goal


def test_what_is_wider_or_leads_elsewhere_is_no_gap():
    labels = np.full((20, 6, 6), ACTIVE, np.uint8)
    labels[4:12], labels[12:] = VOID, ELECTROLYTE
    narrow, _ = gap_counts(labels, Gap(ACTIVE, ELECTROLYTE, (VOID,), 7.0), (1, 1, 1))
    assert narrow.areas.size == 0 < narrow.surface
    labels[8] = CARBON
    blocked, _ = gap_counts(labels, Gap(ACTIVE, ELECTROLYTE, (VOID,), 30.0), (1, 1, 1))
    assert blocked.areas.size == 0
    through, _ = gap_counts(labels, Gap(ACTIVE, ELECTROLYTE, (VOID, CARBON), 30.0), (1, 1, 1))
    assert through.bins.tolist() == [8 * BINS]
    labels[12:] = VOID  # open to the end of the volume
    open_, _ = gap_counts(labels, Gap(ACTIVE, ELECTROLYTE, (VOID, CARBON), 30.0), (1, 1, 1))
    assert open_.areas.size == 0


def test_contact_is_no_gap():
    labels = np.repeat([ACTIVE, ELECTROLYTE], 5).astype(np.uint8)[:, None, None]
    counts, thickness = gap_counts(
        labels * np.ones((1, 4, 4), np.uint8), Gap(ACTIVE, ELECTROLYTE, (VOID,), 5.0), (1, 1, 1)
    )
    assert counts.surface == 0
    assert not thickness.any()
