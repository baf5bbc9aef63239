"""Numbers, units and names as a reader wants to see them."""

from __future__ import annotations

import math
import re

from ssbtomo.report.glossary import GLOSSARY

__all__ = ["number", "prose", "short", "span", "subject_text", "title", "unit_text"]

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_POWER = re.compile(r"\^(-?\d+)")
_IN_TEXT = re.compile(r"(?<=\d )(1/um|um)(\^\d)?\b")
_INVERSE = re.compile(r"1/([A-Za-zµ]+)(?:\^(\d+))?")


def unit_text(unit: str) -> str:
    """Write an ASCII unit with its proper signs.

    Parameters
    ----------
    unit : str
        As in the results table, such as ``"1/um^2"``; ``"1"`` is no unit.

    Returns
    -------
    str
        For example ``"µm⁻²"``; empty for ``"1"``.

    Examples
    --------
    >>> unit_text("1/um")
    'µm⁻¹'
    """
    if unit in {"", "1"}:
        return ""
    match = _INVERSE.fullmatch(unit)
    text = f"{match[1]}^-{match[2] or 1}" if match else unit
    text = _POWER.sub(lambda found: found[1].translate(_SUPERSCRIPT), text)
    return re.sub(r"\bum", "µm", text)


def _decimals(value: float, digits: int) -> int:
    magnitude = int(f"{abs(value):.{digits - 1}e}".split("e")[1])
    return max(0, digits - 1 - magnitude)


def _scientific(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def number(value: float, *, digits: int = 3, like: float | None = None, whole: bool = False) -> str:
    """Write a number with a few significant digits.

    Parameters
    ----------
    value : float
        The number; infinite is ``"∞"``, not a number is ``"n/a"``.
    digits : int
        Significant digits.
    like : float, optional
        Show as many decimals as this number would have.
    whole : bool
        A count: no decimals.

    Returns
    -------
    str
        For example ``"0.312"`` or ``"1.20×10⁻⁴"``.
    """
    if not math.isfinite(value):
        return "n/a" if math.isnan(value) else "∞" if value > 0 else "−∞"
    scale = value if like is None or not math.isfinite(like) or like == 0 else like
    if whole:
        return f"{value:.0f}"
    if value == 0:
        return "0"
    if not 1e-3 <= abs(scale) < 1e5:
        return _scientific(value, digits).replace("-", "−")
    if (
        float(value).is_integer()
        and abs(value) < 1e5
        and like is None
        and abs(value) >= 10 ** (digits - 1)
    ):
        return f"{value:.0f}"
    return f"{value:.{_decimals(scale, digits)}f}".replace("-", "−")


def span(low: float, high: float, *, like: float | None = None, whole: bool = False) -> str:
    """Write the range of a number.

    Parameters
    ----------
    low, high : float
        Its ends; not a number if no range was computed.
    like : float, optional
        The number whose range it is; its decimals are used.
    whole : bool
        A count: no decimals.

    Returns
    -------
    str
        For example ``"0.298–0.327"``, ``"unchanged"`` if four digits do not tell its ends
        apart, or empty.
    """
    if math.isnan(low) or math.isnan(high):
        return ""
    for digits in (3, 4):
        ends = [number(end, like=like, whole=whole, digits=digits) for end in (low, high)]
        if ends[0] != ends[1]:
            return "–".join(ends)
    return "∞" if math.isinf(low) else "unchanged"


def prose(text: str) -> str:
    """Write the units in a sentence with their proper signs.

    Parameters
    ----------
    text : str
        Such as a warning.

    Returns
    -------
    str
        The same with µm for um.
    """
    return _IN_TEXT.sub(lambda found: unit_text(found[0]), text)


def subject_text(subject: str) -> str:
    """Write a subject of the results table for reading.

    Parameters
    ----------
    subject : str
        A phase, or phases joined by ``|``.

    Returns
    -------
    str
        Phases joined by ``" | "``.
    """
    return " | ".join(part.strip() for part in subject.split("|"))


def title(quantity: str) -> str:
    """Return a quantity's name in plain words.

    Parameters
    ----------
    quantity : str
        As in the results table.

    Returns
    -------
    str
        Its title in the glossary, or the name with spaces.
    """
    known = GLOSSARY.get(quantity)
    return known.title if known else quantity.replace("_", " ").capitalize()


def short(text: str, longest: int) -> str:
    """Cut a name that is too long for a figure.

    Parameters
    ----------
    text : str
        The name.
    longest : int
        Signs that fit.

    Returns
    -------
    str
        The name, or its beginning and an ellipsis.
    """
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
