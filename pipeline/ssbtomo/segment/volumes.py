"""Segment a volume, in memory or in blocks, and again with shifted thresholds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks import Markers, Sink, Source, halo_map
from ssbtomo.blocks.cleanup import remove_small
from ssbtomo.blocks.histogram import grey_summary
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.histogram import Histogram
from ssbtomo.kernels.mixture import gaussian_mixture
from ssbtomo.kernels.thresholds import Classes, classify
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.inputs import check_image, check_source, find_classes
from ssbtomo.segment.segmentation import Segmentation
from ssbtomo.segment.surfaces import Surfaces, find_surfaces, purified, stop_if
from ssbtomo.units import Spacing, check_spacing

__all__ = ["Method", "Segmenter", "segment_volume"]

Method = Literal["multi-otsu", "gaussian-mixture", "thresholds"]
Shift = tuple[int, float]
Progress = Callable[[int, int], None]
Floats = NDArray[np.float64]

_PARTS = 6
_SEPARABLE = 2.0
_CLEAR = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Segmenter:
    """A volume that is prepared once and segmented for any shift of its thresholds.

    Parameters
    ----------
    image : Source
        Grey values, (Z, Y, X).
    bench : Bench
        Where the blocks are worked on.
    classes : Classes
        What the histogram says: thresholds, and the classes they make.
    fitted : Classes
        Gaussians fitted to the histogram, for the deviations.
    method : str
        How the thresholds were found.
    surfaces : Surfaces or None
        The repaired volume; ``None`` without repair.
    smallest_object : int
        Pieces of fewer voxels go to the phase around them.
    noise : float or None
        Standard deviation of the noise of the image, if it is known.
    """

    image: Source
    bench: Bench
    classes: Classes
    fitted: Classes
    method: str
    surfaces: Surfaces | None
    smallest_object: int = 0
    noise: float | None = None

    @classmethod
    def prepare(  # noqa: PLR0913 - the parameters of the recipe's section
        cls,
        image: Any,
        spacing: Spacing,
        classes: int,
        *,
        method: Method = "multi-otsu",
        thresholds: Sequence[float] | None = None,
        repair: bool = True,
        smallest_object: int = 0,
        histogram: Histogram | None = None,
        noise: float | None = None,
        bench: Bench | None = None,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Segmenter:
        """Do what does not depend on the shift; see `segment_volume` for the parameters.

        Returns
        -------
        Segmenter
            The stores of its bench hold 6 bytes per voxel if it repairs. With a bench, the
            image may be any source that its tasks can read.
        """
        grey = check_image(image) if bench is None else check_source(image)
        place = bench or Bench.in_memory(grey.shape)
        spacing = check_spacing(spacing)
        counts = histogram or grey_summary(grey, place.grid, place.engine).check()
        found = find_classes(counts, classes, method, thresholds)
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(min(done, _PARTS - 1), _PARTS)
            stop_if(cancelled)

        surfaces = None
        if repair:
            surfaces = purified(find_surfaces(grey, spacing, found, place, step), grey, spacing)
        fitted = found if method == "gaussian-mixture" else gaussian_mixture(counts, classes)
        if progress is not None:
            progress(_PARTS, _PARTS)
        return cls(grey, place, found, fitted, method, surfaces, smallest_object, noise)

    @property
    def means(self) -> Floats:
        """Grey value of each phase: of its plateau if repaired, else of its class."""
        return self.classes.means if self.surfaces is None else self.surfaces.plateaus.means

    def places(self, shift: Shift | None = None) -> Floats:
        """Return where each surface lies between the grey values of its two phases.

        Parameters
        ----------
        shift : tuple of (int, float), optional
            Threshold, and share of the distance between the neighbouring means to move it by.

        Returns
        -------
        ndarray of float64
            0 at the darker mean, 1 at the brighter. With repair half-way, where a symmetric
            blur leaves a flat surface, unless the user gave the thresholds.

        Raises
        ------
        InputDataError
            If there is no such threshold, or the shift would pass a mean.
        """
        if self.surfaces is not None and self.method != "thresholds":
            places = np.full(self.means.size - 1, 0.5)
        else:
            places = (self.classes.thresholds - self.means[:-1]) / np.diff(self.means)
        if shift is not None:
            threshold, share = shift
            if threshold not in range(places.size) or not abs(share) < 0.5:
                raise InputDataError(
                    f"the shift {shift} needs a threshold from 0 to {places.size - 1} and a share "
                    "between -0.5 and 0.5",
                    hint="0.05 moves a threshold by 5 % of the distance between the means",
                )
            places[threshold] += share
        return places

    def labels(
        self,
        shift: Shift | None = None,
        *,
        sink: Sink | None = None,
        markers: Markers | None = None,
    ) -> Any:
        """Label the volume.

        Parameters
        ----------
        shift : tuple of (int, float), optional
            As for `places`.
        sink : Sink, optional
            What the labels are written to; a store of the bench (``labels``) if not given.
        markers : Markers, optional
            Where finished blocks of `sink` are marked.

        Returns
        -------
        Sink
            0 for the darkest phase (uint8): an array if the bench is in memory, which it is
            unless one was given. 1 byte per voxel; 7 if it removes small objects.
        """
        places = self.places(shift)
        target = self._store() if sink is None else sink
        if self.smallest_object > 1:
            found = self._store("labels-raw")
            self._label(places, found, None)
            self._clean(found, target, markers)
        else:
            self._label(places, target, markers)
        return target

    def _store(self, name: str = "labels") -> Sink:
        return self.bench.allocate(name, np.dtype(np.uint8))

    def _label(self, places: Floats, sink: Sink, markers: Markers | None) -> None:
        if self.surfaces is not None:
            self.surfaces.labels(places, sink, markers)
            return
        kernel = partial(classify, thresholds=self._thresholds(places))
        grid, engine = self.bench.grid, self.bench.engine
        halo_map(kernel, self.image, sink, grid, engine, markers=markers)

    def _clean(self, found: Sink, sink: Sink, markers: Markers | None) -> None:
        grid, engine = self.bench.grid, self.bench.engine
        cleaned = remove_small(
            found, self.smallest_object, grid, engine, allocate=self.bench.allocate
        )
        halo_map(np.asarray, cleaned, sink, grid, engine, markers=markers)

    def segment(
        self,
        shift: Shift | None = None,
        *,
        sink: Sink | None = None,
        markers: Markers | None = None,
    ) -> Segmentation:
        """Label the volume and say what the labels rest on.

        Parameters
        ----------
        shift : tuple of (int, float), optional
            As for `places`.
        sink : Sink, optional
            As for `labels`.
        markers : Markers, optional
            As for `labels`.

        Returns
        -------
        Segmentation
            The warnings name phases that overlap in grey value or have no plateau.
        """
        separability = self.fitted.separability
        return Segmentation(
            labels=self.labels(shift, sink=sink, markers=markers),
            thresholds=_floats(self._thresholds(self.places(shift))),
            histogram_thresholds=_floats(self.classes.thresholds),
            class_means=_floats(self.means),
            class_sds=_floats(self.fitted.sds),
            class_weights=_floats(self.classes.weights),
            separability=_floats(separability),
            variance_share=self.classes.variance_share,
            method=self.method,
            repaired=self.surfaces is not None,
            edge_width_voxels=(
                math.nan if self.surfaces is None else self.surfaces.plateaus.edge_width
            ),
            warnings=tuple(self._warnings(separability)),
            bytes_per_voxel=self._bytes_per_voxel() if sink is None else 0.0,
        )

    def _bytes_per_voxel(self) -> float:
        held = 0.0 if self.surfaces is None else 6.0
        return held + (8.0 if self.smallest_object > 1 else 1.0)

    def _thresholds(self, places: Floats) -> Floats:
        thresholds: Floats = self.means[:-1] + places * np.diff(self.means)
        return thresholds

    def _warnings(self, separability: Floats) -> list[str]:
        texts = [
            f"phases {k} and {k + 1} (from dark) overlap in grey value: d' = {value:.2g}, below "
            f"{_SEPARABLE:g}; their boundary is uncertain"
            for k, value in enumerate(separability)
            if value < _SEPARABLE
        ]
        if self.noise and self.surfaces is None:
            contrast = np.diff(self.means).min() / self.noise
            if contrast < 3:
                texts.append(
                    f"the smallest contrast between phases is {contrast:.2g} times the noise; "
                    "thresholds alone will speckle: denoise first, or set repair: true"
                )
        if self.surfaces is not None and self.surfaces.plateaus.clarity < _CLEAR:
            texts.append(
                "the noise is almost as steep as the edges "
                f"(edges {self.surfaces.plateaus.clarity:.2g} times as steep, {_CLEAR:g} wanted): "
                "surfaces will be rough; denoise before segmenting"
            )
        lost = () if self.surfaces is None else self.surfaces.lost
        texts += [
            f"phase {k} (from dark) has no region wider than the blur; the repair took all its "
            "voxels for edges between other phases"
            for k in lost
        ]
        return texts


def segment_volume(  # noqa: PLR0913 - the parameters of the recipe's section
    image: NDArray[Any],
    spacing: Spacing,
    classes: int,
    *,
    method: Method = "multi-otsu",
    thresholds: Sequence[float] | None = None,
    repair: bool = True,
    smallest_object: int = 0,
    shift: Shift | None = None,
    histogram: Histogram | None = None,
    noise: float | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Segmentation:
    """Segment a grey volume into phases, from dark to bright.

    Parameters
    ----------
    image : ndarray, shape (Z, Y, X)
        Grey values; never written to.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    classes : int
        Number of phases, 2 to 5.
    method : {"multi-otsu", "gaussian-mixture", "thresholds"}
        How the histogram is split.
    thresholds : sequence of float, optional
        For the method of that name: ascending grey values.
    repair : bool
        Whether to remove the films that blur makes of middle phases on dark | bright edges.
    smallest_object : int
        Pieces of fewer voxels go to the phase around them; 0 keeps all.
    shift : tuple of (int, float), optional
        ``(k, s)`` moves threshold k by s times the distance between the means beside it.
    histogram : Histogram, optional
        Of the whole volume, if it is known already.
    noise : float, optional
        Standard deviation of the noise, if it is known.
    progress : callable, optional
        Told (done, total).
    cancelled : callable, optional
        Returns whether to stop.

    Returns
    -------
    Segmentation
        Labels, thresholds, and what they rest on.

    Raises
    ------
    AxisError
        If the image is not (Z, Y, X).
    InputDataError
        If the image is constant, holds NaN or infinities, or cannot give so many classes.
    CancelledError
        If `cancelled` says so.

    Notes
    -----
    7 bytes per voxel beside the image, 14 with `smallest_object`, and 0.5 GB for the block at
    hand. For ranges, `Segmenter.prepare` once and `Segmenter.labels` per shift is several times
    faster. The stage of a run keeps all of it on disk.
    """
    return Segmenter.prepare(
        image,
        spacing,
        classes,
        method=method,
        thresholds=thresholds,
        repair=repair,
        smallest_object=smallest_object,
        histogram=histogram,
        noise=noise,
        progress=progress,
        cancelled=cancelled,
    ).segment(shift)


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
