"""The interface of lithium and electrolyte as maps: contact, voids between, heights, roughness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.stack_columns import Columns
from ssbtomo.kernels.surface_plane import Plane, fit_plane

__all__ = [
    "CONTACT",
    "GAP_OTHER",
    "GAP_VOID",
    "NO_INTERFACE",
    "Texture",
    "contact_map",
    "pierced",
    "texture",
    "void_table",
]

NO_INTERFACE, CONTACT, GAP_VOID, GAP_OTHER = range(4)
_GAUSS = float(np.sqrt(np.log(2) / 2) / np.pi)  # ISO 16610-61: standard deviation by cutoff

Edges = tuple[float, float]
Map = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Texture:
    """How rough a surface is, in µm; ``nan`` without any column.

    Parameters
    ----------
    ra_um, rq_um : float
        Mean absolute and root mean square height of what is shorter than the cutoff (areal: Sa,
        Sq).
    wq_um : float
        Root mean square height of what is longer, beside the mean plane.
    tilt_deg : float
        Angle between the mean plane and the plane of the volume's face.
    cutoff_um : float
        The wavelength that parts roughness and waviness.
    """

    ra_um: float
    rq_um: float
    wq_um: float
    tilt_deg: float
    cutoff_um: float


def contact_map(columns: Columns) -> NDArray[np.uint8]:
    """Tell for each column whether lithium touches the electrolyte.

    Parameters
    ----------
    columns : Columns
        Of a cell.

    Returns
    -------
    ndarray of uint8, shape (V, U)
        `NO_INTERFACE` without electrolyte; `CONTACT` where the voxel before the first electrolyte
        is lithium; `GAP_VOID` where any void is between, or the electrolyte is the first voxel;
        `GAP_OTHER` where only further phases are.
    """
    found = np.full(columns.top.shape, NO_INTERFACE, np.uint8)
    known = columns.electrolyte >= 0
    found[known] = GAP_VOID
    found[known & (columns.void == 0) & (columns.other > 0)] = GAP_OTHER
    found[known & (columns.top > 0) & (columns.void + columns.other == 0)] = CONTACT
    found[known & (columns.electrolyte == 0)] = NO_INTERFACE  # no room for an anode
    return found


def pierced(columns: Columns) -> NDArray[np.bool_]:
    """Tell which columns hold a filament: lithium far beyond its usual height.

    Parameters
    ----------
    columns : Columns
        Of a cell.

    Returns
    -------
    ndarray of bool, shape (V, U)
        Where lithium is more than 5 robust standard deviations, and 5 voxels at least, beyond the
        plane through its surface; those columns say nothing about the surface's roughness.
    """
    known = columns.top > 0
    if not known.any():
        return known
    plane = fit_plane(columns.top, known, tilted=True)
    limit = 5 * max(plane.spread, 1.0)
    return np.asarray(known & (columns.top - plane.over(_shape(columns.top)) > limit))


def texture(
    heights: NDArray[np.int32],
    known: NDArray[np.bool_],
    edges: tuple[float, Edges],
    cutoff: float | None = None,
) -> Texture:
    """Measure roughness and waviness of a height map.

    Parameters
    ----------
    heights : ndarray of int, shape (V, U)
        In voxels.
    known : ndarray of bool, shape (V, U)
        Which columns count.
    edges : tuple
        Voxel edge along the heights in µm, and those along the map's two axes.
    cutoff : float, optional
        Wavelength in µm; a fifth of the map's shorter side if not given.

    Returns
    -------
    Texture
        The mean plane (least squares) is taken off; the rest is parted by the areal Gaussian
        filter of ISO 16610-61, normalised where columns are missing. Bias: heights are whole
        voxels, which adds 0.29 voxel edges to the root mean square of a smooth, tilted surface;
        near the map's edges the filter sees one side only.
    """
    from scipy import ndimage

    edge, across = edges
    sides = [n * e for n, e in zip(heights.shape, across, strict=True) if n > 1]
    wave = cutoff or min(sides, default=edge) / 5
    if not known.any():
        none = float("nan")
        return Texture(none, none, none, none, wave)
    plane = _mean_plane(heights, known)
    rest = np.where(known, (heights - plane.over(_shape(heights))) * edge, 0.0)
    sigma = [_GAUSS * wave / e for e in across]
    smooth = ndimage.gaussian_filter(rest, sigma, mode="constant")
    smooth /= np.maximum(ndimage.gaussian_filter(known.astype(float), sigma, mode="constant"), 1e-9)
    short, long = (rest - smooth)[known], smooth[known]
    short = short - short.mean()
    slope = np.hypot(plane.along_v * edge / across[0], plane.along_u * edge / across[1])
    return Texture(
        float(abs(short).mean()), float(np.sqrt((short**2).mean())),
        float(np.sqrt(((long - long.mean()) ** 2).mean())),
        float(np.degrees(np.arctan(slope))), wave,
    )  # fmt: skip


def _mean_plane(heights: NDArray[np.int32], known: NDArray[np.bool_]) -> Plane:
    v, u = np.nonzero(known)
    design = np.column_stack([np.ones(v.size), v, u]).astype(np.float64)
    offset, along_v, along_u = np.linalg.lstsq(design, heights[v, u].astype(float), rcond=None)[0]
    return Plane(float(offset), float(along_v), float(along_u))


def void_table(
    columns: Columns, kinds: NDArray[np.uint8], edges: tuple[float, Edges]
) -> tuple[dict[str, NDArray[Any]], NDArray[np.int32]]:
    """List the voids between lithium and electrolyte.

    Parameters
    ----------
    columns : Columns
        Of a cell.
    kinds : ndarray of uint8, shape (V, U)
        From `contact_map`.
    edges : tuple
        Voxel edge along the stacking axis in µm, and those along the map's two axes.

    Returns
    -------
    rows : dict of ndarray
        ``void``, ``v_um`` and ``u_um`` (centre), ``area_um2`` (of the interface that it parts),
        ``volume_um3`` (void voxels), ``extent_um`` (diameter of the disc of that area),
        ``depth_um`` and ``depth_max_um`` (mean and largest thickness along the stacking axis),
        ``depth_over_extent``, ``touches_border``.
    labels : ndarray of int32, shape (V, U)
        The void in each column, 0 for none.

    Notes
    -----
    A void is a piece of the map's `GAP_VOID` columns, joined over edges and corners; voids count
    from 1 in the order of their first column. Voids above each other in one column are one.
    """
    from scipy import ndimage

    edge, across = edges
    pieces, count = ndimage.label(kinds == GAP_VOID, np.ones((3, 3)))
    labels = np.asarray(pieces, np.int32)
    size = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    where = np.nonzero(labels)
    rows = labels[where] - 1
    thick = columns.void[where]
    total = np.bincount(rows, thick, count)
    deepest = np.zeros(count, np.int64)
    np.maximum.at(deepest, rows, thick)
    border = np.zeros(count, np.bool_)
    for k, n in enumerate(labels.shape):
        border[rows[(where[k] == 0) | (where[k] == n - 1)]] = True
    area = size * (across[0] * across[1])
    extent = np.sqrt(4 * area / np.pi)
    depth = total / np.maximum(size, 1) * edge
    centre = [
        (np.bincount(rows, where[k], count) / np.maximum(size, 1) + 0.5) * across[k]
        for k in range(2)
    ]
    table: dict[str, NDArray[Any]] = {
        "void": np.arange(1, count + 1), "v_um": centre[0], "u_um": centre[1],
        "area_um2": area, "volume_um3": total * (edge * across[0] * across[1]),
        "extent_um": extent, "depth_um": depth, "depth_max_um": deepest * edge,
        "depth_over_extent": depth / np.maximum(extent, 1e-12), "touches_border": border,
    }  # fmt: skip
    return table, labels


def _shape(values: NDArray[Any]) -> tuple[int, int]:
    return values.shape[0], values.shape[1]
