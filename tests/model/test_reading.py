"""Recipes: every problem at once, at its line, with what to do."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssbtomo.errors import RecipeError
from ssbtomo.model import load_recipe, problems, problems_by_key
from ssbtomo.model.schema import recipe_schema

GOOD = """\
    sample:
      path: a.tif
      voxel_size: [18.4 nm, 18.4 nm, 20 nm]
    phases:
      - {name: void, role: void}
      - {name: active, role: active}
    """


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def test_a_good_recipe_has_no_problem(tmp_path):
    recipe = load_recipe(written(tmp_path, GOOD))
    assert recipe.samples[0].voxel_size == pytest.approx((0.0184, 0.0184, 0.02))
    assert [phase.name for phase in recipe.samples[0].phases] == ["void", "active"]


def test_every_problem_is_told_at_its_line(tmp_path):
    path = written(
        tmp_path,
        """\
        sample:
          path: a.tif
          voxel_sise: [18.4 nm, 18.4 nm, 18.4 nm]
          voxel_size: [18.4 nm, 10, -3 nm]
        phases:
          - {name: void, role: viod}
          - {name: active, role: active}
        transport_axis: w
        denoise: {method: gaussian, strenght: 4}
        dnoise: 1
        """,
    )
    found = "\n".join(problems(path))
    for part in (
        "recipe.yaml:3: sample.voxel_sise: unknown key -> did you mean 'voxel_size'?",
        "recipe.yaml:4: sample.voxel_size.1: 10 is not a length with a unit -> write it as '25 nm'",
        "recipe.yaml:4: sample.voxel_size.2: input should be greater than 0, got '-3 nm'",
        "recipe.yaml:6: phases.0.role:",
        "recipe.yaml:8: transport_axis:",
        "recipe.yaml:9: denoise.strenght: unknown key -> did you mean 'strength'?",
        "recipe.yaml:10: dnoise: unknown key -> did you mean 'denoise'?",
    ):
        assert part in found


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("sample: {path: a}\nsample: {path: b}\n", "recipe.yaml:2: sample: the key is given twice"),
        ("sample: {path: a}\nphases: [{name: x}, {name: x}]\n", "two phases have the same name"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("sample: [\n", "not YAML"),
        ("- 1\n", "a recipe is a table"),
        ("{}\n", "sample: missing"),
        ("sample: {path: a}\n", "phases: missing"),
        ("sample: {path: a}\nsamples: []\n", "keep one"),
        ("samples: {path: a}\n", "not a list"),
        ("!!python/object/apply:os.system [ls]\n", "not YAML"),
    ],
)
def test_broken_outlines_are_explained(tmp_path, text, part):
    assert part in "\n".join(problems(written(tmp_path, text)))


def test_a_missing_recipe_suggests_one_that_is_there(tmp_path):
    written(tmp_path, GOOD)
    with pytest.raises(RecipeError, match=r"did you mean 'recipe\.yaml'"):
        load_recipe(tmp_path / "recipe.yml")


def test_samples_lay_their_own_keys_over_the_common_ones(tmp_path):
    path = written(
        tmp_path,
        """\
        samples:
          - {path: a.tif}
          - {path: b.tif, denoise: {radius: 2}, transport_axis: x}
        phases: [{name: void}, {name: solid}]
        denoise: {method: median}
        """,
    )
    first, second = load_recipe(path).samples
    assert (first.denoise.method, first.denoise.radius, first.transport_axis) == ("median", 1, "z")
    assert (second.denoise.method, second.denoise.radius, second.transport_axis) == (
        "median",
        2,
        "x",
    )


def test_thresholds_fit_the_phases(tmp_path):
    text = textwrap.dedent(GOOD) + "segment: {method: thresholds, thresholds: [3, 4]}\n"
    assert "2 phases need 1 thresholds, got 2" in "\n".join(problems(written(tmp_path, text)))


def test_the_schema_describes_the_file():
    schema = recipe_schema()
    assert {"sample", "samples", "phases", "segment", "run"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Sample"]["required"] == ["path"]


def test_a_resolved_recipe_reads_as_itself(tmp_path):
    import yaml

    recipe = load_recipe(written(tmp_path, GOOD))
    text = yaml.safe_dump(recipe.model_dump(mode="json", exclude_none=True), sort_keys=False)
    again = load_recipe(written(tmp_path, text))
    assert again == recipe


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(content):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.yaml"
        path.write_bytes(content)
        assert problems(path)


def test_problems_are_told_by_key_for_a_form():
    assert problems_by_key(textwrap.dedent(GOOD)) == []
    text = textwrap.dedent(GOOD) + "denoise: {radius: 9, raduis: 1}\n"
    assert problems_by_key(text) == [
        ("denoise.radius", "input should be less than or equal to 5, got 9"),
        ("denoise.raduis", "unknown key -> did you mean 'radius'?"),
    ]
    assert problems_by_key("a: [")[0][0] == "recipe"
