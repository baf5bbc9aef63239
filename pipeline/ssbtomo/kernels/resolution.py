"""What the voxels can resolve: below three voxels a warning, below one a reason and no number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.units import Spacing

__all__ = [
    "LEAST_CHORD",
    "LEAST_VOXELS",
    "Resolved",
    "check_particles",
    "check_phases",
    "check_size",
    "estimators_differ",
    "guarded",
    "least_size",
    "mean_chord",
]

LEAST_VOXELS = 3.0
"""Voxels across a feature below which its area or size carries a warning."""

LEAST_CHORD = 2.0
"""Mean chord in voxels, that of a film one voxel thick, below which there is no number."""

_ROUNDING = 1e-9
_DIFFER = 0.03


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
    resolvable : bool
        Whether there is a number at all: false where the voxel is larger than the feature.
    """

    voxels: float
    enough: bool
    warning: str
    resolvable: bool = True


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
    Its areas are not resolvable if its mean chord is below that of a film one voxel thick.

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
        if chord < LEAST_CHORD - _ROUNDING:
            found[name] = _not_resolvable(
                f"{name}: mean chord", chord, "the 2 of a film one voxel thick"
            )
        elif chord < least - _ROUNDING:
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


def check_size(
    name: str, size_um: float, spacing: Spacing, *, least: float = LEAST_VOXELS
) -> Resolved:
    """Tell whether a thickness or a diameter can be seen at all.

    Parameters
    ----------
    name : str
        What it is, such as a coating or the tenth percentile of the pores.
    size_um : float
        Measured, or expected, in micrometres.
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.
    least : float
        Voxels, by the longest edge, that must lie across it.

    Returns
    -------
    Resolved
        Below a single voxel it is not resolvable. What is not a number is none of that.
    """
    _check_least(least)
    across = size_um / max(spacing)
    if across < 1 - _ROUNDING:
        return _not_resolvable(f"{name}:", across, "a single voxel")
    if across < least - _ROUNDING:
        return _too_few(f"{name}:", across, least)
    return Resolved(across, enough=True, warning="")


def least_size(spacing: Spacing) -> float:
    """Return the size in micrometres from which nothing is said.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X), in micrometres.

    Returns
    -------
    float
        `LEAST_VOXELS` of the longest edge.
    """
    return LEAST_VOXELS * max(spacing)


def guarded(value: float, *features: Resolved) -> tuple[float, tuple[str, ...]]:
    """Return a number with the reasons to doubt it, or none if it rests on what no voxel shows.

    Parameters
    ----------
    value : float
        What was measured.
    *features : Resolved
        The phases, particles or layers that it was measured on.

    Returns
    -------
    value : float
        The same; NaN if one of the features is not resolvable.
    warnings : tuple of str
        What is too small, and why there is no number; empty if all is resolved.
    """
    warnings = tuple(feature.warning for feature in features if not feature.enough)
    seen = all(feature.resolvable for feature in features)
    return (value if seen else math.nan), tuple(dict.fromkeys(warnings))


def estimators_differ(area: float, crofton: float) -> str:
    """Say so if the two estimates of an area are more than 3 % apart.

    Parameters
    ----------
    area : float
        By voxel faces and local normals.
    crofton : float
        By neighbours in 13 directions, in the same unit.

    Returns
    -------
    str
        A warning; empty if they agree. Planes along the axes, where only the first is exact,
        read 7 % low by the second; small, rough or thin pieces part them in either direction.
    """
    if area <= 0 or crofton <= 0:
        return "one of two estimates of the area is 0, the other is not" if area != crofton else ""
    if abs(area / crofton - 1) <= _DIFFER:
        return ""
    percent = 100 * (crofton / area - 1)
    return f"Crofton's formula gives {abs(percent):.0f} % {'more' if percent > 0 else 'less'} area"


def _not_resolvable(what: str, voxels: float, below: str) -> Resolved:
    text = f"{what} {voxels:.2g} voxels, below {below}: not resolvable"
    return Resolved(voxels, enough=False, warning=text, resolvable=False)


def _too_few(what: str, voxels: float, least: float) -> Resolved:
    _check_least(least)
    shown = math.floor(10 * voxels + _ROUNDING) / 10  # 2.99 is not 3
    text = f"{what} {shown:g} voxels, below the {least:g} that are resolved"
    return Resolved(voxels, enough=False, warning=text)


def _check_least(least: float) -> None:
    if not least > 0:
        raise InputDataError(
            f"{least} voxels across a feature cannot be asked for", hint="3 is usual"
        )
