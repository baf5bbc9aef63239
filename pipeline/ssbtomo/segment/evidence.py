"""What may tell lithium from void: channels, how far each does, and the class that is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Source
from ssbtomo.kernels.filters import gaussian_halo
from ssbtomo.kernels.masked import inside, inside_halo
from ssbtomo.kernels.separability import TwoClasses
from ssbtomo.units import Spacing

__all__ = ["FAR", "NEAR", "Channel", "Judged", "Look", "Volume"]

Float32 = NDArray[np.float32]
Radius = tuple[float, float, float]
Look = Literal["bright", "dark", "changed", "unchanged"]

NEAR, FAR = 1.0, 2.0
"""The two Gaussians of the fringe, in finest voxel edges."""

_MARGIN = 2.0  # voxels beside other phases: their blur makes void look like lithium


@dataclass(frozen=True, slots=True)
class Channel:
    """A registered volume that may tell lithium from void.

    Parameters
    ----------
    kind : {"grey", "companion", "reference", "fringe"}
        The scan itself; a map of an element; the scan's difference to an earlier one; the
        overshoot that phase contrast leaves at the edge of the class.
    lithium : {"bright", "dark", "changed", "unchanged"}
        How lithium looks in it; the last two for differences.
    source : Source, optional
        The companion or the reference.
    """

    kind: Literal["grey", "companion", "reference", "fringe"]
    lithium: Look
    source: Source | None = None

    def values(self, image: Source, window: Any) -> Float32:
        """Read a window of the channel.

        Parameters
        ----------
        image : Source
            The scan.
        window : tuple of slice
            What to read.

        Returns
        -------
        ndarray of float32
            Its values; 12 bytes per voxel.
        """
        if self.kind == "companion":
            assert self.source is not None
            return np.asarray(self.source[window]).astype(np.float32)
        grey = np.asarray(image[window]).astype(np.float32)
        if self.kind == "reference":
            assert self.source is not None
            grey -= np.asarray(self.source[window]).astype(np.float32)
        return grey


@dataclass(frozen=True, slots=True)
class Judged:
    """A channel, and how far it tells lithium from void.

    Parameters
    ----------
    channel : Channel
        The channel.
    classes : TwoClasses
        Its two classes, smoothed.
    sigma : float
        Of that smoothing, in finest voxel edges.
    dprime : float
        Distance of the means over the deviation: of single voxels for the grey values, which
        noise and drift alone make differ, and of the smoothed values for evidence.
    counts : bool
        Whether it reaches its limit.
    """

    channel: Channel
    classes: TwoClasses
    sigma: float
    dprime: float
    counts: bool

    @property
    def bright(self) -> bool:
        """Whether lithium is the brighter class."""
        look = self.channel.lithium
        if look in ("bright", "dark"):
            return look == "bright"
        more = abs(self.classes.bright) > abs(self.classes.dark)
        return more if look == "changed" else not more

    @property
    def slope(self) -> float:
        """Change of the log odds of lithium per grey value."""
        gap = self.classes.bright - self.classes.dark
        return (1 if self.bright else -1) * gap / self.classes.sd**2

    @property
    def middle(self) -> float:
        """Grey value at which both are equally likely."""
        return (self.classes.bright + self.classes.dark) / 2


@dataclass(frozen=True, slots=True)
class Volume:
    """The scan and its merged class, with its weights.

    Parameters
    ----------
    image : Source
        Grey values.
    merged : Source
        Labels (uint8).
    label : int
        That of the class that may be lithium or void.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    """

    image: Source
    merged: Source
    label: int
    spacing: Spacing

    def voxels(self, length: float) -> Radius:
        """Return a length given in finest voxel edges, in voxels along each axis."""
        z, y, x = (length * min(self.spacing) / edge for edge in self.spacing)
        return z, y, x

    def halo(self, sigma: float) -> tuple[int, int, int]:
        """Return the halo of smoothing inside the class."""
        smooth, fringe = gaussian_halo(self.voxels(sigma)), gaussian_halo(self.voxels(FAR))
        margin = inside_halo(self.voxels(_MARGIN))
        z, y, x = (a + max(b, c) for a, b, c in zip(smooth, margin, fringe, strict=True))
        return z, y, x

    def parts(self, window: Any) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the class, and what of it lies well inside."""
        mask = np.asarray(self.merged[window]) == self.label
        return mask, inside(mask, self.voxels(_MARGIN))
