"""Checksums of the files of a store: what a later run compares them with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ssbtomo.passing import persist

__all__ = ["checksums", "damage", "shard_index"]

_PIECE = 1 << 20


def checksums(folder: str | Path, pattern: str = "**/*") -> dict[str, str]:
    """Sum up the files of a folder.

    Parameters
    ----------
    folder : str or pathlib.Path
        Such as a store.
    pattern : str
        Which of them; all, if not given.

    Returns
    -------
    dict of str to str
        BLAKE2b (128 bits, hexadecimal) of each file, by its path inside the folder.
    """
    place = Path(folder)
    files = sorted(path for path in place.glob(pattern) if path.is_file())
    return {path.relative_to(place).as_posix(): persist(partial(_sum, path)) for path in files}


def _sum(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def damage(folder: str | Path, known: Mapping[str, str]) -> dict[str, str]:
    """Compare the files of a folder with their checksums.

    Parameters
    ----------
    folder : str or pathlib.Path
        Such as a store.
    known : mapping of str to str
        What `checksums` gave when it was written.

    Returns
    -------
    dict of str to str
        What is wrong with each damaged file, by its path inside the folder; files that came
        later are nobody's business.
    """
    found = {}
    for name, digest in known.items():
        path = Path(folder) / name
        try:
            if persist(partial(_sum, path)) != digest:
                found[name] = "was changed"
        except FileNotFoundError:
            found[name] = "is missing"
        except OSError as error:
            found[name] = f"cannot be read ({error.strerror or error})"
    return found


def shard_index(name: str) -> tuple[int, ...] | None:
    """Return which shard of the finest level a file of a store holds.

    Parameters
    ----------
    name : str
        Path inside the store, such as ``"0/c/3/0/1"``.

    Returns
    -------
    tuple of int or None
        Index along each axis; ``None`` for metadata and coarser levels.
    """
    level, *steps = name.split("/")
    if level != "0" or not steps or steps[0] != "c":
        return None
    return tuple(map(int, steps[1:])) if all(step.isdigit() for step in steps[1:]) else None
