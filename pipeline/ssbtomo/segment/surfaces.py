"""Partial-volume repair of a whole volume: prepared once, settled for any thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import CancelledError, ResourceError
from ssbtomo.kernels import plateaus as flat
from ssbtomo.kernels import repair
from ssbtomo.kernels.cleanup import remove_stray_seeds
from ssbtomo.kernels.filters import gaussian
from ssbtomo.kernels.histogram import count_grey
from ssbtomo.kernels.refine import refine
from ssbtomo.kernels.thresholds import Classes
from ssbtomo.units import Spacing

__all__ = ["Step", "Surfaces", "find_surfaces", "stop_if"]

Floats = NDArray[np.float64]
Step = Callable[[], None]

_SCALES = (0.7, 1.0, 1.4)  # of the smoothing, in finest voxel edges
_CLEAR = 3.5  # how many times an edge must be steeper than the noise; the worst phase has more
_SWEEPS = 3
_STENCIL = 1 / 3  # variance that the central difference adds, in voxels squared


@dataclass(frozen=True, slots=True, eq=False)
class Surfaces:
    """A volume whose phases were found from plateaus; its surfaces can still move a little.

    Parameters
    ----------
    smooth : ndarray of float32
        The smoothed grey values that decide.
    grown : ndarray of uint8
        Seeds from 1, grown voxels plus 128.
    nearby : ndarray of uint8
        Phases around each voxel, as bits.
    plateaus : Plateaus
        Grey values of the plateaus, and the width of the edges.
    scale : float
        Standard deviation of the smoothing, in finest voxel edges.
    lost : tuple of int
        Phases without any plateau.
    blur : tuple of float
        Standard deviation of the blur of edges in `smooth`, in voxels along (Z, Y, X).
    """

    smooth: NDArray[np.float32]
    grown: NDArray[np.uint8]
    nearby: NDArray[np.uint8]
    plateaus: flat.Plateaus
    scale: float
    lost: tuple[int, ...]
    blur: tuple[float, float, float]

    def labels(self, places: Floats) -> NDArray[np.uint8]:
        """Return the phases with each surface at its place between the plateaus.

        Parameters
        ----------
        places : ndarray of float64, shape (n - 1,)
            Where the surface between neighbours k and k + 1 lies: 0 at the grey value of the
            darker plateau, 1 at that of the brighter, 0.5 half-way. Phases that are not
            neighbours in grey value take the mean place of the thresholds between them.

        Returns
        -------
        ndarray of uint8
            0 for the darkest phase.
        """
        now, then = self.grown.copy(), np.empty_like(self.grown)
        limits = self._boundaries(places)
        for _ in range(_SWEEPS):
            changed = repair.settle(self.smooth, now, self.nearby, limits, then)
            now, then = then, now
            if not changed:
                break
        # Then for their curvature; a second step would follow the noise.
        volume, means = (self.smooth, now, self.nearby), self.plateaus.means.astype(np.float32)
        now, _ = refine(
            volume, means, limits - self._boundaries(np.full_like(places, 0.5)), self.blur
        )
        now &= 127
        now -= 1
        return now

    def _boundaries(self, places: Floats) -> NDArray[np.float32]:
        means = self.plateaus.means
        limits = np.zeros((means.size + 1, means.size + 1), np.float32)
        for low in range(means.size):
            for high in range(low + 1, means.size):
                place = places[low:high].mean()
                limits[low + 1, high + 1] = means[low] + place * (means[high] - means[low])
        return limits


def find_surfaces(
    image: NDArray[Any], spacing: Spacing, classes: Classes, step: Step = lambda: None
) -> Surfaces:
    """Find the phases of a blurred volume from their plateaus.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values, denoised or not.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm; only their ratios matter here.
    classes : Classes
        Of the volume's histogram.
    step : callable, optional
        Called between parts of the work; may raise to stop it.

    Returns
    -------
    Surfaces
        Holds 6 bytes per voxel; the work needs 13 beside the image.

    Raises
    ------
    ResourceError
        If the volume has 2**31 voxels or more.
    """
    if image.size >= 2**31:
        raise ResourceError(
            f"partial-volume repair holds the whole volume, and {image.size} voxels are too many",
            hint="crop or bin the volume, or set repair: false",
        )
    fine = min(spacing)
    ratios = tuple(fine / edge for edge in spacing)
    view = _Look.at(image, ratios, classes, _SCALES[0])
    while (scale := view.wanted_scale()) > view.scale:
        step()
        del view  # its arrays make room for those of the next
        view = _Look.at(image, ratios, classes, scale)
    step()
    return view.grown(ratios, classes.thresholds, step)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """The volume seen at one scale of smoothing."""

    smooth: NDArray[np.float32]
    levels: NDArray[np.uint16]
    plateaus: flat.Plateaus
    scale: float
    unit: float
    centres: Floats

    @classmethod
    def at(
        cls, image: NDArray[Any], ratios: tuple[float, ...], classes: Classes, scale: float
    ) -> _Look:
        z, y, x = (scale * ratio for ratio in ratios)
        smooth = gaussian(image, (z, y, x))
        low, high = float(smooth.min()), float(smooth.max())
        width = (high - low) / flat.GREY_BINS
        unit = flat.GRADIENT_LEVELS * math.sqrt(2 * math.pi) * scale / (high - low)
        levels = np.empty(smooth.shape, np.uint16)
        steps = tuple(np.float32(ratio / 2) for ratio in ratios)
        repair.gradient_levels(smooth, steps, np.float32(unit), levels)
        joint = flat.joint_histogram(smooth, levels, np.float32(low), np.float32(width))
        bins = np.arange(flat.GREY_BINS) + 0.5
        centres: Floats = np.asarray(low + width * bins, np.float64)
        plateaus = flat.find_plateaus(
            joint, centres, classes, unit, narrowest=math.sqrt(scale**2 + _STENCIL)
        )
        return cls(smooth, levels, plateaus, scale, unit, centres)

    def wanted_scale(self) -> float:
        # First as smooth as the image itself is, then as its noise asks for.
        wanted = self.scale
        if self.scale == _SCALES[0]:
            blur = math.sqrt(max(self.plateaus.edge_width**2 - self.scale**2 - _STENCIL, 0.0))
            wanted = round(min(max(self.scale, self.scale * blur), _SCALES[-1]), 1)
        if self.plateaus.clarity < _CLEAR:
            wanted = max(wanted, min((s for s in _SCALES if s > self.scale), default=wanted))
        return wanted

    def grown(self, ratios: tuple[float, ...], thresholds: Floats, step: Step) -> Surfaces:
        phases, width = thresholds.size + 1, self.plateaus.edge_width
        tables = flat.seed_tables(self.plateaus, self.centres, thresholds, self.unit)
        bin_width = self.centres[1] - self.centres[0]
        bins = np.float32(self.centres[0] - bin_width / 2), np.float32(bin_width)
        labels = np.empty(self.smooth.shape, np.uint8)
        repair.plant_seeds(self.smooth, self.levels, bins, tables, labels)
        step()
        z, y, x = (max(math.ceil(1.5 * width * ratio), 1) for ratio in ratios)
        smallest = math.ceil((2 * width) ** 3 * math.prod(ratios))
        remove_stray_seeds(labels, phases, smallest, (z, y, x))
        held = count_grey(labels, -0.5, 1.0, phases + 1)[1:]
        step()
        repair.flood(self.levels, labels, np.empty(labels.size, np.int32))
        step()
        nearby = repair.nearby_phases(labels, (z, y, x))
        means = self.plateaus.means
        middles = ((means[1:] + means[:-1]) / 2).astype(np.float32)
        if repair.restore_thin(self.smooth, nearby, middles, labels):
            nearby = repair.nearby_phases(labels, (z, y, x))
        lost = tuple(int(phase) for phase in np.flatnonzero(held == 0))
        sigma = math.sqrt(max(width**2 - _STENCIL, self.scale**2))
        blur = sigma * ratios[0], sigma * ratios[1], sigma * ratios[2]
        return Surfaces(self.smooth, labels, nearby, self.plateaus, self.scale, lost, blur)


def stop_if(cancelled: Callable[[], bool] | None) -> None:
    """Stop here if the user asked for it.

    Parameters
    ----------
    cancelled : callable or None
        Returns whether to stop.

    Raises
    ------
    CancelledError
        If it returns true.
    """
    if cancelled is not None and cancelled():
        raise CancelledError("the segmentation was cancelled", hint="start it again when you like")
