"""Half turns, whole turns, and the half of the sample that a shifted detector sees."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import AxisError, InputDataError

__all__ = ["Turn", "angle_weights", "stitch", "turn_of"]

Turn = Literal["half", "whole"]
_SLACK = 0.02
"""Share of a half turn by which the covered angle may differ from it."""


def turn_of(angles: NDArray[np.float64]) -> Turn:
    """Tell whether a scan covers half a turn or a whole one.

    Parameters
    ----------
    angles : ndarray of float, shape (angles,)
        Radians, rising or falling throughout.

    Returns
    -------
    {"half", "whole"}
        What they cover, counting the last step; a first angle that comes again at the end
        does no harm.

    Raises
    ------
    InputDataError
        If they cover neither, or go back and forth.
    """
    if angles.ndim != 1 or len(angles) < 2:
        raise AxisError(f"{angles.shape} angles are no scan", hint="two or more are needed")
    steps = np.diff(angles)
    if not (np.isfinite(angles).all() and ((steps > 0).all() or (steps < 0).all())):
        raise InputDataError(
            "the angles do not rise (or fall) from projection to projection",
            hint="sort the projections, or give the angles: angles: [first, last] in degrees",
        )
    span = abs(angles[-1] - angles[0])
    step = float(np.median(np.abs(steps)))
    for turn, whole in (("half", np.pi), ("whole", 2 * np.pi)):
        if min(abs(span + step - whole), abs(span - whole)) <= max(_SLACK * np.pi, 1.01 * step):
            return "half" if turn == "half" else "whole"
    raise InputDataError(
        f"the projections cover {np.degrees(span):.2f} degrees; filtered back-projection needs "
        "180 or 360",
        hint="leave out the projections beyond, or check the angles in the file",
    )


def angle_weights(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of each projection in the sum over half a turn.

    Parameters
    ----------
    angles : ndarray of float, shape (angles,)
        Radians, over half a turn or a whole one.

    Returns
    -------
    ndarray of float, shape (angles,)
        Half the distance between the neighbours; they add to pi.
    """
    around = np.pi if turn_of(angles) == "half" else 2 * np.pi
    order = np.argsort(angles)
    sorted_angles = angles[order]
    gaps = np.diff(sorted_angles, append=sorted_angles[0] + around)
    gaps = np.maximum(gaps, 0.0)  # a projection that comes twice shares its place
    shares = np.empty(len(angles))
    shares[order] = 0.5 * (gaps + np.roll(gaps, 1))
    return np.asarray(shares * (np.pi / shares.sum()))


def stitch(
    sinograms: NDArray[Any], angles: NDArray[np.float64], centre: float
) -> tuple[NDArray[np.float32], NDArray[np.float64], float]:
    """Join the two halves of a whole turn into a wider scan of half a turn.

    Where the rotation axis was moved to a rim of the detector, each projection sees half of
    the sample, and the one from behind the other half. Where both see, they fade into each
    other linearly, so that differences between them leave no edge.

    Parameters
    ----------
    sinograms : ndarray, shape (slices, angles, U)
        Line integrals over a whole turn.
    angles : ndarray of float, shape (angles,)
        Radians.
    centre : float
        Detector pixel of the rotation axis.

    Returns
    -------
    sinograms : ndarray of float32, shape (slices, angles of the first half, wide)
        Over half a turn.
    angles : ndarray of float
        Those of the first half.
    centre : float
        Where the axis is in the wider rows.
    """
    width = sinograms.shape[2]
    half = np.flatnonzero(np.abs(angles - angles[0]) < np.pi - 1e-9)
    behind = _opposite(sinograms, angles, angles[half] + np.sign(angles[-1] - angles[0]) * np.pi)
    mirrored = centre > (width - 1) / 2  # the axis is near the last pixel: the rest lies right
    reach = centre if mirrored else width - 1 - centre
    wide = int(np.floor(2 * reach)) + 1
    middle = reach if mirrored else wide - 1 - reach
    place = np.arange(wide) - middle  # from the axis
    own, other = centre + place, centre - place
    near = _sample(sinograms[:, half], own)
    far = _sample(behind, other)
    overlap = max(width - 1 - reach, 1e-6)  # from the axis, to either side
    share = np.clip(0.5 + (-place if mirrored else place) / (2 * overlap), 0.0, 1.0)
    share = share.astype(np.float32)
    return near * share + far * (1 - share), angles[half], float(middle)


def _opposite(
    sinograms: NDArray[Any], angles: NDArray[np.float64], wanted: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Interpolate the projections at other angles."""
    sign = np.sign(angles[-1] - angles[0])
    place = np.interp(sign * wanted, sign * angles, np.arange(len(angles)))
    first = np.minimum(place.astype(np.intp), len(angles) - 2)
    far = (place - first).astype(np.float32)[:, None]
    return np.asarray(sinograms[:, first] * (1 - far) + sinograms[:, first + 1] * far)


def _sample(rows: NDArray[Any], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """Interpolate along the detector; beyond it, its outermost sample."""
    last = rows.shape[-1] - 1
    inside = np.clip(places, 0, last)
    first = np.minimum(inside.astype(np.intp), last - 1)
    far = (inside - first).astype(np.float32)
    return np.asarray(rows[..., first] * (1 - far) + rows[..., first + 1] * far)
