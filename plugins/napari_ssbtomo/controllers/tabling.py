"""Tables of measurements as text: for a dock, the clipboard and a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from ssbtomo.errors import OutputError
from ssbtomo.tables import csv_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["clipboard_text", "save_csv", "shown"]

_UNITS = {"um": "µm", "1/um": "1/µm", "1/um^2": "1/µm²", "um^2": "µm²", "um^3": "µm³"}

#: A word joiner, which has no width: without it magicgui's table takes the text for a
#: number and writes 0.08564 as 8.564e-02.
_TEXT = "\u2060"


def shown(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Arrange a table of measurements for reading.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns as in `ssbtomo.results.COLUMNS`.

    Returns
    -------
    dict of str to list of str
        The columns to show: values in four digits with their unit, `low` and `high` as
        one range; the sample only if there are several; no column that is empty.
    """
    columns = {
        "quantity": [
            _quantity(*pair) for pair in zip(frame["quantity"], frame["axis"], strict=True)
        ],
        "subject": [text.replace("|", " | ") for text in frame["subject"]],
        "value": [_value(*pair) for pair in zip(frame["value"], frame["unit"], strict=True)],
        "range": [_range(*pair) for pair in zip(frame["low"], frame["high"], strict=True)],
        "warnings": list(frame["warnings"]),
    }
    if frame["sample"].nunique() > 1:
        columns = {"sample": list(frame["sample"]), **columns}
    return {name: texts for name, texts in columns.items() if name == "value" or any(texts)}


def clipboard_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV with all digits.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any table.

    Returns
    -------
    str
        CSV text with a header line.
    """
    return csv_text(frame)


def save_csv(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table as CSV.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any table.
    path : str or pathlib.Path
        The file; ``.csv`` is added to a name without suffix.

    Returns
    -------
    pathlib.Path
        The file that was written.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    file = Path(path)
    file = file if file.suffix else file.with_suffix(".csv")
    try:
        file.write_text(clipboard_text(frame), encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{file} cannot be written: {error.strerror}",
            hint="choose a folder that exists and that you may write to",
        ) from error
    return file


def _quantity(name: str, axis: str) -> str:
    words = name.replace("_", " ")
    return f"{words}, {axis}" if axis else words


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _value(value: float, unit: str) -> str:
    return f"{_number(value)} {_UNITS.get(unit, unit)}" if unit != "1" else _number(value) + _TEXT


def _range(low: float, high: float) -> str:
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{_number(low)} – {_number(high)}"
