"""Split a void phase into pores and cracks, by thickness, flatness and extent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssbtomo.errors import CancelledError, InputDataError
from ssbtomo.kernels.distance import as_mask, distance_in_edges
from ssbtomo.kernels.flooding import renumber
from ssbtomo.kernels.particles import moments
from ssbtomo.kernels.sheets import (
    Cancelled,
    facing,
    planarity,
    principal_axes,
    voxel_edge,
)
from ssbtomo.kernels.thickness import Progress, thickness_classes
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["split_cracks"]

_WIDEST = 10.0  # default widest crack, in voxel edges
_SMALLEST = 8.0  # default smallest second extent, in voxel edges
_MARGIN = 1.5  # what a pore takes of its surroundings beyond its spheres, in voxel edges
_FLAT = 130  # planarity (of 200) from which a voxel is part of a sheet
_RIM = 4.0  # how far a sheet reaches beyond its flat voxels, in voxel edges: its rim
_JOIN = 2.5  # how far a crack reaches beyond that: where it crosses another it looks less flat
_OPEN = 0.2  # a sheet whose surface is open to the pores by more than this is their edge


def split_cracks(
    void_mask: NDArray[np.bool_],
    spacing: Spacing,
    *,
    max_aperture: float | None = None,
    min_extent: float | None = None,
    aspect: float = 3.0,
    cancelled: Cancelled | None = None,
    progress: Progress | None = None,
) -> NDArray[np.int32]:
    """Find the cracks of a void phase; what is left are its pores.

    Parameters
    ----------
    void_mask : ndarray of bool, shape (Z, Y, X)
        The void (or any phase that fills cracks).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    max_aperture : float, optional
        Widest crack in µm: where a larger sphere fits in, there is a pore. By default ten
        voxel edges (of the cube of the same volume).
    min_extent : float, optional
        Smallest size in µm of a crack along both directions of its plane; by default
        eight voxel edges.
    aspect : float
        A crack is at least this many times its own aperture wide, along both directions
        of its plane (√(12 λ) of its second moments); spheres have 1.6, ellipsoids of 2:1 have 2.3.
    cancelled : callable, optional
        Asked between steps; true stops the work.
    progress : callable, optional
        Told ``(done, total)`` steps.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
        0 where there is no crack; cracks (26-connected) count from 1 in the order of their
        first voxel.

    Raises
    ------
    InputDataError
        If a size is not positive.
    CancelledError
        If `cancelled` said so.

    Notes
    -----
    Estimator, in this order: what a sphere wider than `max_aperture` covers is a pore (a
    morphological opening by exact distances); of the rest, voxels are kept where the
    structure tensor says sheet; pieces are kept that are large enough, wide for their own
    aperture, and closed to the pores on their sides (the edges of pores are not); they are
    joined where they cross, and places that hold a sphere 1.5 times as wide as the crack are given back to the pores.
    Bias: cracks lose up to two voxels where they meet a pore, and all of themselves where
    they are bent within some 8 voxels or nearer than that to each other. Pennies of radius 16 to 32 voxels and 1 to 6 wide are found whole;
    among round pores 0.3 % of the crack volume found was false. In a bed of grains narrow
    gaps look like cracks: they added 0.00006 voxel faces per voxel where there was no
    crack, but gaps that open into a true crack added up to half of its volume. A slice (one axis of one
    voxel) is a cut through cracks that go on; a column tells nothing.
    Memory: 13 bytes per voxel beside the mask, and about 0.3 GB for the block at work.
    """
    edges = check_spacing(spacing)
    void = as_mask(void_mask)
    rules = _Rules(edges, max_aperture, min_extent, aspect)
    steps = _Steps(cancelled, progress)
    if void.all() or not void.any() or void.shape.count(1) > 1:
        return np.zeros(void.shape, dtype=np.int32)
    classes = _thickness(void, edges, rules, steps)
    thin = void & (classes < rules.radii.size)
    steps.next()
    flat = planarity(thin, edges, cancelled=cancelled) >= _FLAT
    steps.next()
    labels = _pieces(_near(flat, thin, edges, _RIM), flat, edges, rules)
    steps.next()
    _choose(labels, void, edges, rules)
    steps.next()
    labels = _pieces(_near(labels > 0, thin, edges, _JOIN), flat, edges, rules)
    del thin
    apertures = _choose(labels, void, edges, rules)
    if _give_back(labels, classes, rules, apertures):
        labels = _pieces(labels > 0, flat, edges, rules)
    steps.next()
    return labels


class _Rules:
    """The rules, in units of the smallest voxel edge where kernels want them so."""

    def __init__(
        self, edges: Spacing, aperture: float | None, extent: float | None, aspect: float
    ) -> None:
        mean = voxel_edge(edges)
        self.aperture = _WIDEST * mean if aperture is None else aperture
        self.extent = _SMALLEST * mean if extent is None else extent
        self.aspect = aspect
        if min(self.aperture, self.extent, aspect) <= 0:
            raise InputDataError(
                f"max_aperture={aperture}, min_extent={extent}, aspect={aspect}: not all positive",
                hint="give lengths in µm, above zero",
            )
        smallest = min(edges)
        self.voxel = mean / smallest
        # A gap n voxels wide has distances up to (n + 1) / 2.
        widest = self.aperture / smallest / 2 + 0.75 * self.voxel
        count = max(int((widest - 1.75 * self.voxel) / (1.3 * self.voxel)), 0) + 1
        self.radii = np.linspace(min(1.75 * self.voxel, widest), widest, max(count, 2))
        self.smallest = smallest

    def pore_class(self, apertures: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the first thickness class that is a pore beside a crack so wide."""
        radius = 0.75 * apertures / self.smallest + self.voxel
        return np.minimum(np.searchsorted(self.radii, radius), self.radii.size - 1) + 1


class _Steps:
    """Tells the progress of five steps, and stops where the user asked for it."""

    def __init__(self, cancelled: Cancelled | None, progress: Progress | None) -> None:
        self.cancelled = cancelled
        self.progress = progress
        self.done = 0

    def next(self) -> None:
        if self.cancelled is not None and self.cancelled():
            raise CancelledError("the search for cracks was cancelled")
        self.done += 1
        if self.progress is not None:
            self.progress(self.done, 5)


def _thickness(
    void: NDArray[np.bool_], edges: Spacing, rules: _Rules, steps: _Steps
) -> NDArray[np.uint8]:
    distances, _ = distance_in_edges(void, edges)
    return thickness_classes(
        distances, edges, rules.radii, margin=_MARGIN * rules.voxel, cancelled=steps.cancelled
    )


def _near(
    chosen: NDArray[np.bool_], thin: NDArray[np.bool_], edges: Spacing, reach: float
) -> NDArray[np.bool_]:
    """Return the thin voxels within `reach` voxel edges of the chosen ones."""
    if not chosen.any():
        return chosen
    gaps, smallest = distance_in_edges(~chosen, edges)
    return np.asarray(thin & (gaps <= reach * voxel_edge(edges) / smallest))


def _pieces(
    mask: NDArray[np.bool_], flat: NDArray[np.bool_], edges: Spacing, rules: _Rules
) -> NDArray[np.int32]:
    """Label the pieces that are flat in most places and extend far along two directions."""
    import cc3d

    labels = cc3d.connected_components(mask, connectivity=26, out_dtype=np.uint32).view(np.int32)
    found = moments(labels)
    values, _ = principal_axes(found, edges)
    level = np.bincount(labels[flat], minlength=len(values) + 1)[1:]
    wide = np.sqrt(12 * values[:, 1]) >= rules.extent
    _drop(labels, wide & (level >= found.sums[:, 0] / 2))
    return labels


def _choose(
    labels: NDArray[np.int32], void: NDArray[np.bool_], edges: Spacing, rules: _Rules
) -> NDArray[np.float64]:
    """Drop what is thick for its extent, or open on its sides; return the apertures."""
    sheets = facing(labels, edges, void)
    keep = sheets.extents_um[:, 1] >= rules.aspect * sheets.aperture_um
    keep &= (sheets.aperture_um <= rules.aperture) & (sheets.open_share <= _OPEN)
    _drop(labels, keep)
    return np.asarray(sheets.aperture_um[keep])


def _give_back(
    labels: NDArray[np.int32],
    classes: NDArray[np.uint8],
    rules: _Rules,
    apertures: NDArray[np.float64],
) -> bool:
    """Remove from each crack the places that are pores beside it; tell if there were any."""
    limits = np.append([255], rules.pore_class(apertures)).astype(np.uint8)
    found = False
    for plane, thickness in zip(labels, classes, strict=True):
        pore = (plane > 0) & (thickness >= limits[plane])
        found = found or bool(pore.any())
        plane[pore] = 0
    return found


def _drop(labels: NDArray[np.int32], keep: NDArray[np.bool_]) -> None:
    """Remove labels, and number the others by their first voxel."""
    renumber(labels, np.where(keep, np.arange(keep.size), -1).astype(np.int64))
