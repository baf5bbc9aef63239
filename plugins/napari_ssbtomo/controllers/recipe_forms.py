"""Forms from the recipe model: one field per key, with its bounds, choices, default and help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from ssbtomo.errors import RecipeError

__all__ = ["Field", "Page", "pages", "read_value", "shown_value"]

Kind = Literal["yes or no", "choice", "choices", "whole number", "number", "text", "file", "yaml"]
Key = tuple[str, ...]

_FILES = ("path", "truth", "model", "labels", "positions", "flats", "darks")
_OWN = ("samples", "sample", "phases")  # pages of their own, not made from one section


@dataclass(frozen=True, slots=True)
class Field:
    """One key of the recipe.

    Parameters
    ----------
    key : tuple of str
        Where it is, such as ``("denoise", "sigma")``.
    label : str
        Its name, in words.
    kind : str
        How it is filled in.
    help : str
        What it means.
    default : object
        Its value if the recipe does not say it, as it would be written.
    optional : bool
        Whether it may be absent, which means something of its own.
    choices : tuple of str
        What can be chosen.
    low, high : float or None
        Bounds of a number.
    """

    key: Key
    label: str
    kind: Kind
    help: str = ""
    default: Any = None
    optional: bool = False
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One section of the recipe.

    Parameters
    ----------
    key : tuple of str
        Where it is.
    title : str
        Its name.
    help : str
        What it is for.
    fields : tuple of Field
        Its keys.
    optional : bool
        Whether it may be absent as a whole, or lies in one that may.
    """

    key: Key
    title: str
    help: str
    fields: tuple[Field, ...] = field(default=(), repr=False)
    optional: bool = False


@cache
def pages() -> tuple[Page, ...]:
    """Return the sections of a recipe, in the order of the file.

    Returns
    -------
    tuple of Page
        Sections within sections are pages, too.
    """
    from ssbtomo.model import Recipe, Sample, SampleRecipe

    shared, whole = SampleRecipe.model_json_schema(), Recipe.model_json_schema()
    own = set(Sample.model_fields) - set(SampleRecipe.model_fields)
    sample = Sample.model_json_schema()
    first = Page(
        ("sample",),
        "Sample",
        "What was imaged.",
        tuple(
            _field(("sample", name), entry, sample)
            for name, entry in sample["properties"].items()
            if name in own
        ),
    )
    found = [first, Page(("phases",), "Phases", "The phases, darkest first.")]
    for schema in (shared, whole):
        found += _pages((), schema, schema)
    return tuple(page for page in found if page.key not in {("samples",)})


def _pages(
    key: Key, schema: Mapping[str, Any], root: Mapping[str, Any], *, optional: bool = False
) -> Iterator[Page]:
    """Yield the page of each section, before those inside it."""
    loose = []
    for name, entry in schema["properties"].items():
        inner = _section(entry, root)
        if inner is None:
            loose.append((name, entry))
            continue
        place = (*key, name)
        fields = tuple(
            _field((*place, one), sub, root)
            for one, sub in inner["properties"].items()
            if _section(sub, root) is None
        )
        about = str(entry.get("description") or inner.get("description", ""))
        loosely = optional or _plain(entry, root)[1]
        yield Page(place, _title(place), about, fields, loosely)
        yield from _pages(place, _only_sections(inner, root), root, optional=loosely)
    if not key:
        general = tuple(_field((name,), entry, root) for name, entry in loose if name not in _OWN)
        if general:
            yield Page(("transport_axis",), "Direction", "", general)


def _only_sections(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        name: entry
        for name, entry in schema["properties"].items()
        if _section(entry, root) is not None
    }
    return {"properties": inner}


def _section(entry: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the schema of a section that a key holds, if it holds one."""
    found, _ = _plain(entry, root)
    return found if found.get("type") == "object" and "properties" in found else None


def _plain(entry: Mapping[str, Any], root: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Return what an entry is if it is there, and whether it may be absent."""
    optional = False
    while "$ref" in entry or "anyOf" in entry or "allOf" in entry:
        if "$ref" in entry:
            entry = root["$defs"][entry["$ref"].rpartition("/")[2]]
            continue
        options = entry.get("anyOf") or entry["allOf"]
        there = [one for one in options if one.get("type") != "null"]
        optional = optional or len(there) < len(options)
        texts = [one for one in there if one.get("type") == "string"]
        entry = {**{k: v for k, v in entry.items() if k not in ("anyOf", "allOf")}, **(
            texts[0] if texts else there[0]
        )}  # fmt: skip
    return entry, optional


def _field(key: Key, entry: Mapping[str, Any], root: Mapping[str, Any]) -> Field:
    found, optional = _plain(entry, root)
    kind, choices = _kind(key[-1], found)
    low = found.get("minimum", found.get("exclusiveMinimum"))
    high = found.get("maximum", found.get("exclusiveMaximum"))
    return Field(
        key, _title(key[-1:]), kind, str(entry.get("description", found.get("description", ""))),
        entry.get("default"), optional, choices, low, high,
    )  # fmt: skip


def _kind(name: str, found: Mapping[str, Any]) -> tuple[Kind, tuple[str, ...]]:
    items = found.get("items", {})
    if "enum" in found or "const" in found:
        return "choice", tuple(map(str, found.get("enum", [found.get("const")])))
    if found.get("type") == "array" and "enum" in items:
        return "choices", tuple(map(str, items["enum"]))
    kinds: dict[str, Kind] = {
        "boolean": "yes or no", "integer": "whole number", "number": "number", "string": "text",
    }  # fmt: skip
    kind = kinds.get(str(found.get("type")), "yaml")
    return ("file" if kind == "text" and name in _FILES else kind), ()


def _title(key: Key) -> str:
    words = [step.replace("_", " ") for step in key]
    return ": ".join([words[0].capitalize(), *words[1:]])


def shown_value(one: Field, value: Any) -> str:
    """Return a value as the text of a form.

    Parameters
    ----------
    one : Field
        The key.
    value : object
        As in the recipe; ``None`` if it does not say it.

    Returns
    -------
    str
        Empty for what is absent.
    """
    if value is None:
        return ""
    if one.kind == "yaml":
        import yaml

        text: str = yaml.safe_dump(_plainly(value), default_flow_style=True, width=10**6)
        return text.removesuffix("...\n").strip()
    if isinstance(value, float) and value.is_integer() and abs(value) < 10**15:
        return str(int(value))
    return str(value)


def _plainly(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def read_value(one: Field, text: str) -> Any:
    """Return what was typed into a form as a value of the recipe.

    Parameters
    ----------
    one : Field
        The key.
    text : str
        What was typed; empty for absent.

    Returns
    -------
    object
        Plain; what is no number stays a text, and the recipe's check tells why it is wrong.

    Raises
    ------
    RecipeError
        If a list or table is not written as one.
    """
    words = text.strip()
    if not words:
        return None
    if one.kind == "yaml":
        import yaml

        try:
            return yaml.safe_load(words)
        except yaml.YAMLError as error:
            raise RecipeError(
                f"{'.'.join(one.key)}: not a list or table: {str(error).splitlines()[0]}",
                hint="write lists as [a, b], tables as {name: value}",
            ) from error
    if one.kind in ("whole number", "number"):
        for number in (int, float):
            try:
                return number(words)
            except ValueError:
                continue
    return words
