"""Particles: a phase cut at its necks, and one row of numbers for each piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import CancelledError, InputDataError
from ssbtomo.kernels.compiling import njit
from ssbtomo.kernels.distance import as_mask, distance_in_edges, relative_spacing
from ssbtomo.kernels.flooding import basins
from ssbtomo.units import Spacing, check_spacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Moments",
    "check_necks",
    "moments",
    "particle_rows",
    "particle_table",
    "separate",
    "weighted_percentile",
]

Table = dict[str, "NDArray[Any]"]


def separate(
    mask: NDArray[np.bool_],
    spacing: Spacing,
    *,
    depth: float | None = None,
    neck: float = 0.85,
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.int32]:
    """Cut a phase into particles at its necks.

    Parameters
    ----------
    mask : ndarray of bool, shape (Z, Y, X)
        The phase.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    depth : float, optional
        Smallest fall in µm from the radius of the smaller particle to that of the neck for
        the two to be apart; by default the largest voxel edge, below which roughness of the
        voxels themselves looks like a neck.
    neck : float
        Largest ratio of the radius of the neck to that of the smaller particle.
    cancelled : callable, optional
        Asked between steps; true stops the work.

    Returns
    -------
    ndarray of int32, shape (Z, Y, X)
        0 outside the phase, else the particle; particles count from 1 in the order of
        their first voxel.

    Raises
    ------
    InputDataError
        If `neck` is not above 0 and at most 1, or `depth` is negative.
    CancelledError
        If `cancelled` said so.

    Notes
    -----
    Estimator: basins of the exact distance to the phase's outside, merged where the way
    between two peaks is shallow; radii are those of the largest spheres that fit. Bias:
    particles closer than the two rules tell stay one; plates and rods with rough sides may
    be cut. A phase that fills the volume is one particle.
    Memory: 10 bytes per voxel beside the mask.

    References
    ----------
    Beucher and Lantuéjoul, 1979 (watershed); Cousty et al., 2009, 10.1109/TPAMI.2008.173.
    """
    steps, fall = check_necks(spacing, depth, neck)
    phase = as_mask(mask)
    heights, _ = distance_in_edges(phase, spacing)
    _stop_if(cancelled)
    if phase.all():
        return np.ones(phase.shape, dtype=np.int32)
    return basins(heights, steps, depth=fall, neck=neck)


def check_necks(spacing: Spacing, depth: float | None, neck: float) -> tuple[Spacing, float]:
    """Return the voxel edges, and the fall that tells a neck, in units of the smallest edge.

    Parameters
    ----------
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    depth : float or None
        As for `separate`.
    neck : float
        As for `separate`.

    Returns
    -------
    steps : tuple of float
        Along (Z, Y, X).
    fall : float
        For `ssbtomo.kernels.flooding.basins`.

    Raises
    ------
    InputDataError
        If `neck` is not above 0 and at most 1, or `depth` is negative.
    """
    if not 0 < neck <= 1 or (depth is not None and depth < 0):
        raise InputDataError(
            f"neck={neck} and depth={depth} do not tell a neck",
            hint="give 0 < neck <= 1 and depth >= 0 in µm",
        )
    steps, edge = relative_spacing(spacing)
    return steps, (max(check_spacing(spacing)) if depth is None else depth) / edge


class Moments:
    """Sums over the voxels of each label, exact and additive.

    Parameters
    ----------
    sums : ndarray of int64, shape (n, 10)
        Voxels; Σz, Σy, Σx; Σzz, Σyy, Σxx; Σzy, Σzx, Σyx, in voxel indices.
    boxes : ndarray of int64, shape (n, 6)
        First voxel along z, y, x, then one past the last.
    shape : tuple of int
        Of the volume.
    """

    __slots__ = ("boxes", "shape", "sums")

    def __init__(
        self, sums: NDArray[np.int64], boxes: NDArray[np.int64], shape: tuple[int, ...]
    ) -> None:
        self.sums = sums
        self.boxes = boxes
        self.shape = shape

    def centroids(self, spacing: Spacing) -> NDArray[np.float64]:
        """Return the centres of mass in µm from the outer corner of the first voxel.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.

        Returns
        -------
        ndarray of float, shape (n, 3)
            Along (z, y, x).
        """
        return np.asarray((self.sums[:, 1:4] / self.sums[:, :1] + 0.5) * np.asarray(spacing))

    def covariances(self, spacing: Spacing) -> NDArray[np.float64]:
        """Return the second central moments per volume in µm², voxels being boxes.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.

        Returns
        -------
        ndarray of float, shape (n, 3, 3)
            Symmetric; along (z, y, x).
        """
        count = self.sums[:, :1].astype(np.float64)
        mean = self.sums[:, 1:4] / count
        first, second = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
        central = self.sums[:, 4:] / count - mean[:, first] * mean[:, second]
        matrix = np.zeros((len(mean), 3, 3))
        matrix[:, first, second] = central
        matrix[:, second, first] = central
        matrix[:, [0, 1, 2], [0, 1, 2]] += 1 / 12
        edges = np.asarray(spacing)
        return np.asarray(matrix * edges[:, None] * edges)

    def touching(self) -> NDArray[np.bool_]:
        """Tell which of the six faces of the volume each label touches.

        Returns
        -------
        ndarray of bool, shape (n, 6)
            z-min, z-max, y-min, y-max, x-min, x-max.
        """
        near = self.boxes[:, :3] == 0
        far = self.boxes[:, 3:] == np.asarray(self.shape)
        return np.stack([near, far], axis=2).reshape(-1, 6)


def moments(
    labels: NDArray[np.integer[Any]],
    *,
    origin: tuple[int, int, int] = (0, 0, 0),
    within: tuple[int, int, int] | None = None,
) -> Moments:
    """Sum up the voxels of each label from 1 to the largest, in one pass.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        0 is no object.
    origin : tuple of int
        Where the array lies in a volume; indices count from the volume's first voxel.
    within : tuple of int, optional
        Shape of that volume; the array's own if not given.

    Returns
    -------
    Moments
        The sums; absent labels have zero voxels.
    """
    values = np.ascontiguousarray(labels, dtype=np.int32)
    count = int(values.max(initial=0))
    sums = np.zeros((count, 10), dtype=np.int64)
    boxes = np.zeros((count, 6), dtype=np.int64)
    boxes[:, :3] = np.iinfo(np.int64).max
    _sum_up(values, np.array(origin, dtype=np.int64), sums, boxes)
    return Moments(sums, boxes, within or values.shape)


@njit(nogil=True, cache=True)
def _sum_up(labels, origin, sums, boxes):  # type: ignore[no-untyped-def]
    nz, ny, nx = labels.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if labels[z, y, x] > 0:
                    row = labels[z, y, x] - 1
                    place = (z + origin[0], y + origin[1], x + origin[2])
                    sums[row, 0] += 1
                    for k in range(3):
                        sums[row, 1 + k] += place[k]
                        sums[row, 4 + k] += place[k] * place[k]
                        boxes[row, k] = min(boxes[row, k], place[k])
                        boxes[row, 3 + k] = max(boxes[row, 3 + k], place[k] + 1)
                    sums[row, 7] += place[0] * place[1]
                    sums[row, 8] += place[0] * place[2]
                    sums[row, 9] += place[1] * place[2]


def particle_table(labels: NDArray[np.integer[Any]], spacing: Spacing) -> Table:
    """Measure each particle.

    Parameters
    ----------
    labels : ndarray of int, shape (Z, Y, X)
        Particles; 0 is none.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    dict of ndarray
        One row per particle that has voxels: ``particle`` (its label), ``voxels``,
        ``volume_um3``, ``diameter_um`` (of the sphere of the same volume), ``z_um``,
        ``y_um``, ``x_um`` (centroid, from the outer corner of the volume), ``z_from`` …
        ``x_to`` (box in voxels, the end not included), ``touches_border``, ``long_um``,
        ``middle_um``, ``short_um`` (axes of the ellipsoid with the same second moments),
        ``elongation`` (middle / long), ``flatness`` (short / middle), ``long_z`` … ``short_x``
        (unit vectors along these axes; the first component that is not zero is positive; of
        equal axes any direction).

    Notes
    -----
    Estimator: exact sums over voxels. Bias: a particle that touches the border is cut, so
    its size is a lower bound; it is flagged, not dropped. Volume and box hold for any
    shape, the axes are exact for ellipsoids. An axis on which the volume is one voxel
    deep does not count as a border. Memory: none per voxel (labels of another type than
    int32 are copied).
    """
    found = moments(labels)
    kept = np.flatnonzero(found.sums[:, 0])
    return particle_rows(
        kept + 1, Moments(found.sums[kept], found.boxes[kept], found.shape), spacing
    )


def particle_rows(names: NDArray[np.int64], found: Moments, spacing: Spacing) -> Table:
    """Turn sums over voxels into the rows of `particle_table`.

    Parameters
    ----------
    names : ndarray of int64, shape (n,)
        Label of each particle.
    found : Moments
        Their sums; none without voxels.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.

    Returns
    -------
    dict of ndarray
        One row per particle; see `particle_table`.
    """
    edges = check_spacing(spacing)
    voxels = found.sums[:, 0]
    volume = voxels * float(np.prod(edges))
    z, y, x = found.centroids(edges).T
    spreads, frames = np.linalg.eigh(found.covariances(edges))
    short, middle, long = 2 * np.sqrt(5 * spreads).T
    deep = np.repeat(np.asarray(found.shape) > 1, 2)
    table: Table = {
        "particle": names,
        "voxels": voxels,
        "volume_um3": volume,
        "diameter_um": np.cbrt(6 * volume / np.pi),
        "z_um": z,
        "y_um": y,
        "x_um": x,
    }
    for column, name in enumerate(("z_from", "y_from", "x_from", "z_to", "y_to", "x_to")):
        table[name] = found.boxes[:, column]
    table["touches_border"] = np.asarray((found.touching() & deep).any(axis=1))
    table |= {"long_um": long, "middle_um": middle, "short_um": short}
    table |= {"elongation": middle / long, "flatness": short / middle}
    for name, column in (("long", 2), ("middle", 1), ("short", 0)):
        for axis, letter in enumerate("zyx"):
            table[f"{name}_{letter}"] = _upward(frames[:, :, column])[:, axis]
    return table


def _upward(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn unit vectors so that the first component that is not zero is positive."""
    firm = np.where(np.abs(vectors) > 1e-9, vectors, 0.0)
    first = np.argmax(firm != 0, axis=1)
    sign = np.where(firm[np.arange(len(firm)), first] < 0, -1.0, 1.0)
    return np.asarray(vectors * sign[:, None])


def weighted_percentile(values: ArrayLike, weights: ArrayLike | None, percent: float) -> float:
    """Return a percentile of values that count with their weights.

    Parameters
    ----------
    values : array_like
        Such as diameters.
    weights : array_like or None
        Such as volumes; ``None`` if all count the same (percentiles by number).
    percent : float
        From 0 to 100.

    Returns
    -------
    float
        The smallest value that, with all smaller ones, holds at least that share of the
        weight; ``nan`` if there is no value.
    """
    sizes = np.asarray(values, dtype=np.float64)
    if sizes.size == 0:
        return float("nan")
    mass = np.ones_like(sizes) if weights is None else np.asarray(weights, dtype=np.float64)
    order = np.argsort(sizes, kind="stable")
    share = np.cumsum(mass[order])
    wanted = percent / 100 * share[-1] * (1 - 1e-12)  # a share met up to rounding is met
    place = int(np.searchsorted(share, wanted, side="left"))
    return float(sizes[order][min(place, sizes.size - 1)])


def _stop_if(cancelled: Callable[[], bool] | None) -> None:
    if cancelled is not None and cancelled():
        raise CancelledError("the separation of particles was cancelled")
