"""Look through a stack for what spoils it: gaps, odd slices, blank slices, a data bar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ssbtomo.errors import AxisError, FormatError, InputDataError, SsbtomoError
from ssbtomo.io.numbering import gaps, slice_numbers
from ssbtomo.io.registry import open_volume, reader_for
from ssbtomo.io.slice_folder import FolderReader, slice_files, slice_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ssbtomo.io.tiff_pages import Page

__all__ = ["Problem", "StackReport", "check_stack", "data_bar_rows"]

_LOOKED_AT = 16  # slices of which pixels are read unless all are wanted
_SATURATED = 0.2  # share of pixels at the type's largest value that spoils a slice
_GREY = 16  # fewer distinct values are labels: they cannot be saturated, nor have a data bar


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a stack.

    Parameters
    ----------
    severity : {"error", "warning"}
        An error keeps the stack from being used.
    what : str
        A sentence.
    where : str
        The slices or files.
    """

    severity: Literal["error", "warning"]
    what: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.severity}: {self.what}" + (f" ({self.where})" if self.where else "")


@dataclass(frozen=True, slots=True)
class StackReport:
    """What was found in a stack.

    Parameters
    ----------
    path : str
        The stack.
    slices : int
        How many slices it has.
    examined : int
        Of how many the pixels were read.
    problems : tuple of Problem
        What is wrong, errors first.
    """

    path: str
    slices: int
    examined: int
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """True if nothing keeps the stack from being used."""
        return all(problem.severity != "error" for problem in self.problems)


def check_stack(path: str | Path, *, deep: bool = False, dataset: str | None = None) -> StackReport:
    """Look through a stack for what spoils it.

    Names and headers are looked at in full. Pixels are read from 16 slices, or from all:
    a blank, saturated or repeated slice between those is found by the deep check only.

    Parameters
    ----------
    path : str or Path
        Anything that `open_volume` opens, and folders that it refuses.
    deep : bool
        Read the pixels of every slice.
    dataset : str, optional
        What to take of a file that holds several things.

    Returns
    -------
    StackReport
        What is wrong, errors first.

    Raises
    ------
    InputDataError
        If there is no such path, or the folder is empty.
    """
    place = Path(path).expanduser()
    problems: list[Problem] = []
    slices = 0
    if isinstance(reader_for(place), FolderReader):
        files = slice_files(place)
        slices = len(files)
        problems += _numbering([file.name for file in files])
        problems += _headers(files)
    try:
        volume = open_volume(place, dataset=dataset)
    except SsbtomoError as error:
        if not problems:
            problems.append(Problem("error", error.problem.rstrip("."), str(place)))
        return StackReport(str(place), slices, 0, _sorted(problems))
    count = volume.shape[0]
    chosen = range(count) if deep else np.unique(np.linspace(0, count - 1, _LOOKED_AT).astype(int))
    pixels = _Pixels(deep=deep)
    for number in chosen:
        try:
            values = np.asarray(volume.data[int(number)].compute(scheduler="synchronous"))
        except (InputDataError, FormatError) as error:
            problems.append(Problem("error", error.problem, f"slice {number}"))
            continue
        pixels.look(int(number), values)
    problems += pixels.finish()
    return StackReport(str(place), count, len(chosen), _sorted(problems))


def data_bar_rows(slices: Sequence[NDArray[Any]]) -> int:
    """Return the height of a microscope's data bar at the bottom of slices.

    A band counts as a data bar if it is at least 8 rows and at most a quarter of the
    image, the same in all slices (95 % of each row), mostly of one value, with writing that
    spans half of the image's range, and if the picture above it differs from slice to slice.

    Parameters
    ----------
    slices : sequence of ndarray, shape (Y, X)
        At least two slices that lie apart.

    Returns
    -------
    int
        Rows of the bar; 0 if there is none.
    """
    if len(slices) < 2:
        return 0
    first = slices[0]
    same = np.mean([(first == other).mean(axis=1) for other in slices[1:]], axis=0)
    changing = np.flatnonzero(same < 0.95)
    rows = len(first) - 1 - int(changing[-1]) if changing.size else len(first)
    if not 8 <= rows <= len(first) // 4:
        return 0
    bar, above = first[-rows:], first[:-rows]
    values, counts = np.unique(bar, return_counts=True)
    span = float(values[-1]) - float(values[0])
    written = span >= 0.5 * (float(first.max()) - float(first.min())) > 0
    plain = counts.max() > 0.5 * bar.size and counts.max() < bar.size
    return rows if written and plain and same[: len(above)].mean() < 0.5 else 0


class _Pixels:
    """Collects what slices, shown one by one, have wrong with them."""

    def __init__(self, *, deep: bool) -> None:
        self.deep = deep
        self.blank: list[int] = []
        self.saturated: list[int] = []
        self.unreal: list[int] = []
        self.repeated: list[int] = []
        self.kept: list[NDArray[Any]] = []
        self.before: NDArray[Any] | None = None
        self.looked = 0

    def look(self, number: int, values: NDArray[Any]) -> None:
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            self.unreal.append(number)
        elif values.min() == values.max():
            self.blank.append(number)
        else:
            self._look_at_grey(number, values)
        if self.deep and self.before is not None and np.array_equal(self.before, values):
            self.repeated.append(number)
        self.before = values
        self.looked += 1

    def _look_at_grey(self, number: int, values: NDArray[Any]) -> None:
        if len(np.unique(values[:: max(values.shape[0] // 64, 1)])) <= _GREY:
            return
        if values.dtype.kind in "iu" and (values == np.iinfo(values.dtype).max).mean() > _SATURATED:
            self.saturated.append(number)
        if len(self.kept) < 4:
            self.kept.append(values)

    def finish(self) -> Iterator[Problem]:
        if self.unreal:
            yield Problem("error", "slices hold NaN or infinite values", _list(self.unreal))
        if self.looked and len(self.blank) == self.looked:
            yield Problem("error", "all slices are blank: one single value each", _list(self.blank))
        elif self.blank:
            yield Problem("warning", "slices are blank: one single value", _list(self.blank))
        if self.saturated:
            what = (
                f"slices are saturated: over {_SATURATED:.0%} of the pixels have the largest value"
            )
            yield Problem("warning", what, _list(self.saturated))
        if set(self.repeated) - set(self.blank):
            what = "slices are identical to the slice before them"
            yield Problem("warning", what, _list(sorted(set(self.repeated) - set(self.blank))))
        rows = data_bar_rows(self.kept)
        if rows:
            yield Problem(
                "warning", "the slices carry a data bar; crop it", f"the last {rows} rows"
            )


def _numbering(names: list[str]) -> Iterator[Problem]:
    numbers = slice_numbers(names)
    if numbers is None:
        yield Problem("warning", "the file names are not numbered alike; gaps cannot be found")
        return
    missing, repeated = gaps(numbers)
    if missing:
        yield Problem("warning", "slice numbers are missing", _list(missing))
    if repeated:
        yield Problem("warning", "slice numbers occur more than once", _list(repeated))


def _headers(files: list[Path]) -> Iterator[Problem]:
    pages: dict[str, Page] = {}
    for file in files:
        try:
            pages[file.name] = slice_header(file)
        except (FormatError, AxisError) as error:
            yield Problem("error", error.problem, file.name)
    looks: tuple[tuple[str, list[Any]], ...] = (
        ("shape", [(page.height, page.width) for page in pages.values()]),
        ("type", [page.dtype for page in pages.values()]),
    )
    for what, values in looks:
        usual = max(set(values), key=values.count) if values else None
        odd = [name for name, value in zip(pages, values, strict=True) if value != usual]
        if odd:
            yield Problem("error", f"slices have another {what} than the usual {usual}", _list(odd))
    colored = [name for name, page in pages.items() if page.samples > 1]
    if colored:
        yield Problem("error", "slices are colour images", _list(colored))


def _list(items: Sequence[int] | Sequence[str]) -> str:
    return ", ".join(map(str, items[:8])) + (f", ... {len(items)} in all" if len(items) > 8 else "")


def _sorted(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: problem.severity != "error"))
