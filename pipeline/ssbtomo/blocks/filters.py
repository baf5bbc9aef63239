"""Denoise a volume block by block, with the bits of the whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.patterns import halo_map
from ssbtomo.errors import InputDataError
from ssbtomo.kernels import filters, non_local, variation
from ssbtomo.kernels.noise import noise_level, residuals, sample_windows

__all__ = ["Method", "denoise", "denoise_halo", "estimate_noise"]

Method = Literal["gaussian", "median", "nlm", "tv"]

_FILTERS: dict[str, tuple[Callable[..., Any], Callable[..., tuple[int, int, int]], set[str]]] = {
    "gaussian": (filters.gaussian, filters.gaussian_halo, {"sigma"}),
    "median": (filters.median, filters.median_halo, {"radius"}),
    "nlm": (non_local.non_local_means, non_local.non_local_means_halo, {"patch", "distance"}),
    "tv": (variation.total_variation, variation.total_variation_halo, {"iterations"}),
}
_NEEDS_NOISE = {"nlm", "tv"}


def estimate_noise(source: Source, engine: Engine) -> float:
    """Estimate the noise of a volume from a fixed sample of it.

    Parameters
    ----------
    source : Source
        The volume; at most 64 boxes of 32³ voxels are read.
    engine : Engine
        Where they are read.

    Returns
    -------
    float
        Standard deviation in grey values; the same for any cut and any scheduler.
    """
    shape = source.shape[0], source.shape[1], source.shape[2]
    return noise_level(list(engine.map(partial(_residuals, source=source), sample_windows(shape))))


def denoise_halo(method: Method, **parameters: Any) -> tuple[int, int, int]:
    """Return the voxels that a filter reads beyond a block, per axis.

    Parameters
    ----------
    method : {"gaussian", "median", "nlm", "tv"}
        The filter.
    **parameters : float or int
        As for `denoise`.

    Returns
    -------
    tuple of int
        Margin along (Z, Y, X).

    Raises
    ------
    InputDataError
        If there is no such filter.
    """
    _, halo, names = _find(method)
    return halo(**{name: value for name, value in parameters.items() if name in names})


def denoise(
    source: Source,
    sink: Sink,
    grid: Grid,
    engine: Engine,
    method: Method = "gaussian",
    *,
    noise: float | None = None,
    on_block: Callable[[Block], None] | None = None,
    markers: Markers | None = None,
    **parameters: Any,
) -> float | None:
    """Filter a volume into a store.

    Parameters
    ----------
    source : Source
        Grey values.
    sink : Sink
        Written block by block; its shards must coincide with the grid's blocks. If it holds
        integers, values are rounded and clipped to its type.
    grid : Grid
        How the volume is cut; the result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    method : {"gaussian", "median", "nlm", "tv"}
        The filter.
    noise : float, optional
        Standard deviation of the noise, for ``nlm`` and ``tv``; estimated if not given.
    on_block : callable, optional
        Told each finished block.
    markers : Markers, optional
        Where finished blocks are marked, and which need not be done again.
    **parameters : float or int
        ``sigma`` (voxels, one or one per axis) for ``gaussian``; ``radius`` for ``median``; ``patch``,
        ``distance``, ``strength`` for ``nlm``; ``strength``, ``iterations`` for ``tv``. See
        `ssbtomo.kernels.filters`.

    Returns
    -------
    float or None
        The noise that was used; ``None`` if the filter needs none.

    Raises
    ------
    InputDataError
        If there is no such filter, or a parameter is out of range.
    """
    function, _, _ = _find(method)
    if method in _NEEDS_NOISE:
        noise = estimate_noise(source, engine) if noise is None else noise
        parameters["noise"] = noise
    kernel = partial(_as_type, function=partial(function, **parameters), dtype=np.dtype(sink.dtype))
    parameters.pop("noise", None)
    halo = denoise_halo(method, **parameters)
    halo_map(kernel, source, sink, grid, engine, halo=halo, on_block=on_block, markers=markers)
    return noise if method in _NEEDS_NOISE else None


def _find(
    method: str,
) -> tuple[Callable[..., Any], Callable[..., tuple[int, int, int]], set[str]]:
    if method not in _FILTERS:
        raise InputDataError(f"{method!r} is no filter", hint=f"use one of {', '.join(_FILTERS)}")
    return _FILTERS[method]


def _residuals(window: tuple[slice, slice, slice], *, source: Source) -> NDArray[np.float32]:
    return residuals(np.asarray(source[window]))


def _as_type(
    values: Any,
    *,
    function: Callable[..., NDArray[Any]],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    filtered = function(np.asarray(values))
    if dtype.kind not in "ui" or filtered.dtype == dtype:
        return filtered.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    whole: NDArray[Any] = np.clip(np.rint(filtered), limits.min, limits.max).astype(dtype)
    return whole
