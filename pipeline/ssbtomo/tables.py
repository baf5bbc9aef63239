"""Tables as CSV text in which a spreadsheet finds numbers and texts, but never a formula."""

from __future__ import annotations

from typing import Any

__all__ = ["csv_text", "plain_cell"]

# What spreadsheets take for the begin of a formula, also in the width of East Asian letters.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def plain_cell(value: Any) -> Any:
    """Return a cell as a text that no spreadsheet computes; what is no text stays as it is.

    Parameters
    ----------
    value : object
        A cell, or the name of a column.

    Returns
    -------
    object
        A text that would be taken for a formula gets an apostrophe in front.
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def csv_text(frame: Any, **options: Any) -> str:
    """Return a table as CSV.

    Names of samples and phases come from files and recipes of other people, and a cell that
    begins like ``=HYPERLINK(...)`` is run by the program that opens the table. Numbers stay
    numbers, negative ones too.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table.
    **options : object
        As for ``DataFrame.to_csv``.

    Returns
    -------
    str
        CSV with one line per row, without the index.
    """
    text = frame.select_dtypes(include=["object", "string", "category"]).columns
    frame = frame.assign(**{name: frame[name].map(plain_cell) for name in text})
    frame = frame.rename(columns=plain_cell)
    return str(frame.to_csv(index=False, lineterminator="\n", **options))
