"""The crack network of a phase or of an image: its facets, how they meet, and what they add up to."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ssbtomo.blocks.components import Wanted, find_components
from ssbtomo.blocks.crack_points import CrackVoxels, ridge_voxels, voxels_of
from ssbtomo.blocks.crack_traces import traced
from ssbtomo.blocks.cracks import PASSES, CrackRules, split_cracks
from ssbtomo.blocks.engine import Engine
from ssbtomo.blocks.filters import estimate_noise
from ssbtomo.blocks.grid import Grid
from ssbtomo.errors import AxisError, InputDataError, PhaseMissingError
from ssbtomo.kernels.crack_ridges import RidgeRules
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.kernels.thickness import Cancelled, Progress
from ssbtomo.measure.crack_facets import Network, classes, measured, with_grey
from ssbtomo.measure.crack_profiles import Place, grey_levels
from ssbtomo.measure.crack_results import Cracks, results
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["cracks"]

_BLOCK = 128
_FEW = 64  # integer arrays with more values than this are images
_SCALES = (1.5, 2.0, 3.0)  # voxel edges
_LEAST = 3.0  # voxel edges by contrast: half the aperture of the shallowest sheet
_PIECE = 27  # voxels of the smallest fragment


def cracks(  # noqa: PLR0913 - one verb for labels and images
    labels_or_image: ArrayLike,
    spacing: Spacing,
    *,
    kind: Literal["labels", "image"] | None = None,
    phase: int | Sequence[int] = 0,
    filling: int | None = None,
    image: ArrayLike | None = None,
    void_grey: float | None = None,
    bright: bool = False,
    scales: Sequence[float] | None = None,
    noise: float | None = None,
    contrast: float = 0.08,
    roles: Mapping[str, int] | None = None,
    particles: ArrayLike | None = None,
    phases: ArrayLike | None = None,
    axis: Literal["z", "y", "x"] = "z",
    max_aperture: float | None = None,
    min_extent: float | None = None,
    aspect: float = 3.0,
    workers: int | None = None,
    block: int = _BLOCK,
    cancelled: Cancelled | None = None,
    progress: Progress | None = None,
) -> Cracks:
    """Find the cracks of a segmented volume, or of a grey one, and measure them as facets.

    Parameters
    ----------
    labels_or_image : array_like, shape (Z, Y, X)
        Labels or grey values; NumPy or Dask. One slice, (1, Y, X), is measured per area times
        its thickness: cracks are taken to go on across it.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    kind : {"labels", "image"}, optional
        What was given; by default floats, and integers of more than 64 values, are an image.
    phase : int or sequence of int
        Labels of what fills the cracks: void, and lithium if cracks may be full of it.
    filling : int, optional
        The label among them that counts as filled.
    image : array_like, optional
        Grey values beside labels; not used to find cracks, only for their apertures.
    void_grey : float, optional
        Grey value of a wide crack. Give it where no pore or crack is wider than some 6 voxels:
        by default the darkest (brightest) place of the smoothed image, which blur lifts.
    bright : bool
        Whether the cracks of the image are brighter than their surroundings.
    scales : sequence of float, optional
        Standard deviations in µm at which sheets are looked for in an image, ascending;
        1.5, 2 and 3 voxel edges by default.
    noise : float, optional
        Standard deviation of the noise of the image; estimated by default.
    contrast : float
        Least depth of a sheet in the smoothed image, as a share of the difference between the
        median grey value and `void_grey`. A crack one voxel edge wide has some 0.15 with the
        usual blur, one of half an edge 0.07; gaps between grains whose grey differs have less.
    roles : mapping of str to int, optional
        Labels of ``"active"``, ``"electrolyte"``, ``"lithium"``: tells where facets lie.
    particles : array_like of int, optional
        Particles of active material from 1, whole across their cracks: tells cracks inside a
        particle from those between two.
    phases : array_like of int, optional
        Labels beside an image, for `roles`.
    axis : {"z", "y", "x"}
        Stack axis, for dips and distances to the electrodes.
    max_aperture, min_extent, aspect : float, optional
        What is a crack; see `ssbtomo.kernels.cracks.CrackRules`. Of an image a sheet is as wide as the
        square root of its area, and of a slice as long.
    workers : int, optional
        Threads; all cores if not given.
    block : int
        Voxels of a block's edge; changes no number.
    cancelled : callable, optional
        Asked between blocks; true stops the work.
    progress : callable, optional
        Told ``(done, total)`` blocks of all passes of the search.

    Returns
    -------
    Cracks
        Tables, volumes and a summary.

    Raises
    ------
    PhaseMissingError
        If no phase of `phase` occurs.
    InputDataError
        If a size is not positive, or shapes differ.
    AxisError
        If there are not three axes.
    CancelledError
        If `cancelled` said so.

    Notes
    -----
    Estimators and bias: `ssbtomo.blocks.cracks.split_cracks`, `ssbtomo.blocks.facets.find_facets`,
    `ssbtomo.kernels.crack_ridges.find_ridges` and ``docs/cracks.md``. Memory: 25 bytes per voxel
    at most beside the input (13 while searching labels), 60 bytes per voxel of a block with its
    halo for each thread, and some 200 bytes for each crack voxel.
    """
    edges = check_spacing(spacing)
    values = _checked(labels_or_image)
    shape = (values.shape[0], values.shape[1], values.shape[2])
    grid = Grid(shape, (block, block, block))
    limits = CrackRules(max_aperture, min_extent, aspect).on(edges)
    what = kind or _kind(values)
    with Engine.start(
        "threads", workers, cancel=_Asked(cancelled) if cancelled else None
    ) as engine:
        place = Place(edges, grid, engine, AXES.index(axis))
        if what == "image":
            search = scales, noise, bright, contrast, void_grey
            voxels = _of_image(values, place, search, limits.extent)
            level = voxels.extreme if void_grey is None else void_grey
            least = _LEAST * contrast * voxel_edge(edges)
            network = with_grey(voxels, values, level, place, limits=(limits, least))
            said = None if phases is None else _beside(phases, shape)
            passed: tuple[int, ...] = _several(phase)
        else:
            passed = _several(phase)
            voxels = _of_labels(
                values, place, (passed, filling), CrackRules(max_aperture, min_extent, aspect), progress,
            )  # fmt: skip
            said = values
            network = (
                measured(voxels, place)
                if image is None
                else _by_both(voxels, _beside(image, shape), void_grey, place)
            )
        if roles and said is not None:
            grains = None if particles is None else _beside(particles, shape)
            network.facets.update(
                classes(network, said, place, passed=passed, roles=roles, particles=grains)
            )
        pieces = _fragments(values, passed, place) if what == "labels" else (None, None)
    return results(network, place, pieces)


class _Asked(threading.Event):
    """A cancel switch that asks the caller."""

    def __init__(self, cancelled: Cancelled) -> None:
        super().__init__()
        self._cancelled = cancelled

    def is_set(self) -> bool:
        return self._cancelled()


def _checked(values: Any) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(values)
    if array.ndim != 3:
        raise AxisError(
            f"the volume has {array.ndim} axes, {array.shape}; three are needed, (Z, Y, X)",
            hint="give one slice as image[None]",
        )
    if array.dtype.kind not in "biuf":
        raise InputDataError(f"the volume is {array.dtype}; numbers are needed")
    return array


def _kind(values: NDArray[Any]) -> Literal["labels", "image"]:
    if values.dtype.kind == "f":
        return "image"
    if values.dtype.kind == "b":
        return "labels"
    return "image" if np.unique(values).size > _FEW else "labels"


def _several(phase: int | Sequence[int]) -> tuple[int, ...]:
    return (int(phase),) if isinstance(phase, int | np.integer) else tuple(int(p) for p in phase)


def _beside(values: Any, shape: tuple[int, int, int]) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(values)
    if array.shape != shape:
        raise InputDataError(f"one volume has {shape} voxels, another {array.shape}")
    return array


def _of_labels(
    labels: NDArray[Any],
    place: Place,
    fills: tuple[tuple[int, ...], int | None],
    rules: CrackRules,
    progress: Progress | None,
) -> CrackVoxels:
    passed, filling = fills
    mask = np.isin(labels, passed)
    if not mask.any():
        present = np.unique(labels)
        shown = ", ".join(map(str, present[:10])) + (", …" if present.size > 10 else "")
        raise PhaseMissingError(
            f"phase {' or '.join(map(str, passed))} does not occur in the labels, which hold {shown}",
            hint="check the phase's label against the segmentation",
        )
    steps, total = count(1), PASSES * len(place.grid)
    own = place.spacing, place.grid, place.engine
    found = split_cracks(
        mask,
        *own,
        allocate=lambda _, dtype: np.empty(mask.shape, dtype),
        rules=rules,
        on_block=lambda _: progress(next(steps), total) if progress else None,
    )
    return voxels_of(found.labels, labels, *own, filling=filling)


def _of_image(
    image: NDArray[Any],
    place: Place,
    search: tuple[Sequence[float] | None, float | None, bool, float, float | None],
    extent: float,
) -> CrackVoxels:
    scales, noise, bright, contrast, void_grey = search
    edge = voxel_edge(place.spacing)
    level = estimate_noise(image, place.engine) if noise is None else noise
    median, extremes = grey_levels(image, place)
    wide = extremes[int(bright)] if void_grey is None else void_grey
    floor = max(level, 1e-3 * float(extremes[1] - extremes[0]), 1e-12)
    chosen = tuple(scales) if scales else tuple(s * edge for s in _SCALES)
    rules = RidgeRules(chosen, floor, bright, depth=contrast * abs(median - wide))
    own = place.spacing, place.grid, place.engine
    found = ridge_voxels(image, *own, rules=rules, extent=extent)
    return traced(found, image, *own, levels=(median, wide))


def _by_both(
    voxels: CrackVoxels, image: NDArray[Any], void_grey: float | None, place: Place
) -> Network:
    """Measure labelled cracks by the grey values across them."""
    points = voxels.points
    level = void_grey
    if level is None:
        values = image[tuple(points.places.T)] if len(points.places) else np.zeros(1)
        level = float(np.percentile(values, 5))
    return with_grey(voxels, image, level, place)


def _fragments(
    labels: NDArray[Any], passed: tuple[int, ...], place: Place
) -> tuple[int | None, float | None]:
    """Count the pieces of what is left, and the share of the largest."""
    solid = ~np.isin(labels, passed)
    found = find_components(
        solid, place.grid, place.engine, Wanted(phase=0, neighbours=6, inverted=True)
    )
    sizes = found.table.size
    large = sizes[sizes >= _PIECE]
    return int(large.size), float(large.max(initial=0) / max(sizes.sum(), 1))
