"""Sheets of an image as whole plates of voxels: drawn on along their planes, and cut at their rims."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.crack_points import CrackVoxels
from ssbtomo.blocks.crack_seeds import Seeds, ridge_seeds, sheet_seeds, subset
from ssbtomo.blocks.crack_sides import across_grey, response_across
from ssbtomo.blocks.engine import Engine, Source
from ssbtomo.blocks.facets import over_points
from ssbtomo.blocks.grid import Grid
from ssbtomo.kernels.crack_facets import connected
from ssbtomo.kernels.crack_planes import local_quantiles
from ssbtomo.kernels.crack_points import Points
from ssbtomo.kernels.crack_traces import Trace, drawn_on
from ssbtomo.kernels.facet_sums import disc_means
from ssbtomo.kernels.ridge_planes import ridge_planes
from ssbtomo.kernels.sheets import voxel_edge
from ssbtomo.units import Spacing

__all__ = ["traced"]

_FURTHER = (
    7.0  # voxel edges by which planes are drawn on, and their width: over gaps, and beyond rims
)
_FARTHEST = 16.0  # the same at most
_DISC = 5.0  # radius in voxel edges of the discs over which responses are averaged
_INSIDE = (9.0, 0.8)  # ball in voxel edges, and quantile in it, that tell the response inside
_HALF = 0.5  # share of that at a rim
_DEEP = 0.8  # the same well inside: planes fitted further out would follow the noise
_FILTER = (1.2, 5.0, 0.55)  # σ of the filter in voxel edges: least, largest; and by aperture
_SOME = 0.02  # share of the response inside from which it is one at all
_WIDER = 2.5  # ratio of the two filters that tell how wide a profile is
_THIN = 1.7  # width in voxel edges of the first of them, up to which that is asked
_BROAD = 8.0  # radius in voxel edges of the discs over which it is
_BLUR = 1.05  # standard deviation in voxel edges of the widest blur
_LEAN = 1.5  # how much larger the variance of a void's profile may be than its width says
_NONE = np.float32(1e-12)  # discs are not asked around points that stand for nothing
_SHIFT = 1.5  # voxel edges by which planes are moved at most
_CROSS = 4.0  # voxel edges around a crossing in which seven of ten voxels must be on sheets
_LONG = 6.5  # half length in voxel edges of the profiles that tell how wide a crack is
_MOSTLY = 0.7  # quantile of a sheet's responses with which its parts are compared


def traced(
    voxels: CrackVoxels,
    image: Source,
    spacing: Spacing,
    grid: Grid,
    engine: Engine,
    *,
    levels: tuple[float, float],
) -> CrackVoxels:
    """Turn ridge voxels into plates: without gaps, and ending where cracks do.

    Parameters
    ----------
    voxels : CrackVoxels
        Voxels around the middle of sheets, with gaps, and short of their rims.
    image : Source
        Grey values.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    grid : Grid
        How the volume is cut. The result does not depend on it by a bit.
    engine : Engine
        Where the tasks run; threads share it.
    levels : tuple of float
        Grey values of the surroundings, and of a wide crack.

    Returns
    -------
    CrackVoxels
        One to two voxels thick; strengths are averages over discs.

    Notes
    -----
    A plane is fitted to the ridge voxels in a ball of 5.5 voxel edges around each, or up to 8.5
    where noise is strong. Where it fits it is drawn on for 6 edges. On all voxels that it passes the image
    is filtered along the normal by the second derivative of a Gaussian as wide as the crack, and
    averaged over discs of 5 voxel edges. The sheet ends where that falls to half of what it is
    further inside: the rim of a sheet that ends suddenly, however blurred. Where planes do
    not fit (crossings, turns) ridge voxels stay if planes reach them.
    Memory: about 150 bytes for each voxel of a plate.
    """
    work = _Work(image, spacing, grid, engine, levels, bright=bool(voxels.bright.any()))
    ridges = ridge_seeds(voxels, engine)
    rough = subset(ridges.points, ~ridges.chosen)
    found = _traced(ridges, rough, work)
    seeds = sheet_seeds(found.points, found.scores, engine)
    seeds = replace(seeds, chosen=seeds.chosen & found.deep)
    found = _traced(_centred(seeds, work), rough, work)
    bright = np.full(len(found.scores), work.bright)
    return replace(
        voxels, ways=None, points=found.points, groups=connected(found.points),
        scores=found.scores, bright=bright, strengths=found.strengths,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """An image, and how work on it is done."""

    image: Source
    spacing: Spacing
    grid: Grid
    engine: Engine
    levels: tuple[float, float]
    bright: bool

    @property
    def edge(self) -> float:
        """Voxel edge in µm."""
        return voxel_edge(self.spacing)

    @property
    def depth(self) -> float:
        """Grey values between the surroundings and a wide crack."""
        return max(abs(self.levels[0] - self.levels[1]), 1e-12)

    def responses(
        self, trace: Trace, widths: tuple[NDArray[np.float32], ...]
    ) -> list[NDArray[np.float32]]:
        """Filter the image across the sheets; what is not told is 0."""
        own = self.image, self.spacing, self.grid, self.engine
        sign = np.float32(-1 if self.bright else 1)
        return [
            sign * np.nan_to_num(
                response_across(*own, points=trace.points, ways=(trace.normals, trace.heights, width))
            )
            for width in widths
        ]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Sheets:
    """Voxels of sheets: scores, and grey value times µm that they lack."""

    points: Points
    scores: NDArray[np.uint8]
    strengths: NDArray[np.float32]
    deep: NDArray[np.bool_]


def _traced(seeds: Seeds, rough: Points, work: _Work) -> _Sheets:
    """Draw planes on and cut them at rims; points of `rough` stay where sheets are around them."""
    edge, engine = work.edge, work.engine
    thick = _thickness(seeds, work)
    reach = np.minimum(_FURTHER * edge + np.maximum(thick, 0), _FARTHEST * edge)
    trace = drawn_on(seeds.points, seeds.chosen, (seeds.normals, seeds.heights), reach)
    points, thick = trace.points, thick[trace.sources]
    widths = _filter_widths(thick, edge)
    wider = np.where(widths < _THIN * edge, _WIDER * widths, 0).astype(np.float32)
    near, far = work.responses(trace, (widths, wider))
    inner, keep, deep = _inside(points, trace.normals, near, edge, engine)
    keep &= ~(_resolved(trace, (near, far, widths), work) & _weak(points, inner))
    near_kept = partial(local_quantiles, points, keep.astype(np.float32), (_CROSS * edge, 0.3))
    keep |= _among(points, rough) & (over_points(near_kept, len(keep), engine) > 0)
    keep = _rooted(points, keep, seeds)
    strengths = (thick[keep] * work.depth).astype(np.float32)
    return _Sheets(subset(points, keep), seeds.scores[trace.sources[keep]], strengths, deep[keep])


def _rooted(points: Points, keep: NDArray[np.bool_], seeds: Seeds) -> NDArray[np.bool_]:
    """Keep the connected parts that hold a seed: where planes only pass, a gap is no crack."""
    kept = subset(points, keep)
    groups = connected(kept)
    held = np.zeros(int(groups.max(initial=-1)) + 1, dtype=bool)
    held[groups[_among(kept, subset(seeds.points, seeds.chosen))]] = True
    rooted = keep.copy()
    rooted[keep] = held[groups]
    return rooted


def _centred(seeds: Seeds, work: _Work) -> Seeds:
    """Move planes to where a narrow filter answers most: a wide one leans to the darker side."""
    edge, engine = work.edge, work.engine
    widths = _filter_widths(_thickness(seeds, work), edge)
    answers = []
    for step in (-1, 0, 1):
        heights = (seeds.heights - step * edge).astype(np.float32)
        own = work.image, work.spacing, work.grid, work.engine
        found = response_across(*own, points=seeds.points, ways=(seeds.normals, heights, widths))
        found = np.nan_to_num(-found if work.bright else found)
        answers.append(_averaged(seeds.points, seeds.normals, found, _DISC * edge, engine))
    low, middle, high = answers
    bend = 2 * middle - low - high
    shift = np.divide(high - low, 2 * bend, out=np.zeros_like(bend), where=bend > 0)
    floors = np.clip(shift, -_SHIFT, _SHIFT) * edge - seeds.heights
    ways = np.column_stack([seeds.normals, floors]).astype(np.float32)
    ones = np.ones(len(floors), dtype=np.float32)
    radii, groups = seeds.radii(edge), connected(seeds.points)
    task = partial(ridge_planes, seeds.points, groups, (ways, ones), radii)
    normals, heights, _ = over_points(task, len(floors), engine)
    return replace(seeds, normals=normals, heights=heights)


def _filter_widths(thick: NDArray[np.float32], edge: float) -> NDArray[np.float32]:
    """Return the standard deviation in µm of the filter across cracks so wide."""
    least, most, share = _FILTER
    return np.asarray(np.clip(share * thick, least * edge, most * edge), dtype=np.float32)


def _thickness(seeds: Seeds, work: _Work) -> NDArray[np.float32]:
    """Return how wide in µm a void would be that lacks as much, by the median around."""
    own = work.image, work.spacing, work.grid, work.engine
    half = np.full(len(seeds.scores), _LONG * work.edge, dtype=np.float32)
    ways = seeds.normals, seeds.heights, half
    wide = across_grey(*own, points=seeds.points, ways=ways, level=work.levels[1])
    return _usual(seeds.points, wide, seeds.chosen & np.isfinite(wide), work.edge, work.engine)


def _usual(
    points: Points,
    values: NDArray[np.float32],
    known: NDArray[np.bool_],
    edge: float,
    engine: Engine,
) -> NDArray[np.float32]:
    """Return the median of known values around each point that has one; 0 elsewhere."""
    some = subset(points, known)
    task = partial(local_quantiles, some, values[known], (_INSIDE[0] * edge, 0.5))
    found = np.zeros(known.size, dtype=np.float32)
    found[known] = over_points(task, int(known.sum()), engine)
    return found


def _resolved(
    trace: Trace,
    sides: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    work: _Work,
) -> NDArray[np.bool_]:
    """Tell which sheets are wider than a void would be that lacks as much: shallow valleys.

    For a profile of variance v, a filter of width σ answers with (σ²/(σ² + v))^1.5 of what it
    lacks; two filters tell both.
    """
    near, far = (
        _averaged(trace.points, trace.normals, side, _BROAD * work.edge, work.engine).astype(
            np.float64
        )
        for side in sides[:2]
    )
    first = sides[2].astype(np.float64) ** 2
    second = _WIDER**2 * first
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.maximum(near / far, 0) ** (2 / 3)
        below = ratio * second - first
        spread = np.where(below > 0, first * second * (1 - ratio) / below, np.inf)
        lacks = far * ((second + spread) / second) ** 1.5 / work.depth
        most = (_BLUR * work.edge) ** 2 + _LEAN * lacks**2 / 12
    return np.asarray((far > 0) & (spread > most))


def _weak(points: Points, strengths: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell where a sheet is less than half as wide as it mostly is."""
    groups = connected(points)
    order = np.lexsort((strengths, groups))
    ends = np.searchsorted(groups[order], np.arange(groups.max(initial=-1) + 2))
    at = ends[:-1] + (_MOSTLY * np.diff(ends)).astype(np.int64)
    usual = strengths[order[at]][groups] if at.size else strengths
    return np.asarray(strengths < 0.5 * usual)


def _inside(
    points: Points,
    normals: NDArray[np.float32],
    found: NDArray[np.float32],
    edge: float,
    engine: Engine,
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the response further inside, and where that over discs is more than 0.5, 0.8 of it."""
    count = len(found)
    smooth = _averaged(points, normals, found, _DISC * edge, engine)
    inner = over_points(
        partial(local_quantiles, points, smooth, (_INSIDE[0] * edge, _INSIDE[1])), count, engine
    )
    keep = smooth >= np.maximum(_HALF * inner, _SOME * inner.max(initial=0))
    return inner, keep, smooth >= _DEEP * inner


def _averaged(
    points: Points,
    normals: NDArray[np.float32],
    values: NDArray[np.float32],
    radius: float,
    engine: Engine,
) -> NDArray[np.float32]:
    """Average values over the points on a disc around each."""
    count = len(values)
    own, ones = np.zeros(count, dtype=np.int32), np.ones(count, dtype=np.float32)
    sums, number = (
        over_points(partial(disc_means, points, own, normals, (part, radius)), count, engine)
        for part in (np.where(values == 0, _NONE, values), ones)
    )
    return np.asarray(sums / number, dtype=np.float32)


def _among(points: Points, others: Points) -> NDArray[np.bool_]:
    """Tell which points are in another list too."""
    names = []
    for places in (points.places, others.places):
        z, y, x = places.astype(np.int64).T
        names.append((z * points.shape[1] + y) * points.shape[2] + x)
    return np.isin(names[0], names[1], assume_unique=True)
