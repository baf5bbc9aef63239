"""The JSON schema of a recipe file, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from ssbtomo.model.recipe import Recipe, SampleRecipe

__all__ = ["recipe_schema"]


def recipe_schema() -> dict[str, Any]:
    """Return the JSON schema of a recipe file.

    Returns
    -------
    dict
        Draft 2020-12; one `sample` or a list of `samples`, and the sections that they share.
    """
    schema: dict[str, Any] = Recipe.model_json_schema()
    shared = SampleRecipe.model_json_schema()
    definitions = {**schema.pop("$defs"), **shared.get("$defs", {})}
    sample = definitions["Sample"]
    sample["required"] = ["path"]
    properties = {
        "sample": {"$ref": "#/$defs/Sample"},
        "samples": {
            "oneOf": [
                {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/Sample"}},
                {"type": "string", "description": "A CSV table with one row per sample."},
            ]
        },
        **shared["properties"],
        "run": schema["properties"]["run"],
        "report": schema["properties"]["report"],
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ssbtomo recipe",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [{"required": ["sample"]}, {"required": ["samples"]}],
        "$defs": definitions,
    }
