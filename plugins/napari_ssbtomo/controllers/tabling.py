"""Tables of measurements as text: for a dock, the clipboard and a file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from ssbtomo.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["clipboard_text", "save_csv", "shown"]


def shown(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Arrange a table of measurements for reading.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns as in `ssbtomo.results.COLUMNS`.

    Returns
    -------
    dict of str to list of str
        The columns to show. Values have four digits, `low` and `high` become one
        range; columns in which nothing differs or nothing stands are left out.
    """
    columns = {
        "quantity": [text.replace("_", " ") for text in frame["quantity"]],
        "subject": [text.replace("|", " | ") for text in frame["subject"]],
        "axis": list(frame["axis"]),
        "value": [_number(value) for value in frame["value"]],
        "range": [_range(low, high) for low, high in zip(frame["low"], frame["high"], strict=True)],
        "unit": ["" if unit == "1" else unit for unit in frame["unit"]],
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
    return str(frame.to_csv(index=False))


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


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _range(low: float, high: float) -> str:
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"{_number(low)} – {_number(high)}"
