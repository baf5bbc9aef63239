"""Write everything that the report consists of into a results folder."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ssbtomo.errors import OutputError
from ssbtomo.passing import persist
from ssbtomo.report.figures import FIGURES, FigureSpec
from ssbtomo.report.figures.style import Drawn, house_style, rendered
from ssbtomo.report.folder import SampleView, open_run
from ssbtomo.report.methods import assemble
from ssbtomo.tables import csv_text

__all__ = ["Plate", "write_report"]

_FORMS = ("svg", "png")


@dataclass(frozen=True, slots=True)
class Plate:
    """A figure as the page shows it.

    Parameters
    ----------
    spec : FigureSpec
        What it is.
    file : str
        Its files in ``figures/``, without their endings.
    source : str
        The image as a ``data:`` address; empty if there is none.
    note : str
        Added to the caption; for an absent figure, why it is.
    """

    spec: FigureSpec
    file: str
    source: str
    note: str = ""


def write_report(folder: Path, *, formats: Iterable[str] = _FORMS) -> Path:
    """Write figures, methods text, references and the page into a results folder.

    Reads the folder only. What is not in it is left out, and the page says so.

    Parameters
    ----------
    folder : pathlib.Path
        A results folder: ``run.json``, ``results.csv``, ``tables/``, ``volumes/``, ``fields/``.
    formats : iterable of {"svg", "png"}
        Formats of the figures in ``figures/``, at least one.

    Returns
    -------
    pathlib.Path
        The page, ``report.html``; it needs no other file and no network.

    Raises
    ------
    OutputError
        If the folder holds no run, cannot be written, or a format is unknown.
    """
    from ssbtomo.report.page import render_page

    forms = tuple(dict.fromkeys(formats))
    if not forms or set(forms) - set(_FORMS):
        raise OutputError(
            f"a report cannot have figures as {', '.join(map(repr, forms)) or 'nothing'}",
            hint="formats are 'svg' and 'png'; name at least one",
        )
    folder = Path(folder)
    run = open_run(folder)
    methods = assemble(run)
    try:
        (folder / "figures").mkdir(exist_ok=True)
        plates = {sample.slug: _plates(sample, forms) for sample in run.samples}
        _write(folder / "methods.md", methods.markdown.encode())
        _write(folder / "references.bib", methods.bibtex.encode())
        _write(folder / "report.html", render_page(run, plates, methods).encode())
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"the report cannot be written into {folder}: {error}",
            hint="check the folder's rights and the space left",
        ) from error
    return folder / "report.html"


def _plates(sample: SampleView, forms: tuple[str, ...]) -> tuple[Plate, ...]:
    return tuple(_plate(sample, spec, forms) for spec in FIGURES)


def _plate(sample: SampleView, spec: FigureSpec, forms: tuple[str, ...]) -> Plate:
    stem = sample.folder / "figures" / f"{sample.slug}-{spec.name}"
    for form in (*_FORMS, "csv"):  # an earlier report may have had this figure
        Path(f"{stem}.{form}").unlink(missing_ok=True)
    with house_style(salt=stem.name):
        drawn = spec.draw(sample)
        if drawn is None:
            return Plate(spec, "", "", f"no {spec.needs} in the results")
        images = {form: rendered(drawn.figure, form) for form in forms}
    return _kept(drawn, spec, stem, images)


def _kept(drawn: Drawn, spec: FigureSpec, stem: Path, images: dict[str, bytes]) -> Plate:
    for form, content in images.items():
        _write(Path(f"{stem}.{form}"), content)
    _write(Path(f"{stem}.csv"), csv_text(drawn.data).encode())
    best = "png" if spec.raster else "svg"
    form = best if best in images else next(iter(images))
    return Plate(spec, stem.name, _address(images[form], form), drawn.note)


def _address(content: bytes, form: str) -> str:
    if form == "png":
        return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
    return "data:image/svg+xml," + quote(content.decode("utf-8"), safe=" =:/;,.'()+*!?@$&~-_[]|")


def _write(path: Path, content: bytes) -> None:
    """Write under another name and move into place: a reader never sees half a file."""
    partial = path.with_name(path.name + ".partial")
    persist(lambda: (partial.write_bytes(content), partial.replace(path)))
