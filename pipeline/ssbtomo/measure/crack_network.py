"""The crack network of a phase or of an image: its facets, how they meet, and what they add up to."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ssbtomo.blocks.components import Wanted, find_components
from ssbtomo.blocks.crack_points import CrackVoxels, ridge_voxels, voxels_of
from ssbtomo.blocks.cracks import PASSES, CrackRules, split_cracks
from ssbtomo.blocks.engine import Engine
from ssbtomo.blocks.filters import estimate_noise
from ssbtomo.blocks.grid import Grid
from ssbtomo.errors import AxisError, InputDataError, PhaseMissingError
from ssbtomo.kernels.crack_ridges import RidgeRules
from ssbtomo.kernels.facet_table import orientation_tensor, rose
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.kernels.thickness import Cancelled, Progress
from ssbtomo.measure.crack_facets import (
    Network,
    Place,
    classes,
    grey_levels,
    measured,
    with_grey,
)
from ssbtomo.units import AXES, Spacing, check_spacing

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

__all__ = ["CrackGraph", "CrackSummary", "Cracks", "cracks"]

_BLOCK = 128
_FEW = 64  # integer arrays with more values than this are images
_SCALES = (1.5, 2.0, 3.0)  # voxel edges
_PIECE = 27  # voxels of the smallest fragment


@dataclass(frozen=True, slots=True)
class CrackGraph:
    """How the facets of a crack network meet.

    Parameters
    ----------
    lines : pandas.DataFrame
        One row per intersection line; see `ssbtomo.kernels.crack_lines.line_rows`.
    links : pandas.DataFrame
        ``line`` and ``facet``: one row for each facet at each line.
    """

    lines: pd.DataFrame
    links: pd.DataFrame


@dataclass(frozen=True, slots=True)
class CrackSummary:
    """The crack network in a few numbers.

    Parameters
    ----------
    count : int
        Connected cracks.
    facets, sheets : int
        Facets; and sheets, facets that go on in one plane across a crossing being one.
    area_per_volume_um2_um3 : float
        Middle surface of all cracks per volume of the region (P32).
    volume_fraction : float
        Volume of all cracks per volume of the region (P33).
    number_per_volume_um3 : float
        Sheets per volume (P30).
    length_per_volume_um_um3 : float
        Extents of all facets per volume (P31).
    line_length_um, tip_length_um : float
        Intersection lines; and rims that end in the solid.
    kinds : dict of str to int
        Lines by kind: ``X``, ``T``, ``L``.
    aperture_mean_um : float
        Mean aperture, weighted by area; ``nan`` without cracks.
    spanning : tuple of str
        Axes along which one crack joins both faces of the volume.
    bottleneck_um : dict of str to float
        Aperture of the narrowest place of the widest way along each axis; 0 without one.
    orientation : ndarray of float, shape (3, 3)
        Mean of n nᵀ over the area.
    fragments : int or None
        Pieces (of 27 voxels or more) of what is not crack and not pore; ``None`` for images.
    largest_fragment : float or None
        Share of the largest of them.
    filled : float
        Share of the crack voxels that are bright, or of the filling phase.
    unresolved : int
        Facets whose aperture is below 3 voxels.
    """

    count: int
    facets: int
    sheets: int
    area_per_volume_um2_um3: float
    volume_fraction: float
    number_per_volume_um3: float
    length_per_volume_um_um3: float
    line_length_um: float
    tip_length_um: float
    kinds: dict[str, int]
    aperture_mean_um: float
    spanning: tuple[str, ...]
    bottleneck_um: dict[str, float]
    orientation: NDArray[np.float64]
    fragments: int | None
    largest_fragment: float | None
    filled: float
    unresolved: int


@dataclass(frozen=True, slots=True, repr=False)
class Cracks:
    """A crack network.

    Parameters
    ----------
    facets : pandas.DataFrame
        One row per facet; columns as in `ssbtomo.kernels.facet_table.facet_rows`, and
        ``to_start_um``, ``to_end_um`` (distances to the two ends of the stack), ``zone``
        (``edge`` within 15 % of a side, or ``centre``), ``filled``, ``score``, ``neighbours``;
        ``class`` and shares if the phases' roles were given.
    graph : CrackGraph
        Intersection lines.
    summary : CrackSummary
        The network in a few numbers.
    labels : ndarray of int32, shape (Z, Y, X)
        The connected crack at each voxel; 0 where there is none.
    facet_labels : ndarray of int32, shape (Z, Y, X)
        The facet at each voxel.
    score : ndarray of uint8, shape (Z, Y, X)
        Ten times signal to noise of the sheet at its voxels; 255 where labels said so.
    rose : pandas.DataFrame
        Area by strike.
    """

    facets: pd.DataFrame
    graph: CrackGraph
    summary: CrackSummary
    labels: NDArray[np.int32]
    facet_labels: NDArray[np.int32]
    score: NDArray[np.uint8]
    rose: pd.DataFrame

    def __repr__(self) -> str:
        found = self.summary
        return (
            f"Cracks: {found.count} in {found.facets} facets, "
            f"{found.area_per_volume_um2_um3:.4g} µm²/µm³, "
            f"mean aperture {found.aperture_mean_um:.4g} µm, "
            f"spanning {', '.join(found.spanning) or 'no axis'}"
        )


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
        What is a crack; see `ssbtomo.kernels.cracks.CrackRules`. Of an image `min_extent` only.
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
            network = with_grey(voxels, values, level, place)
            said = None if phases is None else _beside(phases, shape)
            passed: tuple[int, ...] = _several(phase)
        else:
            passed = _several(phase)
            voxels = _of_labels(
                values, place, passed, filling,
                CrackRules(max_aperture, min_extent, aspect), progress,
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
    return _result(network, place, pieces)


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


def _of_labels(  # noqa: PLR0913 - the parts of one search
    labels: NDArray[Any],
    place: Place,
    passed: tuple[int, ...],
    filling: int | None,
    rules: CrackRules,
    progress: Progress | None,
) -> CrackVoxels:
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
    return ridge_voxels(image, *own, rules=rules, extent=extent)


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


def _result(network: Network, place: Place, pieces: tuple[int | None, float | None]) -> Cracks:
    import pandas as pd

    voxels = network.voxels
    places = tuple(voxels.points.places.T)
    shape = place.grid.shape
    labels, parts = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
    score = np.zeros(shape, dtype=np.uint8)
    labels[places] = voxels.groups + 1
    parts[places] = network.found.facets + 1
    score[places] = voxels.scores
    facets = pd.DataFrame(network.facets)
    graph = CrackGraph(pd.DataFrame(network.lines), pd.DataFrame(network.links))
    strikes = pd.DataFrame(rose(network.facets["strike_deg"], network.facets["area_um2"]))
    summary = _summary(network, place, pieces)
    return Cracks(facets, graph, summary, labels, parts, score, strikes)


def _summary(
    network: Network, place: Place, pieces: tuple[int | None, float | None]
) -> CrackSummary:
    voxels = network.voxels
    region = float(np.prod(place.grid.shape)) * float(np.prod(place.spacing))
    table, lines = network.facets, network.lines
    area, volume = float(table["area_um2"].sum()), float(table["volume_um3"].sum())
    kinds = {name: int((lines["kind"] == name).sum()) for name in ("X", "T", "L")}
    sheets = int(np.unique(table["sheet"]).size)
    return CrackSummary(
        count=int(voxels.groups.max(initial=-1)) + 1,
        facets=len(table["facet"]),
        sheets=sheets,
        area_per_volume_um2_um3=area / region,
        volume_fraction=volume / region,
        number_per_volume_um3=sheets / region,
        length_per_volume_um_um3=float(table["extent_um"].sum()) / region,
        line_length_um=float(lines["length_um"].sum()),
        tip_length_um=float(table["tip_um"].sum()),
        kinds=kinds,
        aperture_mean_um=volume / area if area > 0 else float("nan"),
        spanning=tuple(
            name for name, gap in zip(AXES, network.bottlenecks, strict=True) if gap > 0
        ),
        bottleneck_um=dict(zip(AXES, network.bottlenecks, strict=True)),
        orientation=orientation_tensor(network.surfels),
        fragments=pieces[0],
        largest_fragment=pieces[1],
        filled=float(voxels.bright.mean()) if voxels.bright.size else 0.0,
        unresolved=int((~table["resolved"].astype(bool)).sum()),
    )
