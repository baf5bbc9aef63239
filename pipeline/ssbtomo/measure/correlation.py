"""Two-point correlations and chord lengths of phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.blocks.engine import SERIAL, Engine
from ssbtomo.blocks.lines import ChordCounts, PairCounts, chord_counts, pair_counts
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.chords import CUT, THROUGH, WHOLE
from ssbtomo.measure.sources import Names, cut, label_source, named_phases
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

__all__ = [
    "chord_lengths",
    "chord_table",
    "correlation_lengths",
    "lags_within",
    "mean_chords",
    "pair_table",
    "two_point_correlation",
]

Named = dict[str | int, int]


def two_point_correlation(
    labels: ArrayLike,
    spacing: Spacing,
    phases: Names = None,
    *,
    reach: float | None = None,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Measure how often two voxels at a distance along an axis lie in two given phases.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy, Dask or Zarr.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur if not given.
    reach : float, optional
        Longest distance in µm; half the volume along each axis, and 128 voxels at most, if
        not given.
    engine : Engine
        Where the lines are counted.

    Returns
    -------
    pandas.DataFrame
        Columns ``axis``, ``phase_a``, ``phase_b``, ``lag_um``, ``count`` (pairs whose first
        voxel is of phase a and whose second one, further along the axis, of phase b),
        ``pairs`` (all pairs in the volume), ``probability``. Between like phases it is the
        fraction at lag 0, and goes to the fraction squared.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur.
    InputDataError
        If `reach` is negative.

    Notes
    -----
    Exact counts without wrapping around: see `ssbtomo.kernels.correlation.PairCounts` for
    the bias at long lags.
    """
    named, counts = _pairs(labels, spacing, phases, reach, engine)
    return pair_table(counts, list(named), check_spacing(spacing))


def correlation_lengths(
    labels: ArrayLike,
    spacing: Spacing,
    phases: Names = None,
    *,
    reach: float | None = None,
    engine: Engine = SERIAL,
) -> pd.DataFrame:
    """Measure how far voxels of a phase know of each other.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy, Dask or Zarr.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur if not given.
    reach : float, optional
        As for `two_point_correlation`.
    engine : Engine
        Where the lines are counted.

    Returns
    -------
    pandas.DataFrame
        Columns ``phase``, ``volume_fraction``, ``correlation_length_z_um``, ``…_y_um``,
        ``…_x_um``, ``integral_range_um3`` and ``surface_per_volume_1_um``; ``nan`` where
        the correlation does not decay within the reach. See
        `ssbtomo.kernels.correlation.PairCounts` for definitions, bias and sources.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur.
    InputDataError
        If `reach` is negative.
    """
    import pandas as pd

    edges = check_spacing(spacing)
    named, counts = _pairs(labels, edges, phases, reach, engine)
    rows = [
        {
            "phase": name,
            "volume_fraction": counts.fraction(index),
            **{
                f"correlation_length_{axis}_um": counts.correlation_length(index, number, edge)
                for number, (axis, edge) in enumerate(zip(AXES, edges, strict=True))
            },
            "integral_range_um3": counts.integral_range(index, edges),
            "surface_per_volume_1_um": counts.surface_density(index, edges),
        }
        for index, name in enumerate(named)
    ]
    return pd.DataFrame(rows)


def chord_lengths(
    labels: ArrayLike, spacing: Spacing, phases: Names = None, *, engine: Engine = SERIAL
) -> pd.DataFrame:
    """Count the chords of each phase along each axis by their length.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy, Dask or Zarr.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur if not given.
    engine : Engine
        Where the lines are counted.

    Returns
    -------
    pandas.DataFrame
        Columns ``axis``, ``phase``, ``chord_um``, ``whole`` (chords with both ends in the
        volume), ``cut`` (by one of its faces), ``through`` (by both); lengths that do not
        occur are left out.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur.
    """
    named, counts = _chords(labels, phases, engine)
    return chord_table(counts, list(named), check_spacing(spacing))


def mean_chords(
    labels: ArrayLike, spacing: Spacing, phases: Names = None, *, engine: Engine = SERIAL
) -> pd.DataFrame:
    """Measure the mean chord length of each phase along each axis.

    Parameters
    ----------
    labels : array_like of int, shape (Z, Y, X)
        Segmented volume; NumPy, Dask or Zarr.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int, or sequence of int, optional
        Names and labels, or labels, of the phases; all labels that occur if not given.
    engine : Engine
        Where the lines are counted.

    Returns
    -------
    pandas.DataFrame
        Columns ``axis``, ``phase``, ``mean_um`` (each chord once; cut chords by their visible
        ends), ``weighted_mean_um`` (each chord with its length), ``whole_mean_um`` (of the
        chords that no face cuts alone: too small), ``whole``, ``cut``, ``through``.

    Raises
    ------
    PhaseMissingError
        If a phase does not occur.

    Notes
    -----
    Estimators and bias: see `ssbtomo.kernels.chords.ChordCounts`.
    """
    import pandas as pd

    edges = check_spacing(spacing)
    named, counts = _chords(labels, phases, engine)
    rows = []
    for number, (axis, edge) in enumerate(zip(AXES, edges, strict=True)):
        for index, name in enumerate(named):
            kinds = counts.counts[number][index]
            whole, cut_once, through = (int(kinds[kind].sum()) for kind in (WHOLE, CUT, THROUGH))
            length = int(kinds[WHOLE] @ np.arange(kinds.shape[1]))
            rows.append(
                {
                    "axis": axis,
                    "phase": name,
                    "mean_um": counts.mean(index, number) * edge,
                    "weighted_mean_um": counts.weighted_mean(index, number) * edge,
                    "whole_mean_um": length / whole * edge if whole else np.nan,
                    "whole": whole,
                    "cut": cut_once,
                    "through": through,
                }
            )
    return pd.DataFrame(rows)


def lags_within(
    reach: float | None, shape: tuple[int, int, int], spacing: Spacing
) -> tuple[int, int, int] | None:
    """Return the lags that a distance allows along each axis.

    Parameters
    ----------
    reach : float or None
        Longest distance in µm, or ``None`` for the default of `pair_counts`.
    shape : tuple of int
        Voxels of the volume along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    tuple of int or None
        Longest lags in voxels.

    Raises
    ------
    InputDataError
        If `reach` is negative.
    """
    if reach is None:
        return None
    if not reach >= 0:
        raise InputDataError(f"the reach is {reach} µm; it must be zero or more")
    z, y, x = (
        min(int(reach / edge * (1 + 1e-9)), size - 1)
        for edge, size in zip(spacing, shape, strict=True)
    )
    return z, y, x


def pair_table(
    counts: PairCounts, names: list[str | int] | list[str], spacing: Spacing
) -> pd.DataFrame:
    """Arrange counts of pairs as a tidy table.

    Parameters
    ----------
    counts : PairCounts
        The counts.
    names : list of str or int
        Names of the phases, in the order of the counts.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    pandas.DataFrame
        As `two_point_correlation` returns it.
    """
    import pandas as pd

    parts = []
    for number, (axis, edge) in enumerate(zip(AXES, spacing, strict=True)):
        part = counts.counts[number][:, :-1, :-1]
        lags, several = len(part), len(names)
        pairs = np.tile(counts.pairs(number), several**2)
        count = np.moveaxis(part, 0, 2).ravel()
        parts.append(
            pd.DataFrame(
                {
                    "axis": axis,
                    "phase_a": [name for name in names for _ in range(several * lags)],
                    "phase_b": [name for _ in names for name in names for _ in range(lags)],
                    "lag_um": np.tile(np.round(np.arange(lags) * edge, 9), several**2),
                    "count": count,
                    "pairs": pairs,
                    "probability": count / pairs,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def chord_table(
    counts: ChordCounts, names: list[str | int] | list[str], spacing: Spacing
) -> pd.DataFrame:
    """Arrange counts of chords as a tidy table.

    Parameters
    ----------
    counts : ChordCounts
        The counts.
    names : list of str or int
        Names of the phases, in the order of the counts.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    pandas.DataFrame
        As `chord_lengths` returns it.
    """
    import pandas as pd

    parts = []
    for number, (axis, edge) in enumerate(zip(AXES, spacing, strict=True)):
        for index, name in enumerate(names):
            kinds = counts.counts[number][index]
            lengths = np.flatnonzero(kinds.any(axis=0))
            parts.append(
                pd.DataFrame(
                    {
                        "axis": axis,
                        "phase": name,
                        "chord_um": np.round(lengths * edge, 9),
                        "whole": kinds[WHOLE, lengths],
                        "cut": kinds[CUT, lengths],
                        "through": kinds[THROUGH, lengths],
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _pairs(
    labels: ArrayLike, spacing: Spacing, phases: Names, reach: float | None, engine: Engine
) -> tuple[Named, PairCounts]:
    edges = check_spacing(spacing)
    source = label_source(labels)
    z, y, x = source.shape
    lags = lags_within(reach, (z, y, x), edges)
    named = named_phases(source, phases, engine)
    counts = pair_counts(source, list(named.values()), cut(source, engine), engine, lags=lags)
    return named, counts


def _chords(labels: ArrayLike, phases: Names, engine: Engine) -> tuple[Named, ChordCounts]:
    source = label_source(labels)
    named = named_phases(source, phases, engine)
    return named, chord_counts(source, list(named.values()), cut(source, engine), engine)
