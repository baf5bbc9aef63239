"""Local thickness: the largest sphere inside a phase that covers each voxel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.errors import CancelledError, InputDataError, PhaseMissingError
from ssbtomo.kernels.distance import as_mask, distance_in_edges
from ssbtomo.kernels.spheres import cover
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Cancelled",
    "Progress",
    "SizeDistribution",
    "chosen_radii",
    "default_radii",
    "size_distribution",
    "thickness_classes",
]

Cancelled = Callable[[], bool]
Progress = Callable[[int, int], None]

_RADII = 14


@dataclass(frozen=True, slots=True)
class SizeDistribution:
    """How much of a phase's volume is finer than each diameter.

    Parameters
    ----------
    diameter_um : ndarray of float
        Diameters in µm, ascending; the last is given twice where a share of the volume
        has exactly the largest diameter (a step of the curve).
    volume_fraction : ndarray of float
        Share of the volume that is finer, from 0 to 1.
    """

    diameter_um: NDArray[np.float64]
    volume_fraction: NDArray[np.float64]

    @classmethod
    def from_counts(cls, counts: NDArray[np.int64], radii: NDArray[np.float64]) -> SizeDistribution:
        """Return the distribution that counts of voxels amount to.

        Parameters
        ----------
        counts : ndarray of int64, shape (n + 1,)
            Voxels of the phase in each class, as of `thickness_classes`. They add over parts
            of a volume.
        radii : ndarray of float, shape (n,)
            In µm, ascending.

        Returns
        -------
        SizeDistribution
            Diameters and the share of the volume that is finer.
        """
        finer = np.cumsum(counts)[:-1] / counts.sum()
        diameters = 2 * radii
        return cls(np.append(diameters, diameters[-1]), np.append(finer, 1.0))

    def percentile(self, percent: float) -> float:
        """Return the diameter below which `percent` of the volume lies, linear in between.

        Parameters
        ----------
        percent : float
            From 0 to 100.

        Returns
        -------
        float
            Diameter in µm.
        """
        share = percent / 100.0
        last = int(np.searchsorted(self.volume_fraction, share, side="left"))
        if last == 0:
            return float(self.diameter_um[0])
        last = min(last, self.volume_fraction.size - 1)
        low, high = self.volume_fraction[last - 1 : last + 1]
        near, far = self.diameter_um[last - 1 : last + 1]
        part = (share - low) / (high - low) if high > low else 1.0
        return float(near + min(part, 1.0) * (far - near))

    @property
    def d10(self) -> float:
        """Diameter in µm below which 10 % of the volume lies."""
        return self.percentile(10)

    @property
    def d50(self) -> float:
        """Diameter in µm below which half of the volume lies."""
        return self.percentile(50)

    @property
    def d90(self) -> float:
        """Diameter in µm below which 90 % of the volume lies."""
        return self.percentile(90)

    @property
    def mean(self) -> float:
        """Mean diameter in µm, weighted by volume."""
        share = np.diff(self.volume_fraction, prepend=0.0)
        before = np.concatenate([self.diameter_um[:1], self.diameter_um[:-1]])
        return float(np.sum(share * (before + self.diameter_um) / 2))


def size_distribution(
    mask: NDArray[np.bool_],
    spacing: Spacing,
    radii: Sequence[float] | None = None,
    *,
    cancelled: Cancelled | None = None,
    progress: Progress | None = None,
) -> SizeDistribution:
    """Measure the continuous size distribution of a phase.

    Each voxel counts with the diameter of the largest sphere that fits into the phase and
    covers the voxel (local thickness).

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The phase.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    radii : sequence of float, optional
        Radii in µm that are told apart; by default those of `default_radii`. State them
        to pool samples. What is coarser than the last counts as large as the last.
    cancelled : callable, optional
        Asked between radii; true stops the work.
    progress : callable, optional
        Told ``(done, total)``.

    Returns
    -------
    SizeDistribution
        Diameters and the share of the volume that is finer.

    Raises
    ------
    PhaseMissingError
        If the mask is empty.
    InputDataError
        If the mask fills the volume (no boundary, no size), or the radii are not positive.
    CancelledError
        If `cancelled` said so.

    Notes
    -----
    Estimator: exact for each radius: a voxel is covered if it lies less than r from a voxel
    that lies r or more from the phase's outside, both by exact Euclidean distance between
    voxel centres; between radii the share is interpolated. Bias: a sphere of diameter 20
    voxels reads 18.5 to 20.1, by where its centre lies between voxel centres; a flat gap n
    voxels wide reads n where n is even and n + 1 where it is odd, so sizes below 5 voxels
    are unsure by a fifth or more. The faces of the volume do not bound the phase: sizes
    there are those of the phase continued by its mirror image.
    Memory: 12 bytes per voxel at most beside the mask; one distance transform per radius, in
    the box that holds the centres.

    References
    ----------
    Hildebrand and Rüegsegger, 1997, 10.1046/j.1365-2818.1997.1340694.x; Münch and Holzer,
    2008, 10.1111/j.1551-2916.2008.02736.x.
    """
    phase = _phase(mask)
    distances, edge = distance_in_edges(phase, spacing)
    chosen = chosen_radii(radii, edge, float(distances.max()))
    classes = thickness_classes(distances, spacing, chosen, cancelled=cancelled, progress=progress)
    return SizeDistribution.from_counts(
        np.bincount(classes[phase], minlength=chosen.size + 1), chosen * edge
    )


def chosen_radii(radii: Sequence[float] | None, edge: float, largest: float) -> NDArray[np.float64]:
    """Return the stated radii, or those that suit the largest distance.

    Parameters
    ----------
    radii : sequence of float or None
        In µm.
    edge : float
        The smallest voxel edge in µm.
    largest : float
        The largest distance in units of that edge: 0 if the phase has no voxel, ``inf`` if
        it has no boundary.

    Returns
    -------
    ndarray of float
        Ascending, in units of the smallest voxel edge.

    Raises
    ------
    PhaseMissingError
        If the phase has no voxel.
    InputDataError
        If the phase has no boundary, or the radii are not positive.
    """
    if largest == 0:
        raise PhaseMissingError(
            "the phase has no voxel, so it has no size",
            hint="check the phase's label against the segmentation",
        )
    if np.isinf(largest):
        raise InputDataError(
            "the phase fills the whole volume: it has no boundary, so it has no size",
            hint="measure a volume that holds another phase too",
        )
    if radii is None:
        return default_radii(largest)
    return _checked(np.asarray(radii, dtype=np.float64) / edge)


def default_radii(largest: float, *, count: int = _RADII) -> NDArray[np.float64]:
    """Return radii from one voxel edge to the largest, evenly spaced in their logarithm.

    Parameters
    ----------
    largest : float
        The largest distance found, in units of the smallest voxel edge.
    count : int
        How many radii.

    Returns
    -------
    ndarray of float
        Ascending, in units of the smallest voxel edge.
    """
    if largest <= 1:
        return np.array([largest])
    radii = np.geomspace(1.0, largest, count)
    radii[-1] = largest
    return radii


def thickness_classes(
    distances: NDArray[np.float32],
    spacing: Spacing,
    radii: NDArray[np.float64],
    *,
    cancelled: Cancelled | None = None,
    progress: Progress | None = None,
) -> NDArray[np.uint8]:
    """Tell for each voxel the largest listed radius whose sphere covers it.

    Parameters
    ----------
    distances : ndarray of float32, shape (Z, Y, X)
        Distance to the outside in units of the smallest voxel edge.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    radii : ndarray of float
        Ascending, in units of the smallest voxel edge; 255 at most.
    cancelled : callable, optional
        Asked between radii; true stops the work.
    progress : callable, optional
        Told ``(done, total)``.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        0 where no sphere covers the voxel, else 1 + the index of the radius.
    """
    from ssbtomo.kernels.distance_passes import squared_edges

    weights = squared_edges(spacing, distances.shape)
    z, y, x = (slice(0, size) for size in distances.shape)
    classes = np.zeros(distances.shape, dtype=np.uint8)
    for done, index in enumerate(reversed(range(radii.size))):
        if cancelled is not None and cancelled():
            raise CancelledError("the size distribution was cancelled")
        cover(classes, distances, weights, (z, y, x), (index, float(radii[index]), 0.0))
        if progress is not None:
            progress(done + 1, int(radii.size))
    return classes


def _phase(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask; tell at once what `chosen_radii` would tell after the distances."""
    phase = as_mask(mask)
    if not phase.any() or phase.all():
        chosen_radii(None, 1.0, float("inf") if phase.any() else 0.0)
    return phase


def _checked(radii: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.unique(radii)
    if ordered.size == 0 or not np.all(np.isfinite(ordered)) or ordered[0] <= 0:
        raise InputDataError(
            f"the radii {radii.tolist()} are not all positive", hint="give radii in µm, above zero"
        )
    if ordered.size > 255:
        raise InputDataError(
            f"{ordered.size} radii were given", hint="give 255 at most; 16 are plenty"
        )
    return ordered
