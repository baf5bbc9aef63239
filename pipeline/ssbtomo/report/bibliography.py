"""The reference list that the package carries, and how its entries are printed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["PACKAGES", "Reference", "known_references"]

#: Packages whose use is cited, and their keys in ``references.bib``.
PACKAGES: dict[str, str] = {
    "numpy": "harris2020",
    "scipy": "virtanen2020",
    "scikit-image": "vanderwalt2014",
    "dask": "rocklin2015",
    "zarr": "zarr",
    "numba": "lam2015",
    "matplotlib": "hunter2007",
    "connected-components-3d": "silversmith2021",
}

_ENTRY = re.compile(r"^@(\w+)\{(\w+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  (\w+) = \{(.*)\},$", re.MULTILINE)
_ACCENTS = {r"{\"u}": "ü", r"{\"o}": "ö", r"{\'e}": "é", r"\&": "&", "--": "–"}


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of the reference list.

    Parameters
    ----------
    key : str
        Its BibTeX key.
    bibtex : str
        The entry as it stands in ``references.bib``.
    fields : dict of str to str
        The entry's fields, in plain text.
    """

    key: str
    bibtex: str
    fields: dict[str, str]

    @property
    def doi(self) -> str:
        """Its DOI, or empty."""
        return self.fields.get("doi", "")

    @property
    def text(self) -> str:
        """The entry as a sentence, without its DOI."""
        get = self.fields.get
        place = get("journal") or get("booktitle") or get("publisher") or ""
        volume = " ".join(part for part in (place, get("volume", "")) if part)
        pages = f", {get('pages')}" if get("pages") else ""
        year = f" ({get('year')})" if get("year") else ""
        parts = (_names(get("author", "")), f"{get('title', '')}", f"{volume}{pages}{year}".strip())
        return ". ".join(part for part in parts if part) + "."


def _names(authors: str) -> str:
    people = authors.split(" and ")
    if people[-1] == "others" or len(people) > 5:
        return f"{people[0]} et al"
    return "; ".join(people).rstrip(".")


def _plain(text: str) -> str:
    for coded, sign in _ACCENTS.items():
        text = text.replace(coded, sign)
    return text.replace("{", "").replace("}", "")


@cache
def known_references() -> dict[str, Reference]:
    """Return every entry of the package's reference list.

    Returns
    -------
    dict of str to Reference
        By BibTeX key.
    """
    text = files("ssbtomo.report").joinpath("references.bib").read_text("utf-8")
    return {
        key: Reference(
            key,
            f"@{kind}{{{key},\n{body}}}\n",
            {name: _plain(value) for name, value in _FIELD.findall(body)},
        )
        for kind, key, body in _ENTRY.findall(text)
    }
