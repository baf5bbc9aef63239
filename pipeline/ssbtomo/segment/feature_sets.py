"""Ready lists of features, in scales of the voxel edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.feature_list import Feature, features_from_json
from ssbtomo.units import Spacing, check_spacing

__all__ = ["SETS", "chosen_features", "default_features", "fibsem_features", "sheet_features"]


def default_features(spacing: Spacing) -> tuple[Feature, ...]:
    """Return 14 cheap features: grey value, and four kinds of neighbourhood at up to four scales.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    tuple of Feature
        Scales of 0.7, 1, 2 and 4 voxel edges (geometric mean), the same in all directions.
    """
    edge = mean_edge(spacing)
    return (
        Feature.of("intensity"),
        *(Feature.of("gaussian", scale * edge) for scale in (0.7, 1.0, 2.0, 4.0)),
        *(Feature.of("gradient", scale * edge) for scale in (1.0, 2.0, 4.0)),
        *(Feature.of("log", scale * edge) for scale in (1.0, 2.0, 4.0)),
        *(Feature.of("spread", scale * edge) for scale in (1.0, 2.0, 4.0)),
    )


def fibsem_features(spacing: Spacing) -> tuple[Feature, ...]:
    """Return features for serial sections: shine-through along z, curtains along y.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm; z is the direction of milling.

    Returns
    -------
    tuple of Feature
        The default ones; differences to slices before and behind, smoothed in the slice; the
        brightest of them; the grey value without stripes that run along y.
    """
    edge, (dz, dy, dx) = mean_edge(spacing), check_spacing(spacing)
    slice_edge = max(dy, dx)
    flat = (0.0, slice_edge, slice_edge)
    lags = (-5, -3, -2, -1, 1, 2, 3, 5, 8)
    return (
        *default_features(spacing),
        Feature("gaussian", flat),
        *(Feature("lag", flat, axis=0, lag=float(lag * dz)) for lag in lags),
        *(Feature("ahead", flat, axis=0, lag=float(lag * dz)) for lag in (-6, 3, 6, 10)),
        *(
            Feature(
                "column", (0.0, 12 * slice_edge, 3 * slice_edge), integration=scale * edge, axis=1
            )
            for scale in (1.0, 2.0)
        ),
        *(Feature("gaussian", (scale * dz, 0.0, 0.0)) for scale in (1.0, 2.0)),
    )


def sheet_features(spacing: Spacing) -> tuple[Feature, ...]:
    """Return the default features with eigenvalues that tell sheets from lines: for cracks.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    tuple of Feature
        Several times as costly as the default ones.
    """
    edge = mean_edge(spacing)
    return (
        *default_features(spacing),
        *(Feature.of("hessian", s * edge, order=k) for s in (1.0, 2.0) for k in range(3)),
        *(Feature.of("structure", edge, integration=2 * edge, order=k) for k in range(3)),
    )


#: The lists by name.
SETS = {"default": default_features, "fib-sem": fibsem_features, "sheets": sheet_features}


def chosen_features(chosen: Any, spacing: Spacing, companions: int = 0) -> tuple[Feature, ...]:
    """Return a list of features by its name, or from tables.

    Parameters
    ----------
    chosen : str or sequence
        A key of `SETS`, features, or tables of them.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    companions : int
        Further channels, at each of which a list by its name looks, too: at its value, and at
        that smoothed by 1, 2 and 4 voxel edges.

    Returns
    -------
    tuple of Feature
        The features.

    Raises
    ------
    InputDataError
        If there is no such list.
    """
    if isinstance(chosen, str):
        if chosen not in SETS:
            raise InputDataError(
                f"there is no list of features {chosen!r}", hint=f"use one of {', '.join(SETS)}"
            )
        return SETS[chosen](spacing) + _of_companions(companions, mean_edge(spacing))
    if isinstance(chosen, Sequence) and chosen and all(isinstance(f, Feature) for f in chosen):
        return tuple(chosen)
    return features_from_json(list(chosen) if isinstance(chosen, Sequence) else chosen)


def _of_companions(count: int, edge: float) -> tuple[Feature, ...]:
    return tuple(
        feature
        for channel in range(1, count + 1)
        for feature in (
            Feature.of("intensity", channel=channel),
            *(Feature.of("gaussian", scale * edge, channel=channel) for scale in (1.0, 2.0, 4.0)),
        )
    )


def mean_edge(spacing: Spacing) -> float:
    """Return the edge of a cube as large as a voxel.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    float
        In µm.
    """
    z, y, x = check_spacing(spacing)
    return float((z * y * x) ** (1 / 3))
