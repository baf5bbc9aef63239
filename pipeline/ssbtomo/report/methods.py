"""The methods text: each stage that ran says its sentence, with its references."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ssbtomo.report.bibliography import PACKAGES, Reference, known_references
from ssbtomo.report.folder import RunView

__all__ = ["Citation", "Methods", "Paragraph", "assemble"]

_CITED = re.compile(r"\s*\[((?:@[\w:.-]+(?:;\s*)?)+)\]")


@dataclass(frozen=True, slots=True)
class Citation:
    """A reference in the list.

    Parameters
    ----------
    number : int
        Its place in the list, from 1.
    key : str
        Its BibTeX key.
    entry : Reference or None
        What the package's reference list holds under that key.
    """

    number: int
    key: str
    entry: Reference | None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences that hold for some samples.

    Parameters
    ----------
    samples : tuple of str
        The samples whose stages said just this.
    text : str
        The sentences, citations as ``[@key]``.
    """

    samples: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Methods:
    """The text, in Markdown with ``[@key]`` citations, and the references.

    Parameters
    ----------
    paragraphs : tuple of Paragraph
        The text; samples that were treated alike share a paragraph.
    citations : tuple of Citation
        The references, in the order in which the text cites them.
    """

    paragraphs: tuple[Paragraph, ...]
    citations: tuple[Citation, ...]

    def pieces(self, text: str) -> list[tuple[str, tuple[Citation, ...]]]:
        """Split a paragraph into plain text, each piece with the citations that follow it.

        Parameters
        ----------
        text : str
            A paragraph's text.

        Returns
        -------
        list of tuple
            Text and citations, in order.
        """
        by_key = {citation.key: citation for citation in self.citations}
        parts = _CITED.split(text)
        marks = [tuple(by_key[key] for key in _keys(part)) for part in parts[1::2]]
        return list(zip(parts[::2], [*marks, ()], strict=True))

    @property
    def markdown(self) -> str:
        """The text as a Markdown file for pandoc, with a printed list of the references."""
        lines = ["# Methods", ""]
        several = len(self.paragraphs) > 2
        for paragraph in self.paragraphs:
            if several and paragraph.samples:
                lines += [f"**{', '.join(paragraph.samples)}.**"]
            lines += [paragraph.text, ""]
        lines += ["## References", ""]
        lines += [f"{c.number}. {_printed(c)}" for c in self.citations]
        return "\n".join(lines) + "\n"

    @property
    def bibtex(self) -> str:
        """The references as a BibTeX file."""
        parts = [
            c.entry.bibtex
            if c.entry
            else f"% {c.key}: cited by a stage, but not in ssbtomo's reference list\n"
            for c in self.citations
        ]
        return "\n".join(parts)


def _printed(citation: Citation) -> str:
    if citation.entry is None:
        return f"{citation.key} (not in ssbtomo's reference list)"
    doi = f" https://doi.org/{citation.entry.doi}" if citation.entry.doi else ""
    return f"{citation.entry.text}{doi} [{citation.key}]"


def _keys(mark: str) -> list[str]:
    return [part.strip().lstrip("@").rstrip(".:") for part in mark.split(";") if part.strip()]


def assemble(run: RunView) -> Methods:
    """Put the methods text together from the stages that ran.

    Parameters
    ----------
    run : RunView
        The run; each stage carries its sentence and the keys of its references.

    Returns
    -------
    `Methods`
        One paragraph for all samples that were treated alike, and one on the software.
    """
    grouped: dict[str, list[str]] = {}
    for sample in run.samples:
        grouped.setdefault(_told(sample.about.get("stages", [])), []).append(sample.name)
    paragraphs = [Paragraph(tuple(names), text) for text, names in grouped.items() if text]
    paragraphs.append(Paragraph((), _software(run.about)))
    keys = list(
        dict.fromkeys(k for p in paragraphs for m in _CITED.findall(p.text) for k in _keys(m))
    )
    known = known_references()
    citations = tuple(Citation(n, key, known.get(key)) for n, key in enumerate(keys, 1))
    return Methods(tuple(paragraphs), citations)


def _told(stages: list[dict[str, Any]]) -> str:
    sentences = []
    for stage in stages:
        sentence = str(stage.get("methods", "")).strip()
        if sentence:
            sentences.append(
                _with_references(sentence, [str(k) for k in stage.get("references", [])])
            )
    return " ".join(sentences)


def _with_references(sentence: str, keys: list[str]) -> str:
    """Cite at the sentence's end what it does not cite itself; end it with a stop."""
    cited = {key for mark in _CITED.findall(sentence) for key in _keys(mark)}
    missing = [key for key in keys if key not in cited]
    body = sentence.rstrip(".")
    if not missing:
        return f"{body}."
    mark = "; ".join(f"@{key}" for key in missing)
    if re.search(r"\[@[^\]]+\]$", body):
        return f"{body[:-1]}; {mark}]."
    return f"{body} [{mark}]."


def _software(about: dict[str, Any]) -> str:
    versions: dict[str, str] = about.get("versions", {})
    used = [
        f"{name} {version}" + (f" [@{PACKAGES[name]}]" if name in PACKAGES else "")
        for name, version in versions.items()
        if name in PACKAGES
    ]
    text = f"All steps were run with ssbtomo {about.get('ssbtomo', '')} on Python {about.get('python', '')}".strip()
    return f"{text}, with {', '.join(used)}." if used else f"{text}."
