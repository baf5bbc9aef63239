"""What a word means: a quantity of the results, or a key of the recipe."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ssbtomo.errors import RecipeError
from ssbtomo.model import Recipe, Sample
from ssbtomo.model.schema import recipe_schema
from ssbtomo.report.glossary import GLOSSARY

__all__ = ["explain"]


def explain(word: str = "") -> str:
    """Return the definition of a quantity or of a recipe key.

    Parameters
    ----------
    word : str, optional
        A quantity, a key such as ``denoise.sigma``, ``recipe`` for all keys, ``schema``
        for the JSON schema; without it, what can be explained.

    Returns
    -------
    str
        Plain text.

    Raises
    ------
    RecipeError
        If the word is not known.
    """
    keys = dict(_keys())
    if word == "schema":
        return json.dumps(recipe_schema(), indent=1, ensure_ascii=False)
    if word == "recipe":
        return "\n".join(keys.values())
    if not word:
        return (
            "quantities:\n  " + "\n  ".join(GLOSSARY) + "\nrecipe keys:\n  " + "\n  ".join(keys)
            + "\nalso: recipe (all keys explained), schema (JSON schema)"
        )  # fmt: skip
    if word in GLOSSARY:
        return _defined(word)
    if word in keys:
        return keys[word]
    inside = [text for key, text in keys.items() if key.startswith(f"{word}.")]
    if inside:
        return "\n".join(inside)
    near = difflib.get_close_matches(word, [*GLOSSARY, *keys], 1)
    raise RecipeError(
        f"{word!r} is neither a quantity nor a recipe key",
        hint=f"did you mean {near[0]!r}?"
        if near
        else "`ssbtomo explain` lists what can be explained",
    )


def _defined(word: str) -> str:
    entry = GLOSSARY[word]
    return (
        f"{entry.title} ({word}), unit {entry.unit}\n  {entry.definition}\n"
        f"  estimator: {entry.estimator}\n  bias: {entry.bias}\n  source: {entry.source}"
    )


def _keys() -> Iterator[tuple[str, str]]:
    shared = {"phases", "transport_axis", "reconstruct", "denoise", "segment", "range", "quantify"}
    for name, field in Sample.model_fields.items():
        yield from _field(name if name in shared else f"sample.{name}", field)
    for name in ("run", "report"):
        yield from _field(name, Recipe.model_fields[name])


def _field(key: str, field: Any) -> Iterator[tuple[str, str]]:
    model = _model_of(field.annotation)
    if model is not None:
        for name, inner in model.model_fields.items():
            yield from _field(f"{key}.{name}", inner)
        return
    default = "required" if field.is_required() else f"default {_shown(field.default)}"
    yield key, f"{key} ({default})\n    {field.description or ''}"


def _shown(value: Any) -> str:
    if value is None or value is PydanticUndefined or value == "":
        return "none"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


def _model_of(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
