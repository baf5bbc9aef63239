"""The methods text says what ran, cites what it must, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from ssbtomo.report.bibliography import PACKAGES, known_references
from ssbtomo.report.folder import open_run
from ssbtomo.report.methods import Methods, assemble

Build = Callable[..., Path]


def _methods(folder: Path) -> Methods:
    return assemble(open_run(folder))


def _edit(folder: Path, change: Callable[[dict], None]) -> None:
    about = json.loads((folder / "run.json").read_text("utf-8"))
    change(about)
    (folder / "run.json").write_text(json.dumps(about), "utf-8")


def test_exactly_the_stages_that_ran_are_told(results_folder: Build):
    folder = results_folder()
    text = _methods(folder).markdown
    assert "Gaussian filter" in text
    assert "multi-Otsu thresholds [@otsu1979; @liao2001]." in text
    assert "phase means [@pietsch2018; @cooper2016]." in text
    _edit(folder, lambda about: about["samples"][0]["stages"].pop(1))
    assert "Gaussian filter" not in _methods(folder).markdown


def test_the_bibliography_holds_what_is_cited_and_no_more(written: Path):
    cited = set(re.findall(r"@(\w+)", (written / "methods.md").read_text("utf-8")))
    listed = set(
        re.findall(r"^@\w+\{(\w+),", (written / "references.bib").read_text("utf-8"), re.MULTILINE)
    )
    assert listed == cited
    assert "buades2005" not in listed


def test_an_unknown_key_is_named_not_dropped(results_folder: Build):
    folder = results_folder()
    _edit(folder, lambda about: about["samples"][0]["stages"][0]["references"].append("nobody1900"))
    assert "nobody1900 (not in ssbtomo's reference list)" in _methods(folder).markdown
    assert "% nobody1900" in _methods(folder).bibtex


def test_samples_treated_alike_share_a_paragraph(results_folder: Build):
    folder = results_folder("one", "two")
    assert _methods(folder).markdown.count("Gaussian filter") == 1
    _edit(folder, lambda about: about["samples"][1]["stages"].pop(1))
    text = _methods(folder).markdown
    assert "**one.**" in text
    assert "**two.**" in text


def test_every_entry_of_the_list_is_well_formed():
    references = known_references()
    assert set(PACKAGES.values()) <= set(references)
    for key, entry in references.items():
        assert {"author", "title"} <= set(entry.fields), key
        assert "{" not in entry.text, key
        assert not entry.doi or re.fullmatch(r"10\.\d{4,5}/\S+", entry.doi), key
    dois = [entry.doi for entry in references.values() if entry.doi]
    assert len(dois) == len(set(dois))
    text = "".join(entry.bibtex for entry in references.values())
    assert text.count("{") == text.count("}")
