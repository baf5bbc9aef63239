"""Two-point correlations and chords of the phases, and the lengths that they tell."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ssbtomo.blocks.lines import ChordCounts, PairCounts, chord_counts, pair_counts
from ssbtomo.measure.correlation import chord_table, lags_within, pair_table
from ssbtomo.results import Measurement
from ssbtomo.stages.quantify.subject import Findings, Subject
from ssbtomo.units import AXES

__all__ = ["measure_correlation"]

_NO_DECAY = "the correlation does not decay within the distance measured"


def measure_correlation(subject: Subject) -> Findings:
    """Count pairs of voxels and chords along the three axes.

    Parameters
    ----------
    subject : Subject
        What is measured.

    Returns
    -------
    Findings
        ``mean_chord_length`` and ``correlation_length`` per phase and axis,
        ``integral_range`` per phase; tables ``correlation`` and ``chords``.
    """
    labels = list(range(len(subject.phases)))
    grid, engine = subject.grid, subject.desk.engine
    lags = lags_within(subject.settings.correlation_reach, grid.shape, subject.spacing)
    pairs = pair_counts(subject.labels, labels, grid, engine, lags=lags)
    chords = chord_counts(subject.labels, labels, grid, engine)
    measured = [
        item
        for label, name in enumerate(subject.names)
        if pairs.fraction(label) > 0
        for item in _numbers(subject, name, label, pairs, chords)
    ]
    if not subject.full:
        return Findings(measured)
    tables = {
        "correlation": pair_table(pairs, subject.names, subject.spacing),
        "chords": chord_table(chords, subject.names, subject.spacing),
    }
    columns = {
        name: {str(key): table[key].to_numpy() for key in table} for name, table in tables.items()
    }
    return Findings(measured, dict(columns))


def _numbers(
    subject: Subject, name: str, label: int, pairs: PairCounts, chords: ChordCounts
) -> Iterator[Measurement]:
    for number, (axis, edge) in enumerate(zip(AXES, subject.spacing, strict=True)):
        chord = chords.mean(label, number) * edge
        length = pairs.correlation_length(label, number, edge)
        yield Measurement(
            "mean_chord_length", name, chord, "um", "runs of voxels, cut ones by their ends", axis,
            warnings=_why(chord, "no chord ends inside the volume"),
        )  # fmt: skip
        yield Measurement(
            "correlation_length", name, length, "um", "pairs of voxels, to where the covariance ends", axis,
            warnings=_why(length, _NO_DECAY),
        )  # fmt: skip
    volume = pairs.integral_range(label, subject.spacing)
    yield Measurement(
        "integral_range", name, volume, "um^3", "pairs of voxels, mean of the axes, isotropic",
        warnings=_why(volume, _NO_DECAY),
    )  # fmt: skip


def _why(value: float, reason: str) -> tuple[str, ...]:
    return (reason,) if math.isnan(value) else ()
