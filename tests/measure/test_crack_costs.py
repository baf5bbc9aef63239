"""Contact lost to cracks, and what they cut off: planted cracks, any cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ssbtomo import measure
from ssbtomo.blocks import Engine, Grid
from ssbtomo.errors import InputDataError, PhaseMissingError
from ssbtomo.measure.activity import Cell
from ssbtomo.measure.crack_costs import costs_of
from ssbtomo.testing.stacks import STACK_PHASES, interface_crack

NAMES = {label: name for name, label in STACK_PHASES.items()}


def lost(labels, spacing, cracks, **options):
    phases = {name: label for name, label in STACK_PHASES.items() if (labels == label).any()}
    return measure.contact_lost(
        labels, spacing, cracks, {n: n for n in phases}, phases=phases, **options
    )


@pytest.mark.parametrize("spacing", [(0.1, 0.1, 0.1), (0.2, 0.1, 0.1)])
@pytest.mark.parametrize(("width", "tilt"), [(1, 0), (2, 0), (3, 0), (4, 0), (2, 20), (4, 20)])
def test_a_crack_along_an_interface_costs_its_area(spacing, width, tilt):
    cell, cracks = interface_crack((36, 52, 52), spacing, radius=1.8, width=width, tilt=tilt)
    found = lost(cell.labels, spacing, cracks)
    # 1 % for the disc in voxels; where the middle of the crack is a voxel (odd width, or tilted), the
    # nearest phase is a tie, and the interface has a step of one voxel at the rim of 18
    most = 0.01 if width % 2 == 0 and not tilt else 0.05
    assert found.contact_lost_um2 == pytest.approx(cell.truth[0].value, rel=most)
    row = found.cracks.iloc[0]
    assert row["rank"] == 1
    assert row.volume_um3 == pytest.approx(cracks.sum() * np.prod(spacing))
    if not tilt:  # both walls are the disc, and the rim
        assert row.exposed_active_um2 == pytest.approx(cell.truth[0].value, rel=0.3)


def test_cracks_inside_one_phase_cost_no_contact():
    labels = np.ones((30, 30, 30), np.uint8)
    labels[20:] = 2
    cracks = np.zeros(labels.shape, np.int32)
    cracks[8:10, 5:25, 5:25] = 4
    labels[cracks > 0] = 0
    row = lost(labels, (0.1, 0.1, 0.1), cracks).cracks.iloc[0]
    assert (row.crack, row.contact_lost_um2, row.electrolyte_cut_off) == (4, 0, 0)


def islands():
    """Electrolyte below, active above; crack 1 cuts off a slab of electrolyte, 2 and 3 one together."""
    labels = np.ones((40, 24, 48), np.uint8)
    labels[30:] = 2
    cracks = np.zeros(labels.shape, np.int32)
    cracks[10:12, :, :22] = 1
    labels[10:30, :, 22:24] = 0
    cracks[12:14, :, 24:] = 2
    cracks[20:22, :, 24:] = 3
    labels[cracks > 0] = 0
    return labels, cracks


def test_what_a_crack_cuts_off_is_told():
    labels, cracks = islands()
    found = lost(labels, (0.1, 0.1, 0.1), cracks)
    table = found.cracks.set_index("crack")
    total = (labels == 1).sum()
    above_1 = (labels[12:30, :, :22] == 1).sum()
    between = (labels[14:20, :, 24:] == 1).sum()
    beyond = (labels[22:30, :, 24:] == 1).sum()
    assert table.electrolyte_cut_off[1] == pytest.approx(above_1 / total)
    assert table.electrolyte_cut_off[2] == pytest.approx(between / total)
    assert table.electrolyte_cut_off[3] == 0  # what is below it is cut off, too
    assert found.electrolyte_gain == pytest.approx((above_1 + between + beyond) / total)
    assert found.electrolyte_joined == pytest.approx(1 - found.electrolyte_gain)
    assert table["rank"].to_dict() == {1: 1, 2: 2, 3: 3}
    assert found.active_joined == 1


@pytest.mark.parametrize("block", [(11, 24, 17), (40, 7, 48), (16, 16, 16)])
def test_any_cut_gives_the_same(block):
    labels, cracks = islands()
    rng = np.random.default_rng(1)
    z, y, x = np.ogrid[:40, :24, :48]
    labels[(labels == 1) & ((z - 20) ** 2 + (y - 12) ** 2 + (x - 30) ** 2 < 60)] = 2
    labels[(labels != 0) & (rng.random(labels.shape) < 0.03)] = 0
    cell = Cell(NAMES, 0)

    def of(cut, engine):
        return costs_of(
            labels, cracks, (0.2, 0.1, 0.1), Grid(labels.shape, cut), engine, cell=cell,
            allocate=lambda name, dtype: np.zeros(labels.shape, dtype),
        )  # fmt: skip

    whole = of(labels.shape, Engine())
    with Engine.start("threads", 2) as engine:
        parts = of(block, engine)
    pd.testing.assert_frame_equal(
        pd.DataFrame(whole.rows), pd.DataFrame(parts.rows), check_exact=True
    )
    assert whole.ions == parts.ions
    assert whole.areas.lost.sum() > 0


def test_without_cracks_there_is_nothing_to_rank():
    labels, cracks = islands()
    found = lost(labels, (0.1, 0.1, 0.1), np.zeros_like(cracks))
    assert len(found.cracks) == 0
    assert found.contact_lost_um2 == 0


def test_what_cannot_be_measured_is_said():
    labels, cracks = islands()
    with pytest.raises(InputDataError, match="the cracks are"):
        lost(labels, (0.1, 0.1, 0.1), cracks[1:])
    with pytest.raises(InputDataError, match="no axis"):
        lost(labels, (0.1, 0.1, 0.1), cracks, axis="t")
    with pytest.raises(PhaseMissingError, match="one of them is missing"):
        measure.contact_lost(
            labels, (0.1, 0.1, 0.1), cracks, {0: "void", 1: "electrolyte", 2: "other"}
        )
