"""Class probabilities at edges: what lies between two phases is one of them.

A voxel on the blurred edge of a dark and a bright phase has the grey value of a phase between
them, and a classifier that looks at grey values puts a film of that phase there. On such a film
the volume is steep throughout, while a real layer has a middle where it is level.

In serial sections of an unfilled sample that is not all: the floor of a pore, seen through it, is
steep as well, though no edge. But blur makes nothing that is darker or brighter than both phases
beside it: where grey values are given, the darkest and the brightest phase need no level ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.kernels.feature_list import Feature, tap_radius
from ssbtomo.kernels.features import smoothed_inside
from ssbtomo.units import Spacing

__all__ = ["Settling", "settled"]

Float = NDArray[np.float32]
Margin = tuple[int, int, int]

_POWER = 6
_FLOOR = np.float32(1e-3)
_LEAST = np.float32(0.1)


@dataclass(frozen=True, slots=True)
class Settling:
    """How far around a voxel level ground has a say on its phase.

    Parameters
    ----------
    reach : float
        Standard deviation in µm of the Gaussian with which the probabilities of level voxels
        are averaged.
    scale : float
        Standard deviation in µm of the Gaussian before the gradient.
    steep : float
        Gradient (dimensionless, as the feature) above which a voxel has little say.
    support : float
        Averaged probability below which a phase is hardly a candidate for a voxel.
    blur : float
        Standard deviation of the smoothing of the probabilities, as a share of `scale`; 0 for none.
    greys : tuple of float
        Of serial sections, the grey value of each class: only those between a darker and a
        brighter one need level ground. Empty for all other volumes, of which every class does.
    """

    reach: float
    scale: float
    steep: float
    support: float = 0.2
    blur: float = 0.5
    greys: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        values = (self.reach, self.scale, self.steep, self.support)
        good = all(isinstance(v, float) and 0 < v < np.inf for v in values)
        good = good and bool(np.isfinite(self.greys).all())
        if not good or self.support >= 1 or not 0 <= self.blur * self.scale <= self.reach:
            raise InputDataError(f"the lengths and limits of {self} must be above zero")

    @property
    def feature(self) -> Feature:
        """The gradient that tells level from steep."""
        return Feature.of("gradient", self.scale)

    def between(self, label: int) -> bool:
        """Tell whether blur can make a class: by the grey values, if they are given.

        Parameters
        ----------
        label : int
            The class.

        Returns
        -------
        bool
            If another is darker, and another brighter; or if nothing is known of that.
        """
        if not self.greys:
            return True
        return min(self.greys) < self.greys[label] < max(self.greys)

    def radii(self, spacing: Spacing, within: Margin) -> Margin:
        """Return the voxels that an average reaches; along an axis of one voxel, none.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.
        within : tuple of int
            Voxels of the volume.

        Returns
        -------
        tuple of int
            Along (Z, Y, X).
        """
        z, y, x = (
            tap_radius(self.reach / edge) if size > 1 else 0
            for edge, size in zip(spacing, within, strict=True)
        )
        return z, y, x


def settled(
    probabilities: Float, gradient: Float, settling: Settling, spacing: Spacing, radii: Margin
) -> Float:
    """Give each voxel one of the phases that level ground around it supports.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (classes, Z, Y, X)
        With `radii` voxels of margin on all sides.
    gradient : ndarray of float32, shape (Z, Y, X)
        Of the same box.
    settling : Settling
        How.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    radii : tuple of int
        From `Settling.radii`.

    Returns
    -------
    ndarray of float32, shape (classes, z, y, x)
        Probabilities without the margin, summing to one: each class's own after a light smoothing,
        times n⁴ / (n⁴ + s⁴), where n is its average over level ground, and s the `support`: a
        phase is a candidate or not, however little of it there is, or small pores would lose
        their rims. The darkest and the brightest class of serial sections are averaged over all
        ground. A layer thinner than about three scales of the gradient between two other phases
        may be lost.

    Notes
    -----
    12 bytes per voxel and class.
    """
    widths = [settling.reach / edge for edge in spacing]
    light = [settling.blur * settling.scale / edge for edge in spacing]
    few: Margin = tuple(  # type: ignore[assignment]
        min(tap_radius(width), r) for width, r in zip(light, radii, strict=True)
    )
    around = tuple(
        slice(r - f, n - r + f) for r, f, n in zip(radii, few, gradient.shape, strict=True)
    )
    weight = (gradient / np.float32(settling.steep)) ** _POWER
    weight = np.float32(1) / (np.float32(1) + weight) + _FLOOR
    total = smoothed_inside(weight, widths, radii)
    limit = np.float32(settling.support**4)
    out = np.empty((len(probabilities), *total.shape), np.float32)
    for label, own in enumerate(probabilities):
        if settling.between(label):
            average = smoothed_inside(own * weight, widths, radii) / total
        else:
            average = smoothed_inside(own, widths, radii)
        average *= average
        average *= average
        out[label] = (smoothed_inside(own[around], light, few) + _LEAST) * (
            average / (average + limit)
        )
    whole = out[0].copy()
    for part in out[1:]:
        whole += part
    out /= whole
    return out
