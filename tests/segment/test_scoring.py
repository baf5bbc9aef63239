"""Scores against the truth: laws, known answers, and the programs that others use."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import ndimage as ndi

import ssbtomo as st
from ssbtomo.blocks import SERIAL, Engine, Grid
from ssbtomo.blocks import agreement as blocks
from ssbtomo.blocks.agreement import Known
from ssbtomo.errors import AxisError, InputDataError, PhaseMissingError, VoxelSizeError
from ssbtomo.kernels.agreement import Contingency, Steps, count_pairs, object_score
from ssbtomo.segment.scores import objects_table, write_tables
from ssbtomo.testing import strategies

SPACING = (0.3, 0.2, 0.1)
CUBIC = (0.1, 0.1, 0.1)


def cubes(shift: int, shape=(20, 20, 20), side: int = 8):
    """A cube in a void, and the same moved along x."""
    truth = np.zeros(shape, np.uint8)
    truth[6 : 6 + side, 6 : 6 + side, 6 : 6 + side] = 1
    return np.roll(truth, shift, axis=2), truth


def oracle_steps(found, true, phase, spacing):
    """Distances from the surface of `found` to that of `true`, with scipy's erosion."""
    surfaces = []
    for labels in (found, true):
        mask = labels == phase
        surfaces.append(mask & ~ndi.binary_erosion(mask, border_value=1))
    if not surfaces[1].any():
        return np.full(int(surfaces[0].sum()), np.inf)
    return ndi.distance_transform_edt(~surfaces[1], sampling=spacing)[surfaces[0]]


@given(labels=strategies.labels(), spacing=strategies.spacings())
@settings(max_examples=15, deadline=None)
def test_the_truth_scores_one(labels, spacing):
    found = st.segment.score(labels, labels, spacing=spacing)
    assert (found.phases[["dice", "iou", "precision", "recall"]] == 1).all(axis=None)
    assert (found.derived["error"] == 0).all()
    for name, best in (("boundary_f1", 1.0), ("hausdorff95_um", 0.0), ("mean_distance_um", 0.0)):
        assert set(found.phases[name].dropna()) <= {best}


def test_a_shifted_cube_has_the_scores_of_the_formula():
    labels, truth = cubes(2)
    row = st.segment.score(labels, truth, spacing=CUBIC, phases=[0, 1]).phases.iloc[1]
    overlap = 6 * 8 * 8
    assert row["dice"] == overlap / 512
    assert row["iou"] == overlap / (2 * 512 - overlap)
    assert (row["precision"], row["recall"]) == (0.75, 0.75)
    # Of the 296 surface voxels, those of the sides lie on the other cube's sides, but for the
    # two layers at the end; those of the ends are two voxels away.
    assert row["hausdorff95_um"] == pytest.approx(0.2, rel=1e-6)


@pytest.mark.parametrize(("tolerance", "f1"), [(0.1, 0.0), (0.2, 1.0)])
def test_a_moved_plane_agrees_within_its_shift_only(tolerance, f1):
    truth = np.zeros((4, 4, 12), np.uint8)
    truth[:, :, 6:] = 1
    found = st.segment.score(np.roll(truth, 2, axis=2)[:, :, 2:], truth[:, :, 2:],
                             spacing=CUBIC, tolerance=tolerance)  # fmt: skip
    for _, row in found.phases.iterrows():
        assert row["boundary_f1"] == f1
        assert row["hausdorff95_um"] == pytest.approx(0.2)
        assert row["mean_distance_um"] == pytest.approx(0.2)


def test_a_ball_that_is_too_large_has_the_errors_of_the_formula():
    z, y, x = np.ogrid[:56, :56, :56]
    far = np.sqrt((z - 27.5) ** 2 + (y - 27.5) ** 2 + (x - 27.5) ** 2)
    truth, labels = (far < 16).astype(np.uint8), (far < 20).astype(np.uint8)
    found = st.segment.score(labels, truth, spacing=CUBIC)
    row = found.phases.iloc[1]
    ratio = (16 / 20) ** 3
    # Voxel counts of balls are within 1 % of the formula from a radius of 16.
    assert row["iou"] == pytest.approx(ratio, rel=0.01)
    assert row["dice"] == pytest.approx(2 * ratio / (1 + ratio), rel=0.01)
    # Surface voxels lie within half a voxel of either sphere.
    assert row["mean_distance_um"] == pytest.approx(0.4, abs=0.05)
    area = found.derived.set_index("quantity").loc["contact_area_per_volume"]
    assert area["relative_error"] == pytest.approx((20 / 16) ** 2 - 1, rel=0.03)


@given(data=some.data(), spacing=strategies.spacings())
@settings(max_examples=25, deadline=None)
def test_surfaces_and_overlap_agree_with_scipy_and_sklearn(data, spacing):
    from sklearn.metrics import confusion_matrix, jaccard_score

    truth = data.draw(strategies.labels())
    labels = np.roll(truth, 1, axis=-1)
    found = st.segment.score(labels, truth, spacing=spacing)
    kinds = sorted({*np.unique(labels), *np.unique(truth)})
    if len(kinds) < 2:
        return  # sklearn warns of a single class
    expected = confusion_matrix(truth.ravel(), labels.ravel(), labels=kinds)
    np.testing.assert_array_equal(found.confusion.to_numpy()[:, :-1], expected)
    np.testing.assert_allclose(
        found.phases["iou"],
        jaccard_score(truth.ravel(), labels.ravel(), average=None, labels=kinds),
    )
    for k, kind in enumerate(kinds):
        there = oracle_steps(labels, truth, kind, spacing)
        back = oracle_steps(truth, labels, kind, spacing)
        if len(there) and len(back):
            row = found.phases.iloc[k]
            far = max(np.percentile(there, 95), np.percentile(back, 95))
            assert row["hausdorff95_um"] == pytest.approx(far, rel=1e-5)
            both = np.concatenate([there, back])
            assert row["mean_distance_um"] == pytest.approx(both.mean(), rel=1e-5)


@given(data=some.data())
@settings(max_examples=15, deadline=None)
def test_no_score_depends_on_the_cut(data):
    truth = data.draw(strategies.labels())
    labels = np.roll(truth, 1, axis=0)
    block = data.draw(strategies.blocks())
    phases = tuple(int(k) for k in np.unique(truth))
    pair = Known(labels, truth, phases), Known(truth, truth, phases)
    results = []
    with Engine.start("threads", 2) as engine:
        for grid, worker in (
            (Grid(truth.shape, truth.shape), SERIAL),
            (Grid(truth.shape, block), engine),
        ):
            counts = blocks.confusion(*pair, grid, worker)
            steps = [
                blocks.surface_steps(pair, k, SPACING, grid, worker, allocate=lambda _, d: np.zeros(truth.shape, d))
                for k in range(len(phases))
            ]  # fmt: skip
            pairs = blocks.contingency(labels, truth, grid, worker)
            results.append((counts, steps, pairs))
    (counts, steps, pairs), (counts2, steps2, pairs2) = results
    np.testing.assert_array_equal(counts, counts2)
    for one, two in zip(steps, steps2, strict=True):
        np.testing.assert_array_equal(one.squared, two.squared)
        np.testing.assert_array_equal(one.counts, two.counts)
        assert one.sum() == two.sum()
    for name in ("true", "found", "counts"):
        np.testing.assert_array_equal(getattr(pairs, name), getattr(pairs2, name))


def test_dask_arrays_and_threads_give_the_same_tables():
    import dask.array as da

    labels, truth = cubes(1)
    whole = st.segment.score(labels, truth, spacing=SPACING, axes=["z"])
    with Engine.start("threads", 2) as engine:
        lazy = st.segment.score(
            da.from_array(labels, chunks=7), da.from_array(truth, chunks=9),
            spacing=SPACING, axes=["z"], engine=engine,
        )  # fmt: skip
    for name, table in whole.tables.items():
        assert table.equals(lazy.tables[name]), name


def test_what_is_unlabelled_counts_nowhere():
    labels, truth = cubes(0)
    truth = truth.copy()
    truth[:, :, 12:] = 9
    labels[:, :, 12:] = 1 - labels[:, :, 12:]
    found = st.segment.score(labels, truth, spacing=CUBIC, unlabelled=9)
    assert list(found.phases["phase"]) == ["0", "1"]
    assert (found.phases["dice"] == 1).all()
    assert (found.phases["hausdorff95_um"] == 0).all()
    assert (found.derived["error"] == 0).all()


def test_a_label_of_no_phase_is_an_error_of_the_labels():
    labels, truth = cubes(0)
    labels[7, 7, 7] = 5
    found = st.segment.score(labels, truth, spacing=CUBIC, phases={"void": 0, "solid": 1})
    assert found.confusion.loc["solid", "none"] == 1
    assert found.phases.set_index("phase").loc["solid", "recall"] == 511 / 512


def test_a_missing_phase_is_infinitely_far():
    labels, truth = cubes(0)
    found = st.segment.score(np.zeros_like(labels), truth, spacing=CUBIC).phases
    assert math.isinf(found.loc[1, "hausdorff95_um"])
    assert (found.loc[1, "dice"], found.loc[1, "boundary_f1"]) == (0, 0)
    assert math.isnan(found.loc[1, "precision"])


def test_a_film_hides_from_the_overlap_and_not_from_the_contact():
    truth = np.zeros((24, 24, 24), np.uint8)
    truth[:, :, 8:] = 1
    truth[:, :, 16:] = 2
    labels = truth.copy()
    labels[:, :, 15] = 0  # a film of void, one voxel, between solid and solid
    found = st.segment.score(labels, truth, spacing=CUBIC)
    area = found.derived.set_index(["quantity", "subject"]).loc["contact_area_per_volume"]
    assert found.phases["dice"].min() > 0.93
    assert area.loc["1|2", "relative_error"] == -1
    assert area.loc["0|2", "value"] > 0


def test_tortuosity_is_compared_where_asked():
    truth = np.ones((12, 6, 6), np.uint8)
    truth[:, 0] = 0
    labels = truth.copy()
    labels[4:8, 1] = 0
    rows = st.segment.score(labels, truth, spacing=CUBIC, axes=["z"]).derived
    tau = rows[rows["quantity"] == "tortuosity_factor"].set_index("subject")
    assert list(tau["axis"]) == ["z", "z"]
    assert tau.loc["1", "truth"] == pytest.approx(1.0)
    assert tau.loc["1", "value"] > 1.01


@pytest.mark.parametrize("seed", range(4))
def test_objects_agree_with_scikit_image(seed):
    from skimage.metrics import adapted_rand_error, variation_of_information

    rng = np.random.default_rng(seed)
    truth = ndi.label(ndi.gaussian_filter(rng.standard_normal((12, 14, 16)), 1) > 0)[0]
    labels = ndi.label(ndi.gaussian_filter(rng.standard_normal((12, 14, 16)), 1) > -0.05)[0]
    found = st.segment.score_instances(labels, truth)
    error, precision, recall = adapted_rand_error(truth, labels, ignore_labels=(0,))
    assert found.rand_error == pytest.approx(error, rel=1e-9)
    # scikit-image divides by the true pairs for what it calls precision.
    assert (found.rand_recall, found.rand_precision) == pytest.approx((precision, recall))
    kept = truth != 0
    split, merge = variation_of_information(truth[kept], labels[kept])
    assert (found.split, found.merge) == pytest.approx((split, merge))


def test_split_and_merge_are_told_apart():
    truth = np.repeat([1, 2], 8).reshape(1, 4, 4)
    halves = np.arange(16).reshape(1, 4, 4) // 4 + 1
    split = st.segment.score_instances(halves, truth)
    assert (split.split, split.merge, split.rand_precision) == (1.0, 0.0, 1.0)
    merged = st.segment.score_instances(np.ones_like(truth), truth)
    assert (merged.split, merged.merge, merged.rand_recall) == (0.0, 1.0, 1.0)
    assert (merged.true_objects, merged.found_objects) == (2, 1)


@given(labels=strategies.labels())
@settings(max_examples=10, deadline=None)
def test_numbers_of_objects_do_not_matter(labels):
    if not labels.any():
        return
    other = np.where(labels > 0, 1000 - labels.astype(np.int64), 0)
    assert st.segment.score_instances(other, labels).rand_error == 0.0


def test_counts_of_objects_add():
    rng = np.random.default_rng(0)
    true, found = rng.integers(0, 4, (2, 6, 6, 6))
    halves = [count_pairs(true[k : k + 3], found[k : k + 3], 0) for k in (0, 3)]
    assert object_score(Contingency.merged(halves)) == object_score(count_pairs(true, found, 0))


def test_percentiles_are_those_of_numpy():
    values = np.random.default_rng(1).integers(0, 9, 101).astype(float)
    unique, counts = np.unique(values, return_counts=True)
    steps = Steps(unique**2, counts.astype(np.int64))
    for percent in (0, 37, 50, 95, 100):
        assert steps.percentile(percent) == pytest.approx(np.percentile(values, percent))


@pytest.mark.parametrize(
    ("labels", "truth", "options", "error"),
    [
        (np.zeros((2, 2), int), np.zeros((2, 2), int), {}, AxisError),
        (np.zeros((2, 2, 2), int), np.zeros((2, 2, 3), int), {}, InputDataError),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), {}, InputDataError),
        (np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int), {"phases": [0, 3]}, PhaseMissingError),
        (np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int), {"unlabelled": 0}, PhaseMissingError),
        (np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int), {"tolerance": 0.0}, InputDataError),
        (np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int), {"axes": ["w"]}, AxisError),
        (np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int), {"spacing": (1, 1)}, VoxelSizeError),
        (np.arange(100).reshape(1, 10, 10), np.arange(100).reshape(1, 10, 10), {}, InputDataError),
    ],
)  # fmt: skip
def test_bad_input_is_explained(labels, truth, options, error):
    with pytest.raises(error):
        st.segment.score(labels, truth, **{"spacing": CUBIC, **options})


def test_no_objects_is_an_error():
    with pytest.raises(InputDataError):
        st.segment.score_instances(np.zeros((2, 2, 2), int), np.zeros((2, 2, 2), int))


def test_tables_are_written(tmp_path):
    import json

    labels, truth = cubes(2)
    found = st.segment.score(labels, truth, spacing=CUBIC)
    told = json.loads(found.write(tmp_path / "a").read_text("utf-8"))
    assert told["phases"][1]["dice"] == 0.75
    assert told["tolerance_um"] == 0.1
    assert {p.name for p in (tmp_path / "a").glob("*.csv")} == {
        "score_phases.csv", "score_confusion.csv", "score_derived.csv"
    }  # fmt: skip
    assert "dice" in str(found)
    objects = objects_table(st.segment.score_instances(labels, truth))
    write_tables({"instances": objects}, tmp_path / "b")
    assert (tmp_path / "b" / "score_instances.csv").is_file()


def test_the_command_scores_files(tmp_path):
    import json

    import tifffile
    from typer.testing import CliRunner

    from ssbtomo.cli import app

    labels, truth = cubes(2)
    for name, data in (("labels", labels), ("truth", truth)):
        tifffile.imwrite(tmp_path / f"{name}.tif", data, photometric="minisblack")
    files = [str(tmp_path / "labels.tif"), str(tmp_path / "truth.tif")]
    size = ["--voxel-size", "100 nm"]
    told = CliRunner().invoke(
        app, ["score", *files, *size, "--phases", "void=0,solid=1", "-o", str(tmp_path / "out"), "--json"]
    )  # fmt: skip
    assert told.exit_code == 0, told.output
    written = json.loads((tmp_path / "out" / "score.json").read_text("utf-8"))
    assert written["phases"][1]["dice"] == 0.75
    objects = CliRunner().invoke(app, ["score", *files, *size, "--instances"])
    assert "rand_error" in objects.output
    with pytest.raises(VoxelSizeError):
        CliRunner().invoke(app, ["score", *files], catch_exceptions=False)
