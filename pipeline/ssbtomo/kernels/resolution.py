"""What the voxels can resolve: sizes below three voxels give no number, but a reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.units import Spacing

__all__ = [
    "LEAST_VOXELS",
    "Resolved",
    "check_layer",
    "check_particles",
    "check_phases",
    "guarded",
    "mean_chord",
]

LEAST_VOXELS = 3.0
"""Voxels across a feature below which its area or size is not resolved."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Resolved:
    """Whether a feature is wide enough to be measured.

    Parameters
    ----------
    voxels : float
        How many voxels it is across; NaN where there is nothing.
    enough : bool
        Whether that is enough. Nothing is resolved: its area is 0.
    warning : str
        What to tell the user; empty if it is enough.
    """

    voxels: float
    enough: bool
    warning: str


def mean_chord(volume: float, surface: float) -> float:
    """Return the mean length of straight lines inside a feature, 4 V / S.

    Parameters
    ----------
    volume, surface : float
        Of the whole feature, in micrometres.

    Returns
    -------
    float
        Micrometres: 4/3 of the radius of a ball, twice the thickness of a plate; NaN
        without a surface.

    References
    ----------
    .. [1] E. E. Underwood, *Quantitative Stereology*, Addison-Wesley, 1970.
    """
    return 4 * volume / surface if surface > 0 else math.nan


def check_phases(
    names: Sequence[str],
    spacing: Spacing,
    *,
    volumes: Sequence[float],
    surfaces: Sequence[float],
    d10: Mapping[str, float] | None = None,
    least: float = LEAST_VOXELS,
) -> dict[str, Resolved]:
    """Tell which phases are too thin for their areas to be trusted.

    A phase is too thin if its mean chord, or its tenth percentile of local thickness where
    known, is below `least` voxels. The voxel is the cube root of its volume for the chord,
    which averages over directions, and the longest edge for the thickness, which does not.

    Parameters
    ----------
    names : sequence of str
        The phases.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    volumes : sequence of float
        Volume of each phase in um^3.
    surfaces : sequence of float
        Surface of each phase, the sum of its contacts, in um^2.
    d10 : mapping of str to float, optional
        Local thickness in micrometres that a tenth of the phase's volume is below.
    least : float
        Voxels that must lie across a feature.

    Returns
    -------
    dict of str to Resolved
        One for each phase.
    """
    voxel = float(np.prod(spacing)) ** (1 / 3)
    found = {}
    for name, volume, surface in zip(names, volumes, surfaces, strict=True):
        chord = mean_chord(float(volume), float(surface)) / voxel
        thin = (d10 or {}).get(name, math.nan) / max(spacing)
        if chord < least - _ROUNDING:
            found[name] = _too_few(f"{name}: mean chord", chord, least)
        elif thin < least - _ROUNDING:
            found[name] = _too_few(f"{name}: a tenth of its volume is thinner,", thin, least)
        else:
            found[name] = Resolved(chord, enough=True, warning="")
    return found


def check_particles(
    diameters_um: ArrayLike, spacing: Spacing, *, least: float = LEAST_VOXELS
) -> NDArray[np.bool_]:
    """Tell which particles are wide enough for a surface or a coverage.

    Parameters
    ----------
    diameters_um : array_like of float
        Diameters of equal volume.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    least : float
        Voxels, by the longest edge, that must lie across a particle. Balls of 8 voxels have
        their area within 3 %, balls of 3 voxels within 10 %.

    Returns
    -------
    ndarray of bool
        True for those that are resolved.
    """
    _check_least(least)
    across = np.asarray(diameters_um, np.float64) / max(spacing)
    resolved: NDArray[np.bool_] = across >= least - _ROUNDING
    return resolved


def check_layer(
    name: str, thickness_um: float, spacing: Spacing, *, least: float = LEAST_VOXELS
) -> Resolved:
    """Tell whether a layer, such as a coating or an interphase, can be seen at all.

    Parameters
    ----------
    name : str
        What it is.
    thickness_um : float
        Its thickness, measured or expected, in micrometres.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    least : float
        Voxels, by the longest edge, that must lie across the layer.

    Returns
    -------
    Resolved
        The warning says so in words where the layer is below a single voxel.
    """
    _check_least(least)
    across = thickness_um / max(spacing)
    if across >= least - _ROUNDING:
        return Resolved(across, enough=True, warning="")
    if across < 1:
        text = f"{name}: {across:.2g} voxels thick, below a single voxel: not resolvable"
        return Resolved(across, enough=False, warning=text)
    return _too_few(f"{name}:", across, least)


def guarded(value: float, *features: Resolved) -> tuple[float, tuple[str, ...]]:
    """Return a number only if all that it rests on is resolved.

    Parameters
    ----------
    value : float
        What was measured.
    *features : Resolved
        The phases, particles or layers that it was measured on.

    Returns
    -------
    value : float
        The same, or NaN: not resolvable.
    warnings : tuple of str
        Why; empty if all is resolved.
    """
    warnings = tuple(feature.warning for feature in features if not feature.enough)
    return (math.nan if warnings else value), warnings


def _too_few(what: str, voxels: float, least: float) -> Resolved:
    _check_least(least)
    text = f"{what} {voxels:.2g} voxels, below the {least:g} that are resolved"
    return Resolved(voxels, enough=False, warning=text)


def _check_least(least: float) -> None:
    if not least > 0:
        raise InputDataError(
            f"{least} voxels across a feature cannot be asked for", hint="3 is usual"
        )
