"""Corrections: the last word on a voxel counts, any cut gives the same, and files cannot harm."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ssbtomo.blocks import Engine, Grid, halo_map
from ssbtomo.errors import FormatError, InputDataError, OutputError
from ssbtomo.segment import Corrections
from ssbtomo.segment.changes import changed_voxels
from ssbtomo.segment.overlay import Corrected

PHASES = {"void": 0, "electrolyte": 1, "active": 2}
WHEN = "2026-01-02T03:04:05+00:00"
labels = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=7), elements=st.integers(0, 2))  # fmt: skip


def painted(before, after, known=None, who="ann"):
    places, old, new = changed_voxels(before, after, Grid(before.shape, (3, 2, 4)))
    return (known or Corrections(before.shape)).added(
        places, (old, new), PHASES, who=who, when=WHEN
    )


def applied(found, before, file, grid, engine=None):
    out = np.full(before.shape, 9, np.uint8)
    found.save(file)
    sink = Corrected(out, str(file), tuple(found.numbered(list(PHASES)).tolist()))
    halo_map(np.asarray, before, sink, grid, engine or Engine())
    return out


@settings(max_examples=25)
@given(st.data(), labels)
def test_what_was_painted_comes_back_however_the_volume_is_cut(tmp_path_factory, data, before):
    after = data.draw(hnp.arrays(np.uint8, before.shape, elements=st.integers(0, 2)))
    block = data.draw(st.tuples(*[st.integers(1, 5)] * 3))
    file = tmp_path_factory.mktemp("c") / "c.zip"
    found = painted(before, after)
    assert len(found) == np.count_nonzero(before != after)
    np.testing.assert_array_equal(applied(found, before, file, Grid(before.shape, block)), after)


@settings(max_examples=15)
@given(st.data(), labels)
def test_sessions_add_up_and_the_last_word_counts(tmp_path_factory, data, before):
    steps = [before]
    found = Corrections(before.shape)
    for _ in range(3):
        steps.append(data.draw(hnp.arrays(np.uint8, before.shape, elements=st.integers(0, 2))))
        found = painted(steps[-2], steps[-1], found)
    file = tmp_path_factory.mktemp("c") / "c.zip"
    grid = Grid(before.shape, (4, 4, 4))
    np.testing.assert_array_equal(applied(found, before, file, grid), steps[-1])
    loaded = Corrections.load(file)
    assert loaded.records == found.records
    assert (loaded.phases, loaded.shape) == (found.phases, found.shape)
    assert file.read_bytes() == loaded.save(file).read_bytes()


def test_a_session_tells_who_when_where_and_what():
    before = np.zeros((4, 6, 8), np.uint8)
    after = before.copy()
    after[1, 2:4, 5] = 2
    after[3, 5, 7] = 1
    (record,) = painted(before, after).records
    assert (record.who, record.when, record.voxels) == ("ann", WHEN, 3)
    assert record.moved == (("void", "electrolyte", 1), ("void", "active", 2))
    assert record.box == ((1, 2, 5), (4, 6, 8))


def test_nothing_painted_is_no_session():
    before = np.ones((2, 3, 4), np.uint8)
    assert not painted(before, before).records


def test_a_label_without_a_phase_is_refused():
    before = np.zeros((2, 3, 4), np.uint8)
    with pytest.raises(InputDataError, match="label 7 was painted"):
        painted(before, before + np.uint8(7))


def test_phases_go_by_their_names_not_their_numbers():
    before = np.zeros((2, 2, 2), np.uint8)
    after = before.copy()
    after[0, 0, 0] = 2
    found = painted(before, after)
    assert found.numbered(["active", "void"]).tolist() == [0]
    assert found.numbered(["dark", "bright"], {"active": "bright"}).tolist() == [1]
    with pytest.raises(InputDataError, match="the phase 'active'; the phases are void"):
        found.numbered(["void", "electrolyte"])


def test_another_volume_is_refused():
    found = Corrections((2, 3, 4))
    with pytest.raises(InputDataError, match=r"\(2, 3, 4\) voxels, the labels have \(2, 3, 5\)"):
        found.check((2, 3, 5))
    with pytest.raises(InputDataError, match="outside"):
        found.added([[0, 0, 4]], ([0], [1]), PHASES, who="a", when=WHEN)
    with pytest.raises(InputDataError, match="shapes"):
        changed_voxels(np.zeros((1, 2, 3)), np.zeros((1, 2, 4)), Grid((1, 2, 3), (1, 2, 3)))


def test_a_corrected_store_goes_to_any_worker_and_looks_again_when_the_file_changes(tmp_path):
    before = np.zeros((3, 4, 5), np.uint8)
    one, two = before.copy(), before.copy()
    one[0], two[1] = 1, 2
    file, grid = tmp_path / "c.zip", Grid(before.shape, (2, 2, 2))
    np.testing.assert_array_equal(applied(painted(before, one), before, file, grid), one)
    np.testing.assert_array_equal(applied(painted(before, two), before, file, grid), two)
    sink = Corrected(before, str(file), (2,))
    assert pickle.loads(pickle.dumps(sink)).file == str(file)
    assert (sink.shape, sink.dtype, sink.shards) == ((3, 4, 5), np.uint8, None)
    with Engine.start("threads", 2) as engine:
        found = painted(before, two)
        np.testing.assert_array_equal(applied(found, before, file, grid, engine), two)


def rewritten(file, header=None, **arrays):
    with zipfile.ZipFile(file) as archive:
        told = json.loads(archive.read("corrections.json"))
        data = {name: archive.read(name) for name in archive.namelist()[1:]}
    told.update(header or {})
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, array)
        data[f"{name}.npy"] = buffer.getvalue()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("corrections.json", json.dumps(told))
        for name, content in data.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("header", "arrays"),
    [
        ({"kind": "something"}, {}),
        ({"shape": [2, 3]}, {}),
        ({"shape": [0, 3, 4]}, {}),
        ({"phases": []}, {}),
        ({"phases": [3]}, {}),
        ({"records": [{"who": "a"}]}, {}),
        ({"records": 7}, {}),
        ({}, {"labels": np.array([9], np.uint8)}),
        ({}, {"labels": np.array([0, 0], np.uint8)}),
        ({}, {"labels": np.array([object()], object)}),
        ({}, {"places": np.array([[0, 0, 99]], np.int32)}),
        ({}, {"places": np.array([[0, 0, 0]], np.int64)}),
        ({}, {"places": np.zeros((2, 3), np.int32), "labels": np.zeros(2, np.uint8)}),
    ],
)
def test_a_damaged_file_is_explained(tmp_path, header, arrays):
    before = np.zeros((2, 3, 4), np.uint8)
    after = before.copy()
    after[1, 1, 1] = 1
    file = painted(before, after).save(tmp_path / "c.zip")
    rewritten(file, header, **arrays)
    with pytest.raises(FormatError, match=r"c\.zip is no file of corrections, or a damaged one"):
        Corrections.load(file)


def test_files_that_cannot_be_read_or_written_are_told(tmp_path):
    file = Corrections((1, 1, 1)).save(tmp_path / "c.zip")
    rewritten(file, {"format": 2})
    with pytest.raises(FormatError, match="has the format '2', this version reads 1"):
        Corrections.load(file)
    with pytest.raises(FormatError, match="cannot be read"):
        Corrections.load(tmp_path / "nowhere.zip")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(FormatError, match="no file of corrections"):
        Corrections.load(tmp_path / "text.zip")
    with pytest.raises(OutputError, match="cannot be written"):
        Corrections((1, 1, 1)).save(tmp_path / "nowhere" / "c.zip")


def test_phases_of_an_earlier_session_stay():
    before = np.zeros((1, 1, 3), np.uint8)
    found = painted(before, np.array([[[2, 0, 0]]], np.uint8))
    more = painted(np.array([[[2, 0, 0]]], np.uint8), np.array([[[2, 1, 0]]], np.uint8), found)
    assert more.phases == ("active", "electrolyte")
    assert more.labels.tolist() == [0, 1]
    assert len(replace(more, records=())) == 2
