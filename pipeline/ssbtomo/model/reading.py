"""Recipes from YAML: all problems at once, each with its line and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ssbtomo.errors import RecipeError
from ssbtomo.model.recipe import Recipe, Sample
from ssbtomo.model.sample_table import read_table

__all__ = ["load_recipe", "problems", "problems_by_key", "read_recipe"]

_TOP = {"sample", "samples", "phases", "transport_axis", "reconstruct", "denoise", "segment",
        "range", "quantify", "run", "report"}  # fmt: skip
# A date that does not exist, a number of thousands of digits, dashes without end.
_STRANGE = (ValueError, TypeError, RecursionError, OverflowError)
_DEEPEST = 40  # brackets open at once
_LARGEST = 1_000_000  # bytes; a recipe is a page of text


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice and aliases (bombs, and unreadable)."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        line = _too_deep(stream)
        if line is not None:
            raise _MarkError("brackets within brackets within brackets -> a recipe is flat", line)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line  # type: ignore[no-untyped-call]
            raise _MarkError("aliases (*name) are not used in recipes", line)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _MarkError("a key must be a word", key.start_mark.line)
            if key.value in seen:
                raise _MarkError(
                    f"{key.value}: the key is given twice -> keep one", key.start_mark.line
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _too_deep(text: str) -> int | None:
    """Return the line where more brackets are open than any recipe needs: YAML takes ages there."""
    depth = 0
    for number, line in enumerate(text.splitlines()):
        for sign in line:
            depth = max(depth + (sign in "[{") - (sign in "]}"), 0)
            if depth > _DEEPEST:
                return number
    return None


class _MarkError(Exception):
    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.text, self.line = text, line


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe file, or raise with every problem it has.

    Parameters
    ----------
    path : str or pathlib.Path
        The YAML file.

    Returns
    -------
    Recipe
        The recipe, checked.

    Raises
    ------
    RecipeError
        With one line per problem: ``file:line: key: what -> what to do``.
    """
    found, recipe = read_recipe(Path(path))
    if recipe is None:
        raise RecipeError("\n".join(found))
    return recipe


def problems(path: str | Path) -> list[str]:
    """List each problem of a recipe file as ``file:line: key: what -> what to do``.

    Parameters
    ----------
    path : str or pathlib.Path
        The YAML file.

    Returns
    -------
    list of str
        Empty for a good recipe.
    """
    return read_recipe(Path(path))[0]


def read_recipe(path: Path) -> tuple[list[str], Recipe | None]:
    """Read a recipe file and all its problems.

    Parameters
    ----------
    path : pathlib.Path
        The YAML file.

    Returns
    -------
    problems : list of str
        Empty for a good recipe.
    recipe : Recipe or None
        The recipe if there is no problem.
    """
    found, root, data = _parsed(path)
    if found:
        return found, None
    found = list(_misfits(path, root, data))
    known = {k: v for k, v in data.items() if k in _TOP} if isinstance(data, dict) else {}
    if not {"sample", "samples"} & set(known):
        return found, None
    try:
        recipe = Recipe.model_validate(known)
    except ValidationError as error:
        return [*found, *_sayings(path, root, error)], None
    return found, None if found else recipe


def problems_by_key(text: str) -> list[tuple[str, str]]:
    """List each problem of a recipe that is being written, with its key, for a form.

    Parameters
    ----------
    text : str
        YAML.

    Returns
    -------
    list of (str, str)
        Dotted key, as in the text, and what is wrong; empty for a good recipe.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
        Recipe.model_validate(_content(text))
    except ValidationError as error:
        return list(dict.fromkeys((key or "recipe", what) for key, _, what in _told(root, error)))
    except (_MarkError, yaml.YAMLError, *_STRANGE) as error:
        return [("recipe", f"not YAML: {str(error).splitlines()[0]}")]
    return []


def _content(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)


def _parsed(path: Path) -> tuple[list[str], yaml.Node | None, Any]:
    """Return what keeps a file from being YAML, or its nodes with their lines, and its content."""
    try:
        text = _text(path)
        root, data = yaml.compose(text, Loader=_Loader), _content(text)
        if isinstance(data, dict) and isinstance(data.get("samples"), str):
            data["samples"] = read_table(path.parent / data["samples"], _content)
    except RecipeError as error:
        problem = str(error)
    except _MarkError as mark:
        problem = f"{path.name}:{mark.line + 1}: {mark.text}"
    except yaml.YAMLError as error:
        spot = getattr(error, "problem_mark", None)
        line = spot.line + 1 if spot else 1
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        problem = f"{path.name}:{line}: not YAML: {what} -> check indentation, colons and quotes"
    except _STRANGE as error:
        problem = f"{path.name}:1: not a recipe: {str(error)[:200]} -> put quotes around texts"
    else:
        return [], root, data
    return [problem], None, None


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise RecipeError(f"{path} is a folder, not a recipe", hint="give a YAML file")
        if path.stat().st_size > _LARGEST:
            raise RecipeError(
                f"{path.name} has {path.stat().st_size} bytes",
                hint="a recipe is a page of YAML; is this the scan?",
            )
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, [p.name for p in _siblings(path)], 1)
        hint = f"did you mean {near[0]!r}?" if near else "make one with: ssbtomo init SCAN"
        raise RecipeError(f"there is no recipe {path}", hint=hint) from None
    except UnicodeDecodeError:
        raise RecipeError(
            f"{path.name} is not a text file in UTF-8",
            hint="is this the scan? `ssbtomo init SCAN` makes a recipe for it",
        ) from None
    except OSError as error:
        raise RecipeError(
            f"{path} cannot be read: {error.strerror}", hint="check the path"
        ) from None


def _siblings(path: Path) -> Iterator[Path]:
    if path.parent.is_dir():
        yield from path.parent.iterdir()


def _misfits(path: Path, root: yaml.Node | None, data: object) -> Iterator[str]:
    """Yield what is wrong with the outline, which the merged model could not place."""
    if not isinstance(data, dict):
        yield f"{path.name}:1: a recipe is a table of sections -> make one with: ssbtomo init SCAN"
        return
    for key in data:
        if key not in _TOP:
            yield f"{path.name}:{_line(root, [key]) + 1}: {key}: unknown key{_meant(str(key), _TOP)}"
    if "sample" in data and "samples" in data:
        yield f"{path.name}:{_line(root, ['samples']) + 1}: samples: given beside `sample` -> keep one of them"
    if "sample" not in data and "samples" not in data:
        yield f"{path.name}:1: sample: missing, and it has no default -> name the scan: sample: {{path: scan.tif}}"
    if "samples" in data and not isinstance(data["samples"], list):
        yield f"{path.name}:{_line(root, ['samples']) + 1}: samples: not a list -> start each sample with a dash"


def _sayings(path: Path, root: yaml.Node | None, error: ValidationError) -> Iterator[str]:
    said = set()
    for key, line, what in _told(root, error):
        saying = f"{path.name}:{line}: {key or 'recipe'}: {what}"
        if saying not in said:
            said.add(saying)
            yield saying


def _told(root: yaml.Node | None, error: ValidationError) -> Iterator[tuple[str, int, str]]:
    """Yield key, line and words of each problem."""
    places = [problem["loc"] for problem in error.errors()]
    for problem in error.errors():
        here = problem["loc"]
        if problem["type"] == "too_short" and any(
            p[: len(here)] == here and p != here for p in places
        ):
            continue  # its items are already complained about
        where = list(problem["loc"])
        where = [
            step for step in where if not (isinstance(step, str) and step.startswith("function-"))
        ]
        named = _named_in(str(problem["msg"]))
        where += named
        problem["msg"] = (
            problem["msg"].replace(".".join(named) + " ", "", 1) if named else problem["msg"]
        )
        shown = _as_written(root, where)
        yield ".".join(map(str, shown)), _line(root, shown) + 1, _say(dict(problem), where)


def _named_in(message: str) -> list[str]:
    """Return the key that a check of a whole sample complains about, if it begins with one."""
    found = re.match(r"Value error, ((?:[a-z_]+\.)+[a-z_]+) ", message)
    return found[1].split(".") if found else []


def _as_written(root: yaml.Node | None, where: Sequence[str | int]) -> list[str | int]:
    """Translate ``samples.0.denoise.x`` back to where the file says it."""
    if len(where) < 2 or where[0] != "samples":
        return list(where)
    inner = list(where[2:])
    single = _child(root, "sample") is not None
    sample = _child(root, "sample") if single else _item(_child(root, "samples"), int(where[1]))
    if inner and _depth(sample, inner) == 0 and _child(root, str(inner[0])) is not None:
        return inner
    return ["sample" if single else f"samples.{where[1]}", *inner] if single else [*where]


def _depth(node: yaml.Node | None, steps: Sequence[str | int]) -> int:
    return 1 if _child(node, str(steps[0])) is not None else 0


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    return None


def _item(node: yaml.Node | None, index: int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and index < len(node.value):
        item: yaml.Node = node.value[index]
        return item
    return None


def _line(node: yaml.Node | None, where: Sequence[str | int]) -> int:
    """Return the line of the deepest node on the way to `where`."""
    line = node.start_mark.line if node else 0
    for step in where:
        if isinstance(node, yaml.MappingNode):
            named = {key.value: (key, value) for key, value in node.value}
            if str(step) not in named:
                return line
            key, node = named[str(step)]
            line = key.start_mark.line
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value)
        ):
            node = node.value[step]
            line = node.start_mark.line
        else:
            return line
    return line


def _say(problem: dict[str, Any], where: Sequence[str | int]) -> str:
    kind, given = problem["type"], problem.get("input")
    if kind == "missing":
        return "missing, and it has no default"
    if kind == "extra_forbidden":
        return "unknown key" + _meant(str(where[-1]), _known_keys(where[:-1]))
    text = str(problem["msg"]).removeprefix("Value error, ").replace("\n  -> ", " -> ")
    if kind in {"too_short", "too_long"}:
        least, most = problem["ctx"].get("min_length"), problem["ctx"].get("max_length")
        few = f"too few items -> give at least {least}"
        return few if kind == "too_short" else f"too many items -> give at most {most}"
    if kind in {"literal_error", "greater_than", "less_than", "greater_than_equal",
                "less_than_equal", "string_pattern_mismatch"}:  # fmt: skip
        text = f"{text}, got {given!r}"
    return text[0].lower() + text[1:]


def _known_keys(where: Sequence[str | int]) -> set[str]:
    model: type[BaseModel] = Recipe
    keys = set(Recipe.model_fields)
    for step in where:
        if step == "samples":
            model = Sample
        elif isinstance(step, str) and step in model.model_fields:
            inner = model.model_fields[step].annotation
            kinds = [inner, *getattr(inner, "__args__", ())]
            found = [k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)]
            if found:
                model = found[0]
        keys = set(model.model_fields)
    return keys


def _meant(key: str, known: set[str]) -> str:
    near = difflib.get_close_matches(key, sorted(known), 1)
    if near:
        return f" -> did you mean {near[0]!r}?"
    return f" -> the keys here are: {', '.join(sorted(known))}"
