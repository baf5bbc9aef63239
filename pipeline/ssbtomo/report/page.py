"""The page: what it shows is gathered here as data; how it looks is in the templates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssbtomo.report.folder import RunView, SampleView, records
from ssbtomo.report.glossary import GLOSSARY, TERMS, Definition
from ssbtomo.report.headlines import HEADLINES, leading
from ssbtomo.report.methods import Methods
from ssbtomo.report.wording import number, prose, span, subject_text, title, unit_text
from ssbtomo.units import format_length

if TYPE_CHECKING:
    from ssbtomo.report.writing import Plate

__all__ = ["render_page"]


@dataclass(slots=True)
class _Notes:
    """Footnotes of one sample: the same text has the same number."""

    slug: str
    texts: list[str] = field(default_factory=list)

    def mark(self, warnings: str) -> list[int]:
        """Return the numbers of the warnings in a cell of the table."""
        marks = []
        for text in (prose(part.strip()) for part in warnings.split(";")):
            if text and text not in self.texts:
                self.texts.append(text)
            if text:
                marks.append(self.texts.index(text) + 1)
        return sorted(marks)


@dataclass(frozen=True, slots=True)
class _Line:
    """One measurement, ready to print."""

    quantity: str
    title: str
    subject: str
    axis: str
    value: str
    span: str
    unit: str
    estimator: str
    notes: list[int]
    colors: list[str]


@dataclass(frozen=True, slots=True)
class _Deviation:
    """One measurement beside its known answer."""

    line: _Line
    truth: str
    deviation: str
    inside: str


@dataclass(frozen=True, slots=True)
class _Part:
    """The section of one sample."""

    sample: SampleView
    facts: list[tuple[str, str]]
    headlines: list[_Line]
    plates: tuple[Plate, ...]
    absent: list[str]
    lines: list[_Line]
    truth: list[_Deviation]
    notes: _Notes
    checks: list[str]


def render_page(run: RunView, plates: Mapping[str, tuple[Plate, ...]], methods: Methods) -> str:
    """Return the report as one HTML page that loads nothing.

    Parameters
    ----------
    run : RunView
        The run.
    plates : mapping of str to tuple of Plate
        Figures of each sample, by its slug.
    methods : Methods
        The methods text.

    Returns
    -------
    str
        The page; every name in it is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("ssbtomo.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = [_part(sample, plates.get(sample.slug, ())) for sample in run.samples]
    return environment.get_template("report.html.j2").render(
        run=run.about,
        parts=parts,
        comparison=_comparison(run) if len(parts) > 1 else [],
        methods=methods,
        glossary=_used(run),
        terms=TERMS,
        facts=_run_facts(run.about),
        general=[str(w["text"]) for w in run.about.get("warnings", []) if not w.get("sample")],
        failures=run.about.get("failures", []),
        unit_text=unit_text,
        parameters=_parameters,
    )


def _part(sample: SampleView, plates: tuple[Plate, ...]) -> _Part:
    notes = _Notes(sample.slug)
    lines = [_line(row, sample, notes) for row in records(sample.table)]
    return _Part(
        sample=sample,
        facts=_facts(sample),
        headlines=_headlines(sample, lines),
        plates=tuple(plate for plate in plates if plate.source),
        absent=[
            f"{plate.spec.title} ({plate.note})"
            for plate in plates
            if not (plate.source or plate.spec.optional)
        ],
        lines=lines,
        truth=_deviations(sample, lines),
        notes=notes,
        checks=[
            text
            for text in map(str, sample.about.get("stack_check") or [])
            if text not in sample.warnings
        ],
    )


def _line(row: Any, sample: SampleView, notes: _Notes) -> _Line:
    whole = row.quantity.endswith("_count")
    return _Line(
        quantity=row.quantity,
        title=title(row.quantity),
        subject=subject_text(row.subject),
        axis=row.axis,
        value=number(row.value, whole=whole),
        span=span(row.low, row.high, like=row.value, whole=whole),
        unit=unit_text(row.unit) if not math.isnan(row.value) else "",
        estimator=row.estimator,
        notes=notes.mark(row.warnings),
        colors=[sample.colors[name] for name in row.subject.split("|") if name in sample.colors],
    )


def _headlines(sample: SampleView, lines: list[_Line]) -> list[_Line]:
    pairs = zip(records(sample.table), lines, strict=True)
    chosen = [line for row, line in pairs if leading(row.quantity, row.subject, row.axis, sample)]
    return sorted(chosen, key=lambda line: HEADLINES.index(line.quantity))


def _facts(sample: SampleView) -> list[tuple[str, str]]:
    about, facts = sample.about, []
    shape = about.get("shape")
    if shape:
        facts.append(
            (
                "Voxels (Z, Y, X)",
                f"{' × '.join(map(str, shape))}, {about.get('dtype', '')}".rstrip(", "),
            )
        )
    if sample.spacing:
        edges = " × ".join(format_length(edge) for edge in sample.spacing)
        origin = str(about.get("spacing_origin", "unknown"))
        facts.append(("Voxel size (Z, Y, X)", f"{edges}, {_ORIGINS.get(origin, origin)}"))
    if sample.spacing and shape:
        sides = (
            format_length(float(f"{n * d:.4g}")) for n, d in zip(shape, sample.spacing, strict=True)
        )
        facts.append(("Field of view", " × ".join(sides)))
    if about.get("modality"):
        facts.append(("Modality", _MODALITIES.get(about["modality"], about["modality"])))
    facts.append(("Transport axis", sample.transport_axis))
    facts += [
        (str(k).replace("_", " ").capitalize(), str(v))
        for k, v in (about.get("conditions") or {}).items()
    ]
    if about.get("path"):
        facts.append(("Source", Path(about["path"]).name))
    return facts


_ORIGINS = {
    "tag": "read from the file",
    "sidecar": "read from a file beside the scan",
    "user": "given in the recipe",
    "unknown": "of unknown origin",
}
_MODALITIES = {"xct": "X-ray computed tomography", "fib-sem": "FIB-SEM"}


def _deviations(sample: SampleView, lines: list[_Line]) -> list[_Deviation]:
    truth, found = sample.truth, []
    for row, line in zip(records(sample.table), lines, strict=True):
        key = f"{row.quantity}|{row.subject}|{row.axis}"
        known = truth.get(key, truth.get(key.rstrip("|")))
        if known is None:
            continue
        off = 100 * (row.value - known) / known if known else math.nan
        deviation = _percent(off)
        ranged = not (math.isnan(row.low) or math.isnan(row.high))
        inside = ("yes" if row.low <= known <= row.high else "no") if ranged else ""
        found.append(
            _Deviation(
                line,
                number(known, whole=row.quantity.endswith("_count")),
                deviation,
                inside,
            )
        )
    return found


def _percent(value: float) -> str:
    if not math.isfinite(value):
        return "n/a"
    return f"{value:+.{0 if abs(value) >= 100 else 1}f} %".replace("-", "−")


def _comparison(run: RunView) -> list[tuple[_Line, list[_Line | None]]]:
    """Return one row per headline number, with a cell for each sample."""
    rows: dict[tuple[str, str, str], dict[str, _Line]] = {}
    for sample in run.samples:
        lines = [_line(row, sample, _Notes(sample.slug)) for row in records(sample.table)]
        for line in _headlines(sample, lines):
            rows.setdefault((line.quantity, line.subject, line.axis), {})[sample.slug] = line
    return [
        (next(iter(cells.values())), [cells.get(sample.slug) for sample in run.samples])
        for cells in rows.values()
    ]


def _used(run: RunView) -> list[tuple[str, Definition]]:
    present = {quantity for sample in run.samples for quantity in sample.table["quantity"]}
    return [(name, definition) for name, definition in GLOSSARY.items() if name in present]


def _run_facts(about: dict[str, Any]) -> list[tuple[str, str]]:
    facts = [
        ("Command", about.get("command", "")),
        ("Started", about.get("started", "")),
        ("Wall time", f"{about['seconds']:.1f} s" if "seconds" in about else ""),
        (
            "Peak memory",
            f"{about['peak_memory_bytes'] / 1e9:.2f} GB" if about.get("peak_memory_bytes") else "",
        ),
        (
            "Scheduler",
            f"{about.get('scheduler', '')}, {about.get('workers', '?')} workers"
            if about.get("scheduler")
            else "",
        ),
        ("Platform", about.get("platform", "")),
        ("Python", about.get("python", "")),
        ("Recipe (SHA-256)", about.get("recipe_sha256", "")),
        ("Versions", ", ".join(f"{k} {v}" for k, v in about.get("versions", {}).items())),
    ]
    return [(name, str(text)) for name, text in facts if text]


def _parameters(stage: dict[str, Any]) -> str:
    """Write a stage's parameters in one line, without those that are not set."""
    told = (stage.get("parameters") or {}).items()
    return ", ".join(f"{key}: {_brief(value)}" for key, value in told if value is not None)


def _brief(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("name", value))
    return ", ".join(map(_brief, value)) if isinstance(value, list | tuple) else str(value)
