"""The report: every figure in three forms, one closed page, nothing injected, nothing invented."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import matplotlib as mpl
import pandas as pd
import pytest

from ssbtomo.errors import OutputError
from ssbtomo.report import write_report
from ssbtomo.report.figures import FIGURES, style
from ssbtomo.report.figures.style import canvas, house_style, rendered

Build = Callable[..., Path]
NASTY = '<script>alert("x")</script>&"\'$a_1$'


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, {key: value or "" for key, value in attrs}))

    def handle_data(self, data):
        self.text.append(data)


def _parsed(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text("utf-8"))
    return page


def _words(page: _Page) -> str:
    return re.sub(r"\s+", " ", "".join(page.text))


def test_every_figure_is_written_in_three_forms(written: Path):
    folder, page = written, written / "report.html"
    for spec in FIGURES:
        stem = folder / "figures" / f"cathode-{spec.name}"
        ET.parse(f"{stem}.svg")
        assert Path(f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        assert len(pd.read_csv(f"{stem}.csv")) > 0
    assert sum(tag == "figure" for tag, _ in _parsed(page).tags) == len(FIGURES)
    assert not list(folder.rglob("*.partial"))


def test_the_page_loads_nothing(written: Path):
    path = written / "report.html"
    page = _parsed(path)
    for tag, attrs in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "video", "audio"}
        assert attrs.get("src", "data:").startswith("data:")
        assert "srcset" not in attrs
    style = re.findall(r"<style>(.*?)</style>", path.read_text("utf-8"), re.DOTALL)
    assert len(style) == 1
    assert "url(" not in style[0]
    assert "@import" not in style[0]
    images = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    for source in images:
        if source.startswith("data:image/svg+xml,"):
            drawing = unquote(source.removeprefix("data:image/svg+xml,"))
            ET.fromstring(drawing)
            assert not re.search(r"(href|src)=\"(?!#|data:)", drawing)
        else:
            assert base64.b64decode(source.removeprefix("data:image/png;base64,")).startswith(
                b"\x89PNG"
            )


def test_links_inside_the_page_lead_somewhere(written_pair: Path):
    page = _parsed(written_pair / "report.html")
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    links = {
        attrs["href"][1:]
        for tag, attrs in page.tags
        if tag == "a" and attrs["href"].startswith("#")
    }
    assert links <= ids
    assert len([1 for _, attrs in page.tags if "id" in attrs]) == len(ids)


def test_names_cannot_inject_html(results_folder: Build):
    folder = results_folder("plain", phases=(NASTY, "electrolyte", "active"))
    about = json.loads((folder / "run.json").read_text("utf-8"))
    sample = about["samples"][0]
    sample["conditions"] = {NASTY: NASTY}
    sample["stack_check"] = [NASTY]
    sample["phases"][1]["color"] = "red;background:url(http://x)"
    sample["stages"][0]["methods"] += NASTY
    sample["stages"][0]["parameters"] = {NASTY: NASTY}
    about["command"] = NASTY
    about["warnings"] = [{"sample": "", "text": NASTY}]
    about["failures"] = [{"sample": NASTY, "stage": NASTY, "problem": NASTY, "hint": NASTY}]
    (folder / "run.json").write_text(json.dumps(about), "utf-8")
    path = write_report(folder)
    page = _parsed(path)
    assert not [tag for tag, _ in page.tags if tag == "script"]
    assert "url(http" not in path.read_text("utf-8")
    assert NASTY in _words(page)
    assert not any(key.startswith("on") for _, attrs in page.tags for key in attrs)


def test_a_sample_name_cannot_leave_the_figures_folder(results_folder: Build):
    folder = results_folder("plain")
    content = (folder / "run.json").read_text("utf-8")
    (folder / "run.json").write_text(
        content.replace('"name": "plain"', '"name": "../../évil <b>"'), "utf-8"
    )
    page = _parsed(write_report(folder))
    assert "../../évil <b>" in _words(page)
    assert {p.name for p in folder.parent.iterdir()} == {"results"}


def test_missing_inputs_are_left_out_and_said(results_folder: Build):
    folder = results_folder()
    gone = (
        "histogram", "profiles", "cracks", "facets", "sensitivity", "size_distributions", "correlation",
        "contact_profiles", "particles", "gaps", "representative", "tau_profiles",
        "conductivity_cells", "rotation_axis", "ring_correlation", "tomogram_quality", "fib_sem_slices",
        "ranges", "reliability", "graded_histogram", "graded_profiles",
    )  # fmt: skip
    for name in gone:
        (folder / "tables" / f"{name}.csv").unlink()
    write_report(folder)
    for name in ("image", "phases", "cracks", "entropy", "anode-contact"):
        (folder / "volumes" / "cathode" / f"{name}.ome.zarr").rename(folder / name)
    page = _parsed(write_report(folder))
    assert "Slices (no grey volume in the results)" in _words(page)
    assert "Grey values (no histogram in the results)" in _words(page)
    left = {path.stem for path in (folder / "figures").iterdir()}
    assert left == {
        f"cathode-{name}"
        for name in (
            "axis-sweep",
            "cleaned-slices",
            "conductivity",
            "contact-matrix",
            "flux",
            "potential",
            "tortuosity",
        )
    }


def test_an_empty_table_still_gives_a_page(results_folder: Build):
    folder = results_folder()
    header = (folder / "results.csv").read_text("utf-8").splitlines()[0]
    (folder / "results.csv").write_text(header + "\n", "utf-8")
    assert "The results table holds nothing" in _words(_parsed(write_report(folder)))


def test_samples_that_failed_are_named(results_folder: Build):
    folder = results_folder()
    about = json.loads((folder / "run.json").read_text("utf-8"))
    told = {"sample": "s9", "stage": "ingest", "problem": "it is constant", "hint": "look at it"}
    (folder / "run.json").write_text(json.dumps({**about, "failures": [told]}), "utf-8")
    words = _words(_parsed(write_report(folder, formats=["svg"])))
    assert "Samples that failed" in words
    assert "s9 (ingest): it is constant → look at it" in words


def test_values_ranges_and_reasons_are_shown(written: Path):
    words = _words(_parsed(written / "report.html"))
    assert "does not percolate" in words
    assert "void does not percolate along z" in words
    assert "no crack wider than 3 voxels" in words  # the reason of the n/a
    assert "µm⁻¹" in words
    assert "100 nm × 50 nm × 50 nm, read from the file" in words
    assert "slice 17 repeats slice 16" in words


def test_known_answers_are_compared(written: Path):
    words = _words(_parsed(written / "report.html"))
    assert "Beside the known answers" in words
    assert "+3.0 %" in words  # 0.17 against 0.165
    assert "−1.1 %" in words  # 0.742 against 0.75


def test_two_samples_have_their_sections_and_a_comparison(written_pair: Path):
    folder = written_pair
    page = _parsed(folder / "report.html")
    sections = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    assert sections == ["comparison", "fresh_cell", "cycled", "methods", "provenance", "glossary"]
    assert (folder / "figures" / "cycled-histogram.csv").is_file()
    assert set(pd.read_csv(folder / "figures" / "cycled-histogram.csv").columns) == {
        "grey",
        "share",
    }
    assert (folder / "figures" / "fresh_cell-orthoslices.csv").is_file()
    assert _words(page).count("Beside the known answers") == 1


def test_the_same_folder_gives_the_same_bytes(written: Path):
    folder = written
    first = (folder / "report.html").read_bytes()
    figures = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    assert write_report(folder).read_bytes() == first
    assert {path.name: path.read_bytes() for path in (folder / "figures").iterdir()} == figures


def test_matplotlib_keeps_the_settings_of_its_user():
    before = dict(mpl.rcParams)
    with house_style():
        rendered(canvas(1.0), "svg")
        assert dict(mpl.rcParams) != before
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in Path(style.__file__).read_text("utf-8")


def test_one_format_is_enough_and_unknown_ones_are_refused(results_folder: Build):
    folder = results_folder()
    write_report(folder, formats=("png",))
    assert {path.suffix for path in (folder / "figures").iterdir()} == {".png", ".csv"}
    for formats in ((), ("pdf",)):
        with pytest.raises(OutputError, match="svg"):
            write_report(folder, formats=formats)


def test_a_folder_without_a_run_is_refused(tmp_path: Path):
    with pytest.raises(OutputError, match=r"run\.json"):
        write_report(tmp_path)
