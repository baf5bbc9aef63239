"""How fast this machine is, beside the one on which the table of costs was measured."""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.blocks.workers import cache_folder
from ssbtomo.errors import OutputError
from ssbtomo.stages.desk import write_json

__all__ = ["calibrate", "machine_speed", "probe_seconds"]

_SEED, _EDGE, _SMALL, _REPEATS = 20260, 96, 40, 3
_PACKAGES = ("numpy", "numba", "scipy", "zarr")


def machine_speed() -> dict[str, float]:
    """Return how many times faster this machine is, as `calibrate` found.

    Returns
    -------
    dict of str to float
        By probe; empty if it was never calibrated, or with other versions.
    """
    try:
        kept = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict) or kept.get("about") != _about():
        return {}
    return {str(name): float(value) for name, value in kept["speed"].items()}


def calibrate() -> dict[str, float]:
    """Measure how fast this machine is, and keep it in the user's cache folder.

    Takes some seconds on one core; more where kernels have yet to be compiled.

    Returns
    -------
    dict of str to float
        How many times faster than the machine of the table, by probe.

    Raises
    ------
    OutputError
        If the cache folder cannot be written.
    """
    known = tomllib.loads(files("ssbtomo.stages").joinpath("costs.toml").read_text("utf-8"))
    found = probe_seconds()
    speed = {name: round(known["probes"][name] / taken, 4) for name, taken in found.items()}
    path = _file()
    try:
        write_json(path, {"about": _about(), "seconds": found, "speed": speed})
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error}", hint="set XDG_CACHE_HOME to a folder of yours"
        ) from error
    return speed


def probe_seconds() -> dict[str, float]:
    """Run the probes: filters from store to store, particles, a transport solve.

    Returns
    -------
    dict of str to float
        Processor seconds on one core, the least of three; compilation is left out.
    """
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="ssbtomo-probe-") as folder:
        for edge, repeats in ((_SMALL, 1), (_EDGE, _REPEATS)):
            grey, labels = _volumes(edge)
            probes: Mapping[str, Callable[[], object]] = {
                "filter": partial(_filter, Path(folder), grey),
                "flood": partial(_flood, Path(folder), labels),
                "solve": partial(_solve, labels),
            }
            found = {name: min(_timed(p) for _ in range(repeats)) for name, p in probes.items()}
    return found


def _timed(probe: Callable[[], object]) -> float:
    begin = time.process_time()
    probe()
    return round(time.process_time() - begin, 4)


def _volumes(edge: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    from scipy import ndimage as ndi

    noise = np.random.default_rng(_SEED).standard_normal((edge,) * 3).astype(np.float32)
    smooth = ndi.gaussian_filter(noise, 3.0)
    cuts = np.quantile(smooth, [0.25, 0.6])
    return noise, np.digitize(smooth, cuts).astype(np.uint8)


def _store(folder: Path, edge: int, name: str, dtype: Any) -> Any:
    from ssbtomo.io import ome_zarr

    path = folder / f"{name}.ome.zarr"
    return ome_zarr.create(path, (edge,) * 3, np.dtype(dtype), (1.0,) * 3, block=(48, 48, 48))


def _filter(folder: Path, grey: NDArray[np.float32]) -> None:
    from ssbtomo.blocks import SERIAL, Grid
    from ssbtomo.blocks.filters import apply_filter

    sink = _store(folder, grey.shape[0], "filtered", np.float32)
    grid = Grid(sink.shape, (48, 48, 48))
    apply_filter(grey, sink, grid, SERIAL, "gaussian", sigma=2.0)


def _flood(folder: Path, labels: NDArray[np.uint8]) -> None:
    from ssbtomo.blocks import SERIAL, Grid
    from ssbtomo.blocks.particles import separate

    edge = labels.shape[0]
    grid = Grid((edge,) * 3, (48, 48, 48))
    separate(labels, (1.0,) * 3, grid, SERIAL, allocate=partial(_store, folder, edge), phase=2)


def _solve(labels: NDArray[np.uint8]) -> None:
    from ssbtomo.kernels.transport import solve

    solve(labels, (1.0,) * 3, 0, {1: 1.0})


def _file() -> Path:
    return cache_folder().with_name(f"speed{cache_folder().name.removeprefix('numba')}.json")


def _about() -> dict[str, Any]:
    from importlib.metadata import version

    from ssbtomo import __version__

    packages = {name: version(name) for name in _PACKAGES}
    return {
        "host": platform.node(), "machine": platform.machine(), "cores": os.cpu_count(),
        "python": platform.python_version(), "ssbtomo": __version__, **packages,
    }  # fmt: skip
