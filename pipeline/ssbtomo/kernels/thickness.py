"""Local thickness: the largest sphere inside a phase that covers each voxel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.errors import CancelledError, InputDataError, PhaseMissingError
from ssbtomo.kernels.distance import as_mask, distance_in_edges, relative_spacing
from ssbtomo.units import Spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Cancelled",
    "Progress",
    "SizeDistribution",
    "default_radii",
    "size_distribution",
    "thickness_classes",
]

Cancelled = Callable[[], bool]
Progress = Callable[[int, int], None]
Window = tuple[slice, slice, slice]

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
    if radii is None:
        chosen = default_radii(float(distances.max()))
    else:
        chosen = _checked(np.asarray(radii, dtype=np.float64) / edge)
    classes = thickness_classes(distances, spacing, chosen, cancelled=cancelled, progress=progress)
    counts = np.bincount(classes[phase], minlength=chosen.size + 1)
    finer = np.cumsum(counts)[:-1] / counts.sum()
    diameters = 2 * edge * chosen
    return SizeDistribution(np.append(diameters, diameters[-1]), np.append(finer, 1.0))


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
    margin: float = 0.0,
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
    margin : float
        Spheres cover this much beyond their radius (never beyond the phase).
    cancelled : callable, optional
        Asked between radii; true stops the work.
    progress : callable, optional
        Told ``(done, total)``.

    Returns
    -------
    ndarray of uint8, shape (Z, Y, X)
        0 where no sphere covers the voxel, else 1 + the index of the radius.
    """
    steps, _ = relative_spacing(spacing)
    classes = np.zeros(distances.shape, dtype=np.uint8)
    for done, index in enumerate(reversed(range(radii.size))):
        if cancelled is not None and cancelled():
            raise CancelledError("the size distribution was cancelled")
        _cover(classes, distances, steps, (index, float(radii[index]), margin))
        if progress is not None:
            progress(done + 1, int(radii.size))
    return classes


def _cover(
    classes: NDArray[np.uint8],
    distances: NDArray[np.float32],
    steps: Spacing,
    ball: tuple[int, float, float],
) -> None:
    import edt

    index, radius, margin = ball
    outside = distances < radius
    box = _box_around(outside, [int((radius + margin) / step) + 1 for step in steps])
    if box is None:
        return
    gaps = edt.edt(np.ascontiguousarray(outside[box]), anisotropy=steps, black_border=False)
    del outside
    covered = gaps < radius + margin
    del gaps
    part = classes[box]
    covered &= part == 0
    if margin:
        covered &= distances[box] > 0
    part[covered] = index + 1


def _box_around(outside: NDArray[np.bool_], reach: Sequence[int]) -> Window | None:
    """Return the box of all false voxels, `reach` voxels larger, inside the volume."""
    window = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        held = np.flatnonzero(~outside.all(axis=others))
        if held.size == 0:
            return None
        low = max(int(held[0]) - reach[axis], 0)
        window.append(slice(low, int(held[-1]) + reach[axis] + 1))
    return window[0], window[1], window[2]


def _phase(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    phase = as_mask(mask)
    if not phase.any():
        raise PhaseMissingError(
            "the phase has no voxel, so it has no size",
            hint="check the phase's label against the segmentation",
        )
    if phase.all():
        raise InputDataError(
            "the phase fills the whole volume: it has no boundary, so it has no size",
            hint="measure a volume that holds another phase too",
        )
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
