"""Every quantity and every key of the recipe can be explained, in full."""

from __future__ import annotations

import json
import re

import pytest

from ssbtomo.errors import RecipeError
from ssbtomo.explaining import explain
from ssbtomo.model import MEASURES
from ssbtomo.report.glossary import GLOSSARY


def listed() -> list[str]:
    """The recipe keys that `explain` lists."""
    text = explain().split("recipe keys:\n")[1].split("\nalso:")[0]
    return [line.strip() for line in text.splitlines()]


@pytest.mark.parametrize("word", sorted(GLOSSARY))
def test_a_quantity_has_unit_estimator_bias_and_source(word):
    text = explain(word)
    assert text.startswith(f"{GLOSSARY[word].title} ({word}), unit ")
    for part in ("estimator", "bias", "source"):
        assert re.search(rf"^  {part}: \S", text, re.MULTILINE), part


@pytest.mark.parametrize("key", listed())
def test_a_recipe_key_has_a_default_and_a_sentence(key):
    head, sentence = explain(key).split("\n", 1)
    assert re.fullmatch(rf"{re.escape(key)} \((required|default .+)\)", head)
    assert sentence.strip().endswith((".", ")")), sentence


def test_a_section_explains_its_keys():
    text = explain("denoise")
    assert "denoise.sigma (" in text
    assert "segment." not in text


def test_the_keys_are_written_as_in_the_recipe():
    assert {"sample.path", "sample.voxel_size", "phases.role", "transport_axis", "denoise.method",
            "segment.repair", "range.shift", "quantify.measures", "run.workers"} <= set(listed())  # fmt: skip


def test_recipe_explains_all_keys_at_once():
    text = explain("recipe")
    assert all(f"{key} (" in text for key in listed())


def test_schema_is_json_schema():
    schema = json.loads(explain("schema"))
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"phases", "sample"} <= set(schema["properties"])


def test_the_list_names_every_quantity():
    quantities = explain().split("\nrecipe keys:")[0].splitlines()[1:]
    assert [line.strip() for line in quantities] == list(GLOSSARY)


def test_the_measures_are_listed_in_their_default():
    assert all(name in explain("quantify.measures") for name in MEASURES)


@pytest.mark.parametrize(
    ("word", "hint"),
    [("porosty", "did you mean 'porosity'"), ("denoise.sgma", "did you mean 'denoise.sigma'"),
     ("zzzz", "`ssbtomo explain` lists")],
)  # fmt: skip
def test_an_unknown_word_gets_the_nearest(word, hint):
    with pytest.raises(RecipeError, match="neither a quantity nor a recipe key") as raised:
        explain(word)
    assert hint in raised.value.hint
