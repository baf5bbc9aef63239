"""The recipe of a window: forms from the model, problems by key, files that run."""

from __future__ import annotations

import shlex

import pytest
import yaml

from napari_ssbtomo.controllers.recipe_draft import RecipeDraft
from napari_ssbtomo.controllers.recipe_forms import pages, read_value, shown_value
from ssbtomo.errors import SsbtomoError
from ssbtomo.model import Recipe, SampleRecipe, load_recipe


def fields():
    return {".".join(one.key): one for page in pages() for one in page.fields}


def test_every_key_of_the_model_has_a_field_with_help():
    known = fields()
    for section in ("denoise", "segment", "range", "quantify", "reconstruct"):
        model = SampleRecipe.model_fields[section].annotation
        for name, field in model.model_fields.items():
            place = f"{section}.{name}"
            page = any(p.key == (section, name) for p in pages())
            assert page or place in known, place
            if not page:
                assert known[place].help == field.description
    assert {"sample.path", "sample.voxel_size", "transport_axis", "run.workers"} <= set(known)


def test_fields_have_bounds_choices_and_defaults():
    known = fields()
    assert known["denoise.radius"].kind == "whole number"
    assert (known["denoise.radius"].low, known["denoise.radius"].high) == (1, 5)
    assert known["denoise.method"].choices == ("none", "gaussian", "median", "nlm", "tv")
    assert known["quantify.measures"].kind == "choices"
    assert known["segment.repair"].default is True
    assert known["denoise.sigma"].optional
    assert known["segment.model"].kind == "file"
    assert known["reconstruct.fib_sem.left_out"].kind == "yaml"


@pytest.mark.parametrize("key", sorted(fields()))
def test_a_default_that_is_shown_is_read_back(key):
    one = fields()[key]
    if one.default in (None, "") or one.kind in ("yes or no", "choice", "choices"):
        return
    assert read_value(one, shown_value(one, one.default)) == one.default


def test_the_defaults_of_all_fields_are_a_good_recipe():
    draft = RecipeDraft()
    draft.set(("sample", "path"), "scan.tif")
    for page in pages():
        for one in page.fields:
            if one.default is not None and not page.optional:
                draft.set(one.key, one.default)
    assert draft.problems() == {}
    assert Recipe.model_validate(yaml.safe_load(draft.text())).samples[0].path == "scan.tif"


def test_problems_are_told_by_key():
    draft = RecipeDraft()
    draft.set(("denoise", "radius"), 9)
    draft.set(("sample", "voxel_size"), ["25 nm", "25", "25 nm"])
    found = draft.problems()
    assert "less than or equal to 5, got 9" in found["denoise.radius"]
    assert "not a length with a unit" in found["sample.voxel_size.1"]
    assert "sample.path" in found
    draft.set(("segment", "thresholds"), [3.0, 2.0])
    assert any(key.startswith("segment") for key in draft.problems())


def test_taking_a_value_out_leaves_no_empty_table():
    draft = RecipeDraft({"sample": {"path": "a.tif"}})
    draft.set(("quantify", "transport", "cells"), 2)
    draft.set(("quantify", "transport", "cells"), None)
    assert draft.data == {"sample": {"path": "a.tif"}}


def test_listeners_hear_of_changes_only():
    draft, heard = RecipeDraft(), []
    end = draft.listen(lambda: heard.append(draft.get(("denoise", "method"))))
    draft.set(("denoise", "method"), "median")
    draft.set(("denoise", "method"), "median")
    end()
    draft.set(("denoise", "method"), "tv")
    assert heard == ["median"]


def test_a_saved_recipe_finds_its_files_from_its_own_folder(tmp_path):
    (tmp_path / "scans").mkdir()
    (tmp_path / "recipes").mkdir()
    (tmp_path / "scans" / "a.tif").touch()
    draft = RecipeDraft(home=tmp_path)
    draft.set(("sample", "path"), "scans/a.tif")
    file = draft.save(tmp_path / "recipes" / "mine")
    assert file == tmp_path / "recipes" / "mine.yaml"
    assert load_recipe(file).samples[0].path == str(tmp_path / "scans" / "a.tif")
    draft.save(tmp_path / "mine.yaml")
    assert load_recipe(tmp_path / "mine.yaml").samples[0].path == "scans/a.tif"
    assert not list(tmp_path.rglob("*.partial"))


def test_command_and_python_run_the_saved_file(tmp_path):
    draft = RecipeDraft()
    with pytest.raises(SsbtomoError, match="not saved"):
        draft.command("out")
    file = draft.save(tmp_path / "my recipe.yaml")
    assert shlex.split(draft.command("out")) == ["ssbtomo", "run", str(file), "-o", "out"]
    compile(draft.python("out"), "<copied>", "exec")
    assert repr(str(file)) in draft.python("out")


def test_a_recipe_of_several_samples_is_edited_in_its_first(tmp_path):
    file = tmp_path / "many.yaml"
    file.write_text(
        "samples: [{path: a.tif}, {path: b.tif}]\n"
        "phases: [{name: void, role: void}, {name: active, role: active}]\n"
    )
    draft = RecipeDraft()
    draft.load(file)
    draft.set(("sample", "path"), "c.tif")
    draft.set(("sample", "modality"), "xrd")
    assert list(draft.problems()) == ["sample.modality"]
    draft.set(("sample", "modality"), None)
    saved = load_recipe(draft.save(tmp_path / "again.yaml"))
    assert [sample.path for sample in saved.samples] == ["c.tif", "b.tif"]


@pytest.mark.parametrize("text", ["- a\n- b", "a: [", "\x00"])
def test_what_is_no_recipe_is_explained(tmp_path, text):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(SsbtomoError):
        RecipeDraft().load(file)
