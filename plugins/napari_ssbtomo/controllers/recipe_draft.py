"""The recipe that a window is writing: every dock puts into it what was clicked."""

from __future__ import annotations

import copy
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from inspect import ismethod
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakMethod

from ssbtomo.errors import OutputError, RecipeError

__all__ = ["RecipeDraft", "draft_of"]

Key = tuple[str, ...]

_ABSENT = object()
_DRAFTS: WeakKeyDictionary[Any, RecipeDraft] = WeakKeyDictionary()
_PHASES = [{"name": role, "role": role} for role in ("void", "electrolyte", "active")]
#: Keys whose values are files, relative to the recipe.
_FILES = {"path", "truth", "model", "labels", "positions", "flats", "darks", "companions",
          "corrections"}  # fmt: skip


class RecipeDraft:
    """A recipe that is being written, as plain tables.

    Parameters
    ----------
    data : mapping, optional
        What it holds at first: a recipe of one `sample`, or of `samples`.
    home : pathlib.Path, optional
        What its relative paths start from.
    """

    def __init__(self, data: Mapping[str, Any] | None = None, home: Path | None = None) -> None:
        self.data: dict[str, Any] = copy.deepcopy(dict(data or {}))
        self.home = home or Path.cwd()
        self.path: Path | None = None
        self._listeners: list[Callable[[], Callable[[], None] | None]] = []
        if not data:
            self.data = {"sample": {"path": ""}, "phases": copy.deepcopy(_PHASES)}

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have a function called after each change.

        Parameters
        ----------
        listener : callable
            Without arguments.

        Returns
        -------
        callable
            Ends it.
        """
        kept: Any = WeakMethod(listener) if ismethod(listener) else lambda: listener
        self._listeners.append(kept)
        return lambda: self._listeners.remove(kept) if kept in self._listeners else None

    def get(self, key: Key, default: Any = None) -> Any:
        """Return what the recipe says.

        Parameters
        ----------
        key : tuple of str
            Such as ``("denoise", "sigma")``.
        default : object
            For a key that it does not hold.

        Returns
        -------
        object
            The value as written.
        """
        place, steps = self._at(key)
        for step in steps:
            if not isinstance(place, Mapping) or step not in place:
                return default
            place = place[step]
        return place

    def set(self, key: Key, value: Any) -> None:
        """Write a value, or take it out.

        Parameters
        ----------
        key : tuple of str
            Such as ``("denoise", "sigma")``; missing tables are made.
        value : object
            Plain; ``None`` takes the key out, and tables that are empty then.
        """
        if self.get(key, _ABSENT) == (_ABSENT if value is None else value):
            return
        place, steps = self._at(key)
        if value is None:
            _take_out(place, steps)
        else:
            for step in steps[:-1]:
                if not isinstance(place.get(step), dict):
                    place[step] = {}
                place = place[step]
            place[steps[-1]] = copy.deepcopy(value)
        self._changed()

    def _at(self, key: Key) -> tuple[dict[str, Any], Key]:
        """Return the table that a key is looked up in: of several samples, the first."""
        several = self.data.get("samples")
        if key[:1] == ("sample",) and isinstance(several, list) and several:
            if not isinstance(several[0], dict):
                several[0] = {}
            return several[0], key[1:]
        return self.data, key

    def replace(self, data: Mapping[str, Any], home: Path, path: Path | None = None) -> None:
        """Write another recipe in its place.

        Parameters
        ----------
        data : mapping
            The recipe.
        home : pathlib.Path
            What its relative paths start from.
        path : pathlib.Path, optional
            Its file.
        """
        self.data, self.home, self.path = copy.deepcopy(dict(data)), home, path
        self._changed()

    def load(self, path: str | Path) -> None:
        """Read a recipe file, good or not, as long as it is YAML.

        Parameters
        ----------
        path : str or pathlib.Path
            The file.

        Raises
        ------
        RecipeError
            If it cannot be read, or is no table.
        """
        import yaml

        file = Path(path)
        try:
            data = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise RecipeError(
                f"{file.name} cannot be read: {str(error).splitlines()[0]}",
                hint="pick a recipe, a YAML file",
            ) from error
        if not isinstance(data, dict):
            raise RecipeError(f"{file.name} is no recipe", hint="a recipe is a table of sections")
        self.replace(data, file.resolve().parent, file)

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by dotted key.

        Returns
        -------
        dict of str to str
            Empty for a recipe that can be run.
        """
        from ssbtomo.model import problems_by_key

        found: dict[str, str] = {}
        for where, what in problems_by_key(self.text()):
            key = where.replace("samples.0.", "sample.")
            found[key] = f"{found[key]}; {what}" if key in found else what
        return found

    def text(self, home: Path | None = None) -> str:
        """Return the recipe as YAML.

        Parameters
        ----------
        home : pathlib.Path, optional
            What its paths are to start from; where they start from now if not given.

        Returns
        -------
        str
            The file.
        """
        import yaml

        data = self.data if home is None else _moved(self.data, self.home, home)
        text: str = yaml.dump(
            copy.deepcopy(data), Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=100
        )
        return text

    def save(self, path: str | Path) -> Path:
        """Write the recipe file, in one step.

        Parameters
        ----------
        path : str or pathlib.Path
            The file; ``.yaml`` is added to a name without ending.

        Returns
        -------
        pathlib.Path
            What was written; paths in it start from its folder.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        file = Path(path)
        file = file if file.suffix else file.with_suffix(".yaml")
        home = file.resolve().parent
        draft = file.with_name(f".{file.name}.partial")
        try:
            draft.write_text(self.text(home), encoding="utf-8")
            draft.replace(file)
        except OSError as error:
            raise OutputError(
                f"{file} cannot be written: {error.strerror}",
                hint="choose a folder that exists and that you may write to",
            ) from error
        self.data, self.home, self.path = _moved(self.data, self.home, home), home, file
        self._changed()
        return file

    def command(self, out: str | Path) -> str:
        """Return the command that runs the saved recipe.

        Parameters
        ----------
        out : str or pathlib.Path
            The results folder.

        Returns
        -------
        str
            For a shell.

        Raises
        ------
        RecipeError
            If the recipe was not saved.
        """
        return shlex.join(["ssbtomo", "run", str(self._saved()), "-o", str(out)])

    def python(self, out: str | Path) -> str:
        """Return the lines of Python that run the saved recipe.

        Parameters
        ----------
        out : str or pathlib.Path
            The results folder.

        Returns
        -------
        str
            A script.

        Raises
        ------
        RecipeError
            If the recipe was not saved.
        """
        return (
            "import ssbtomo as st\n\n"
            f"results = st.run({str(self._saved())!r}, out={str(out)!r})\n"
            "print(results.table)\n"
        )

    def _saved(self) -> Path:
        if self.path is None:
            raise RecipeError("the recipe is not saved yet", hint="press Save recipe first")
        return self.path.resolve()

    def _changed(self) -> None:
        for kept in list(self._listeners):
            listener = kept()  # a dock that is gone hears nothing
            if listener is None:
                self._listeners.remove(kept)
            else:
                listener()


def draft_of(viewer: Any) -> RecipeDraft:
    """Return the draft of a window: one for all of its docks.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer.

    Returns
    -------
    RecipeDraft
        The same for every call with this viewer.
    """
    key = getattr(viewer, "__wrapped__", viewer)
    if key not in _DRAFTS:
        _DRAFTS[key] = RecipeDraft()
    return _DRAFTS[key]


def _take_out(table: dict[str, Any], key: Key) -> None:
    if not key:
        return
    head, *rest = key
    if not rest:
        table.pop(head, None)
    elif isinstance(table.get(head), dict):
        _take_out(table[head], tuple(rest))
        if not table[head]:
            del table[head]


def _moved(value: Any, old: Path, new: Path, key: str = "") -> Any:
    """Return tables whose files start from another folder."""
    if isinstance(value, Mapping):
        return {name: _moved(inner, old, new, name) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_moved(inner, old, new, key) for inner in value]
    if key in _FILES and isinstance(value, str) and value:
        return _from(new, (old / value))
    return value


def _from(home: Path, file: Path) -> str:
    absolute = os.path.abspath(file)  # noqa: PTH100 - `resolve` would follow links of a data set
    try:
        return str(Path(absolute).relative_to(home))
    except ValueError:
        return absolute


def _dumper() -> Any:
    import yaml

    class _Plain(yaml.SafeDumper):
        """Writes lists of numbers and names in one line, and no aliases."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def listed(dumper: Any, data: Any) -> Any:
        flat = not any(isinstance(item, dict | list) for item in data)
        return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)

    _Plain.add_representer(list, listed)
    _Plain.add_representer(tuple, listed)
    return _Plain
