"""Variants of a segmentation, for the ranges of numbers: shifted, imaged again, halved, drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.blocks import Source
from ssbtomo.blocks.draws import draw_labels
from ssbtomo.blocks.imaging import EveryOther, error_correlation, image_again, measure_imaging
from ssbtomo.errors import InputDataError
from ssbtomo.kernels.imaging import Imaging
from ssbtomo.kernels.ranges import Evidence, nominal_range
from ssbtomo.segment.bench import Bench
from ssbtomo.segment.inputs import check_image
from ssbtomo.segment.looks import SCALES, Look
from ssbtomo.segment.surfaces import image_blur
from ssbtomo.segment.volumes import Method, Segmenter
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Measure",
    "find_imaging",
    "number_ranges",
    "place_offsets",
    "probability_ranges",
    "same_phases",
    "segment_again",
]

#: Takes labels and spacing, returns numbers by name.
Measure = Callable[[Any, Spacing], Mapping[str, float]]

_APART = 0.5  # of the contrast: means that moved further are those of other phases


def find_imaging(segmenter: Segmenter, labels: Source, spacing: Spacing, bench: Bench) -> Imaging:
    """Measure what the instrument made of the phases: grey values, blur, noise.

    Parameters
    ----------
    segmenter : Segmenter
        Of the image.
    labels : Source
        What it found.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm; the blur is as wide along each.
    bench : Bench
        Where the blocks are worked on; its store ``smooth`` is needed without repair.

    Returns
    -------
    Imaging
        The blur is that of edges; deep inside the phases are their grey values and noise.
    """
    if segmenter.surfaces is None:
        smooth = bench.allocate("smooth", np.dtype(np.float32))
        ratios = min(spacing) / spacing[0], min(spacing) / spacing[1], min(spacing) / spacing[2]
        look = Look.at((segmenter.image, smooth), ratios, segmenter.classes, SCALES[0], bench)
        width, scale = look.plateaus.edge_width, look.scale
    else:
        width, scale = segmenter.surfaces.plateaus.edge_width, segmenter.surfaces.scale
    blur, means = image_blur(width, scale, spacing), np.asarray(segmenter.means, np.float64)
    return measure_imaging(segmenter.image, labels, means, bench.grid, bench.engine, blur=blur)


def segment_again(
    labels: Source,
    imaging: Imaging,
    first: Segmenter,
    spacing: Spacing,
    bench: Bench,
    *,
    seed: int,
) -> Segmenter:
    """Image labels again and prepare the same segmentation of that image.

    Parameters
    ----------
    labels : Source
        What was found, taken for the truth.
    imaging : Imaging
        The instrument.
    first : Segmenter
        Of the scan.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    bench : Bench
        Where the blocks are worked on; another than that of `first` if its stores are still
        needed. Its store ``imaged`` has the type of the scan.
    seed : int
        Of the noise.

    Returns
    -------
    Segmenter
        Same method, thresholds if they were given, repair and smallest object.
    """
    image = bench.allocate("imaged", np.dtype(first.image.dtype))
    image_again(labels, imaging, image, bench.grid, bench.engine, seed=seed)
    given = list(first.classes.thresholds) if first.method == "thresholds" else None
    method: Method = first.method  # type: ignore[assignment]
    return Segmenter.prepare(
        image, spacing, len(imaging.means), method=method, thresholds=given,
        repair=first.surfaces is not None, smallest_object=first.smallest_object, bench=bench,
    )  # fmt: skip


def place_offsets(segmenter: Segmenter, imaging: Imaging) -> list[float]:
    """Return how far each threshold lies from half-way between the phases' own grey values.

    Parameters
    ----------
    segmenter : Segmenter
        Of the scan.
    imaging : Imaging
        With the grey values deep inside the phases.

    Returns
    -------
    list of float
        In units of the contrast. The mean of a small phase is pulled towards what is around it,
        and its threshold with it; deep inside it is not.
    """
    gaps = np.diff(imaging.means)
    at = segmenter.means[:-1] + segmenter.places() * np.diff(segmenter.means)
    middles = (imaging.means[:-1] + imaging.means[1:]) / 2
    offsets = (at - middles) / gaps
    return [float(offset) for offset in offsets] if segmenter.method != "thresholds" else []


def same_phases(again: Segmenter, imaging: Imaging) -> bool:
    """Tell whether the phases found in an image of labels are those that it was made of.

    Parameters
    ----------
    again : Segmenter
        Of the image that was made.
    imaging : Imaging
        What it was made with.

    Returns
    -------
    bool
        False if a mean lies more than half a contrast from its own: the segmentation found
        other phases, and says nothing about errors.
    """
    gaps = np.diff(imaging.means)
    nearest = np.minimum(np.append(gaps, np.inf), np.insert(gaps, 0, np.inf))
    return bool((np.abs(again.means - imaging.means) < _APART * nearest).all())


def number_ranges(  # noqa: PLR0913 - the parameters of the recipe's section
    image: Any,
    spacing: Spacing,
    classes: int,
    measure: Measure,
    *,
    method: Method = "multi-otsu",
    thresholds: Sequence[float] | None = None,
    repair: bool = True,
    smallest_object: int = 0,
    shift: float = 0.05,
    repeats: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Segment a volume, measure it, and give each number its nominal 95 % range.

    Parameters
    ----------
    image : array_like, shape (Z, Y, X)
        Grey values.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    classes : int
        Number of phases, 2 to 5.
    measure : callable
        Called as ``measure(labels, spacing)``; returns numbers by name. Called with the
        labels and each variant, 2 n + `repeats` times for n phases; once with half as many
        voxels along each axis.
    method : {"multi-otsu", "gaussian-mixture", "thresholds"}
        As for `segment_volume`.
    thresholds : sequence of float, optional
        For the method of that name.
    repair : bool
        Whether to remove the films that blur makes of middle phases.
    smallest_object : int
        Pieces of fewer voxels go to the phase around them.
    shift : float
        How far each threshold is moved, in units of the contrast between its phases.
    repeats : int
        How often the labels are imaged and segmented again.
    seed : int
        Of the noise of these images.

    Returns
    -------
    pandas.DataFrame
        ``quantity``, ``value``, ``low``, ``high``, and the half widths that the range is made
        of: ``thresholds``, ``imaging``, ``scatter``, ``resolution``, ``classes``; and the
        ``warnings`` of the segmentation. Phases that overlap in grey value may have been found
        wrongly, and no range holds that.

    Raises
    ------
    InputDataError
        If the image cannot be segmented, or a parameter is out of range.

    Notes
    -----
    See `ssbtomo.kernels.ranges.nominal_range` for what the range holds and what not.
    """
    import pandas as pd

    if not 0 < shift < 0.5 or repeats < 0:
        raise InputDataError(
            f"thresholds cannot be shifted by {shift}, nor labels be imaged {repeats} times",
            hint="shift by 0.05 of the contrast, and image once",
        )
    edges, grey = check_spacing(spacing), check_image(image)
    first = Segmenter.prepare(
        grey, edges, classes, method=method, thresholds=thresholds, repair=repair,
        smallest_object=smallest_object,
    )  # fmt: skip
    found = first.segment()
    labels = np.asarray(found.labels)
    base = dict(measure(labels, edges))
    moved = [
        [dict(measure(np.asarray(first.labels((k, sign * shift))), edges)) for sign in (-1, 1)]
        for k in range(classes - 1)
    ]
    bench = Bench.in_memory(labels.shape)
    imaging = find_imaging(first, labels, edges, bench)
    again = [
        dict(measure(np.asarray(one.labels()), edges))
        for one in _again(first, labels, imaging, edges, range(seed, seed + repeats))
    ]
    offsets = place_offsets(first, imaging)
    halved = [dict(measure(EveryOther(labels)[:, :, :], (2 * edges[0], 2 * edges[1], 2 * edges[2])))]  # fmt: skip
    rows = []
    for name, value in base.items():
        seen = Evidence(
            [(_of(name, down), _of(name, up)) for down, up in moved],
            [_of(name, one) for one in again],
            [_of(name, one) for one in halved],
            offsets=offsets,
        )
        low, high, halves = nominal_range(value, seen, shift=shift, bounds=(0.0, np.inf))
        row = {"quantity": name, "value": value, "low": low, "high": high, **asdict(halves)}
        rows.append({**row, "warnings": "; ".join(found.warnings)})
    return pd.DataFrame(rows)


def probability_ranges(
    image: Any,
    probabilities: Sequence[Any],
    spacing: Spacing,
    measure: Measure,
    *,
    draws: int = 8,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure the most probable labels, and give each number its nominal 95 % range.

    Parameters
    ----------
    image : array_like, shape (Z, Y, X)
        The grey values that were classified: they tell over what distance errors are alike.
    probabilities : sequence of array_like of uint8, shape (Z, Y, X)
        Of each class in steps of 1/255, the darkest class first.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    measure : callable
        Called as ``measure(labels, spacing)``; returns numbers by name. Called 2 + `draws` times.
    draws : int
        How many labels are drawn; 8 to 16 will do.
    seed : int
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        As of `number_ranges`.

    Raises
    ------
    InputDataError
        If shapes or types do not fit, or there are fewer than two draws.

    Notes
    -----
    Labels are drawn by a Gaussian copula: the levels at which classes part are random fields as
    smooth as the errors, with a share that the whole draw has in common
    (`ssbtomo.kernels.draws`). The range is Student's t times the root mean square deviation of
    the draws from the most probable labels, and what half the resolution changes. It is as good
    as the probabilities are: look at their calibration.
    """
    import pandas as pd

    edges, grey = check_spacing(spacing), check_image(image)
    shares = [np.asarray(one) for one in probabilities]
    fitting = all(one.shape == grey.shape and one.dtype == np.uint8 for one in shares)
    if not fitting or len(shares) < 2 or draws < 2:
        raise InputDataError(
            f"{draws} draws from {len(shares)} probabilities of the shapes "
            f"{[one.shape for one in shares]} and types {[str(one.dtype) for one in shares]}; the "
            f"image is {grey.shape}",
            hint="give one uint8 volume per class, two classes and two draws at least",
        )
    bench = Bench.in_memory(grey.shape)
    labels = np.argmax(np.stack(shares), axis=0).astype(np.uint8)
    grid, engine = bench.grid, bench.engine
    width = error_correlation(grey, labels, len(shares), grid, engine, spacing=edges)
    drawn = []
    for k in range(draws):
        sink = np.empty(grey.shape, np.uint8)
        draw_labels(shares, sink, grid, engine, correlation=width, seed=seed + k)
        drawn.append(dict(measure(sink, edges)))
    half = dict(measure(EveryOther(labels)[:, :, :], (2 * edges[0], 2 * edges[1], 2 * edges[2])))
    rows = []
    for name, value in dict(measure(labels, edges)).items():
        found = Evidence(halved=[_of(name, half)], draws=[_of(name, one) for one in drawn])
        low, high, halves = nominal_range(value, found, shift=0.0, bounds=(0.0, np.inf))
        rows.append({"quantity": name, "value": value, "low": low, "high": high, **asdict(halves)})
    return pd.DataFrame(rows)


def _of(name: str, measured: Mapping[str, float]) -> float:
    return float(measured.get(name, np.nan))


def _again(
    first: Segmenter, labels: Source, imaging: Imaging, spacing: Spacing, seeds: range
) -> Iterator[Segmenter]:
    bench = Bench.in_memory(labels.shape)
    for seed in seeds:
        one = segment_again(labels, imaging, first, spacing, bench, seed=seed)
        if same_phases(one, imaging):
            yield one
