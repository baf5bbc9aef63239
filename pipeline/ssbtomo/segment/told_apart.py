"""Lithium or void for scripts and notebooks: one call, arrays in, labels and bounds out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.filters import gaussian
from ssbtomo.kernels.ranges import AGAIN
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.evidence import Channel
from ssbtomo.segment.inputs import check_image
from ssbtomo.segment.lithium import Ask, Face, LowAbsorbing
from ssbtomo.segment.surfaces import image_blur
from ssbtomo.units import Spacing

__all__ = ["LithiumOrVoid", "lithium_or_void"]


@dataclass(frozen=True, slots=True, eq=False)
class LithiumOrVoid:
    """What is known of lithium and void in a volume.

    Parameters
    ----------
    labels : ndarray of uint8, shape (Z, Y, X)
        Phases as asked for; with the two as one label, and those above one less, if `merged`.
    merged : bool
        Whether the two are one class.
    dprime : float
        Distance of their grey values over the deviation of a voxel, as measured.
    limit : float
        Below which grey values do not split them.
    evidence : dict of str to float
        The d' of each other channel, smoothed; those of 4 or more were used.
    lithium_fraction : tuple of float
        Smallest and largest volume fraction of lithium that the data allow.
    void_fraction : tuple of float
        The same for void.
    warnings : tuple of str
        What a reader must know.
    """

    labels: NDArray[np.uint8]
    merged: bool
    dprime: float
    limit: float
    evidence: dict[str, float]
    lithium_fraction: tuple[float, float]
    void_fraction: tuple[float, float]
    warnings: tuple[str, ...] = field(default=())


def lithium_or_void(  # noqa: PLR0913 - one keyword per kind of evidence
    image: Any,
    spacing: Spacing,
    phases: int,
    *,
    void: int = 0,
    lithium: int = 1,
    limit: float = 1.5,
    companion: Any = None,
    reference: Any = None,
    fringe: Literal["none", "dark", "bright"] = "none",
    electrode: Face | None = None,
    prior: float = 0.0,
    shift: float = 0.05,
    progress: Callable[[int, int], None] | None = None,
) -> LithiumOrVoid:
    """Segment a volume whose lithium and void may look the same.

    Parameters
    ----------
    image : array_like, shape (Z, Y, X)
        Grey values, NumPy or Dask.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : int
        Number of phases with both, 3 to 5, from dark to bright.
    void, lithium : int
        Their labels; neighbours.
    limit : float
        The d' of single voxels below which grey values do not split them.
    companion : array_like, optional
        Registered map in which lithium is bright.
    reference : array_like, optional
        Registered scan from before lithium came: what has changed is lithium.
    fringe : {"none", "dark", "bright"}
        How the rim of lithium looks in phase contrast, beside that of void.
    electrode : tuple of int, optional
        Axis and side (0, 1) of the face that is lithium metal.
    prior : float
        Log odds for what is joined to it, and against what is enclosed.
    shift : float
        Share of the distance of grey values by which the outer threshold is moved for the bounds.
    progress : callable, optional
        Told (done, total).

    Returns
    -------
    LithiumOrVoid
        Labels, d', and bounds of both fractions.

    Raises
    ------
    InputDataError
        If the phases are too few, or evidence does not fit the scan.

    Notes
    -----
    Estimator of d': two Gaussians of one deviation are fitted to grey values that were smoothed
    inside the merged class, two voxels away from all else; their distance is divided by the
    deviation of single voxels. Bias: features thinner than five voxels are not seen, drifting
    grey values lower it. Void that is only rim is uncertain: its blur looks like lithium. Bounds
    hold the outer threshold moved, all doubtful voxels given to either, and what blur takes from
    small pieces: 2.4 times what as much blur takes again. 60 bytes per voxel.
    """
    grey = check_image(image)
    bench = Bench.in_memory(grey.shape)
    evidence = [
        Channel("companion", "bright", None if companion is None else check_image(companion)),
        Channel("reference", "changed", None if reference is None else check_image(reference)),
    ]
    several = [channel for channel in evidence if channel.source is not None]
    if fringe != "none":
        several.append(Channel("fringe", fringe))
    ask = Ask("auto", limit, evidence=tuple(several), electrode=electrode, prior=prior)
    found = LowAbsorbing.prepare(grey, spacing, phases, (void, lithium), ask, bench=bench)
    labels = np.empty(grey.shape, np.uint8)
    segmented = found.segment(sink=labels)
    if progress is not None:
        progress(1, 2)
    bounds = _bounds(found, labels, shift, spacing)
    return LithiumOrVoid(
        labels, found.state == "merged", found.study.dprime, limit,
        {item.channel.kind: item.dprime for item in found.study.judged[1:]},
        *bounds, segmented.warnings,
    )  # fmt: skip


def _bounds(
    found: LowAbsorbing, labels: NDArray[np.uint8], shift: float, spacing: Spacing
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the smallest and largest fraction of lithium, and of void."""
    first = min(found.places)
    lithium, void = found.places[1], found.places[0]
    outer = (first, first + 1) if found.state == "clear" else (first,)
    moves = [(k, s) for k in outer for s in (-shift, shift)]
    own = [first, first] if found.state == "merged" else [lithium, void]
    seen: list[list[float]] = [[float((labels == label).mean())] for label in own]
    other = np.empty_like(labels)
    for move, lean in ((m, b) for m in moves for b in (-1, 1)):
        found.labels(move, lean=lean, sink=other)
        for values, label in zip(seen, own, strict=True):
            values.append(float((other == label).mean()))
    lost = [_lost(found, labels == label, spacing) for label in own]
    lows = [max(min(values) + min(more, 0.0), 0.0) for values, more in zip(seen, lost, strict=True)]
    highs = [max(values) + max(more, 0.0) for values, more in zip(seen, lost, strict=True)]
    if found.state == "merged":
        lows = [0.0, 0.0]
    return (lows[0], highs[0]), (lows[1], highs[1])


def _lost(found: LowAbsorbing, phase: NDArray[np.bool_], spacing: Spacing) -> float:
    """Return what blur took from a phase, as a fraction: as much as it takes again, and more."""
    look = found.segmenter.surfaces
    if look is None:
        return 0.0
    blur = image_blur(look.plateaus.edge_width, look.scale, spacing)
    again = gaussian(phase.astype(np.float32), blur) > 0.5
    return AGAIN * (float(phase.mean()) - float(again.mean()))
