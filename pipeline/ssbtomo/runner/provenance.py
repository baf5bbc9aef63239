"""What a reader needs to repeat a run: hashes, versions, machine."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["environment", "files_of", "hash_of", "peak_memory"]

_PACKAGES = (
    "numpy", "scipy", "dask", "distributed", "zarr", "zarrs", "tifffile", "numba",
    "pandas", "connected-components-3d", "matplotlib", "pydantic", "scikit-learn",
)  # fmt: skip
_PIECE = 1 << 22


def hash_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files of a folder with their names.

    Parameters
    ----------
    path : pathlib.Path
        File or folder.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for file in files_of(path):
        if file != path:
            digest.update(str(file.relative_to(path.parent if path.is_file() else path)).encode())
        with file.open("rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
    return digest.hexdigest()


def files_of(path: Path) -> Iterator[Path]:
    """Yield the files that make a scan: all of a folder; or a file, and those beside it about it.

    Parameters
    ----------
    path : pathlib.Path
        File or folder.

    Yields
    ------
    pathlib.Path
        In a fixed order.
    """
    if path.is_dir():
        yield from sorted(item for item in path.rglob("*") if item.is_file())
    else:
        yield path
        for sidecar in (path.with_name(path.name + ".json"), path.with_suffix(".json")):
            if sidecar.is_file() and sidecar != path:
                yield sidecar


def environment() -> dict[str, object]:
    """Tell the machine and the versions of what computes.

    Returns
    -------
    dict
        Keys ``platform``, ``python``, ``cores``, ``versions``.
    """
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return {
        "platform": platform.platform(),
        "python": sys.version.split()[0],
        "cores": os.cpu_count(),
        "versions": found,
    }


def peak_memory() -> int:
    """Read the largest resident memory of this process so far.

    Returns
    -------
    int
        Bytes.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
