"""Filter a volume block by block, with the bits of the whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ssbtomo.blocks.chains import Step
from ssbtomo.blocks.channels import Channels
from ssbtomo.blocks.engine import Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.markers import Markers
from ssbtomo.blocks.patterns import check_sink, halo_map
from ssbtomo.errors import InputDataError
from ssbtomo.kernels import derivatives, filters, non_local, variation
from ssbtomo.kernels.noise import noise_level, residuals, sample_windows

__all__ = [
    "FILTERS",
    "Filter",
    "Method",
    "apply_filter",
    "denoise",
    "denoise_halo",
    "estimate_noise",
    "filter_halo",
    "filter_step",
]

Method = Literal["gaussian", "median", "nlm", "tv"]


class Filter(NamedTuple):
    """A filter that can run block by block.

    Parameters
    ----------
    function : callable
        Takes an array and the parameters.
    halo : callable
        Takes those of the parameters that its margin depends on, returns the margin.
    decides : frozenset of str
        The names of those.
    channels : int
        Values that it gives per voxel.
    """

    function: Callable[..., Any]
    halo: Callable[..., tuple[int, int, int]]
    decides: frozenset[str]
    channels: int = 1


#: The filters by name.
FILTERS: dict[str, Filter] = {
    "gaussian": Filter(filters.gaussian, filters.gaussian_halo, frozenset({"sigma"})),
    "median": Filter(filters.median, filters.median_halo, frozenset({"radius"})),
    "nlm": Filter(
        non_local.non_local_means,
        non_local.non_local_means_halo,
        frozenset({"patch", "distance"}),
    ),
    "tv": Filter(
        variation.total_variation, variation.total_variation_halo, frozenset({"iterations"})
    ),
    "gradient": Filter(
        derivatives.gradient_magnitude,
        derivatives.gradient_halo,
        frozenset({"spacing", "sigma"}),
    ),
    "structure-tensor": Filter(
        derivatives.structure_tensor,
        derivatives.structure_tensor_halo,
        frozenset({"spacing", "sigma", "integration"}),
        3,
    ),
}
_DENOISE = ("gaussian", "median", "nlm", "tv")
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
    _find(method, _DENOISE)
    return filter_halo(method, **parameters)


def filter_halo(method: str, **parameters: Any) -> tuple[int, int, int]:
    """Return the voxels that any of the filters reads beyond a block, per axis.

    Parameters
    ----------
    method : str
        One of `FILTERS`.
    **parameters : object
        As for `apply_filter`.

    Returns
    -------
    tuple of int
        Margin along (Z, Y, X).

    Raises
    ------
    InputDataError
        If there is no such filter.
    """
    found = _find(method, FILTERS)
    return found.halo(**{key: value for key, value in parameters.items() if key in found.decides})


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
    _find(method, _DENOISE)
    if method not in _NEEDS_NOISE:
        apply_filter(
            source, sink, grid, engine, method, on_block=on_block, markers=markers, **parameters
        )
        return None
    noise = estimate_noise(source, engine) if noise is None else noise
    parameters["noise"] = noise
    apply_filter(
        source, sink, grid, engine, method, on_block=on_block, markers=markers, **parameters
    )
    return noise


def apply_filter(
    source: Source,
    sinks: Sink | Sequence[Sink],
    grid: Grid,
    engine: Engine,
    method: str,
    *,
    on_block: Callable[[Block], None] | None = None,
    markers: Markers | None = None,
    **parameters: Any,
) -> None:
    """Run any of the filters into a store, or into one store per channel.

    Parameters
    ----------
    source : Source
        Grey values.
    sinks : Sink, or list or tuple of Sink
        Written block by block; shards must coincide with the grid's blocks. One for each value
        that the filter gives per voxel. Into integers, values are rounded and clipped.
    grid : Grid
        How the volume is cut; the result does not depend on it by a bit.
    engine : Engine
        Where the tasks run.
    method : str
        One of `FILTERS`. ``gradient`` takes ``spacing`` and ``sigma``, ``structure-tensor`` also
        ``integration``, and gives three eigenvalues, the largest first: see
        `ssbtomo.kernels.derivatives`. The others as for `denoise`, with their ``noise``.
    on_block : callable, optional
        Told each finished block.
    markers : Markers, optional
        Where finished blocks are marked, and which need not be done again.
    **parameters : object
        Those of the filter.

    Raises
    ------
    InputDataError
        If there is no such filter, a parameter is out of range, or the stores are too few or
        too many.
    """
    found = _find(method, FILTERS)
    several = tuple(sinks) if isinstance(sinks, list | tuple) else (sinks,)
    if len(several) != found.channels:
        raise InputDataError(
            f"{method} gives {found.channels} values per voxel, there are {len(several)} stores"
        )
    if len({np.dtype(sink.dtype) for sink in several}) > 1:
        raise InputDataError("the stores of the channels differ in their type")
    for sink in several:
        check_sink(sink, grid, engine, source=source)
    target = several[0] if found.channels == 1 else Channels(several)
    kernel = partial(
        _as_type, function=partial(found.function, **parameters), dtype=np.dtype(target.dtype)
    )
    halo = filter_halo(method, **parameters)
    halo_map(kernel, source, target, grid, engine, halo=halo, on_block=on_block, markers=markers)


def filter_step(method: str, dtype: DTypeLike, sink: Sink | None = None, **parameters: Any) -> Step:
    """Return a filter as a step of a chain.

    Parameters
    ----------
    method : str
        One of `FILTERS` that gives one value per voxel.
    dtype : dtype
        Type of the result; to integers, values are rounded and clipped.
    sink : Sink, optional
        Where the result is kept.
    **parameters : object
        As for `apply_filter`; with ``noise`` for ``nlm`` and ``tv``, which no block tells.

    Returns
    -------
    Step
        With the filter's halo.

    Raises
    ------
    InputDataError
        If there is no such filter, it gives several values, or needs the noise and is not told.
    """
    found = _find(method, FILTERS)
    if found.channels != 1:
        raise InputDataError(f"{method} gives {found.channels} values per voxel, a step needs one")
    if method in _NEEDS_NOISE and parameters.get("noise") is None:
        raise InputDataError(
            f"the filter {method!r} needs the noise of the volume",
            hint="estimate_noise(source, engine) finds it once, for all blocks",
        )
    function = partial(found.function, **parameters)
    kernel = partial(_as_type, function=function, dtype=np.dtype(dtype))
    return Step(kernel, filter_halo(method, **parameters), sink)


def _find(method: str, known: Collection[str]) -> Filter:
    if method not in known:
        raise InputDataError(f"{method!r} is no filter", hint=f"use one of {', '.join(known)}")
    return FILTERS[method]


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
