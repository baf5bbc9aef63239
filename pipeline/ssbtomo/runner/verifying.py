"""Whether the files of a results folder are still those that the run wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssbtomo.errors import InputDataError
from ssbtomo.io.checksums import checksums, damage
from ssbtomo.stages.desk import Desk
from ssbtomo.stages.drafts import reopen, write_json

__all__ = ["Verified", "finished", "reopened", "sum_results", "verify"]

_SUMS = "sums.json"


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of it.

    Parameters
    ----------
    files : int
        How many files were compared.
    damaged : tuple of str
        One sentence for each file that is not what it was.
    unknown : tuple of str
        Stages without checksums: an older version did them.
    """

    files: int
    damaged: tuple[str, ...]
    unknown: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [*self.damaged, *(f"{stage} was done without checksums" for stage in self.unknown)]
        if self.damaged:
            lines.append(
                f"{len(self.damaged)} of {self.files} files are damaged; to compute them again: "
                "ssbtomo run RECIPE -o RESULTS --verify"
            )
        else:
            lines.append(f"{self.files} files are as the run wrote them")
        return "\n".join(lines)


def verify(results: str | Path) -> Verified:
    """Compare the stores, tables and numbers of a results folder with their checksums.

    Parameters
    ----------
    results : str or pathlib.Path
        The folder that a run wrote, or is writing: what it has finished is looked at.

    Returns
    -------
    Verified
        What is damaged, if anything.

    Raises
    ------
    InputDataError
        If there is no results folder.
    """
    folder = Path(results)
    if not (folder / "work").is_dir():
        raise InputDataError(
            f"{folder} is no results folder: it holds no `work`",
            hint="give the folder that `ssbtomo run` wrote",
        )
    count, damaged, unknown = 0, [], []
    for marker in sorted(folder.glob("work/*/*.done.json")):
        name = f"{marker.parent.name}: {marker.name.removesuffix('.done.json')}"
        facts = _read(marker)
        if facts is None:
            damaged.append(f"{name}: {marker.name} cannot be read")
        elif "published" not in facts:
            unknown.append(name)
        else:
            for draft, place in facts["published"].items():
                known = _known(marker.parent, draft)
                count += len(known)
                damaged += _told(folder, place, known)
    known = _read(folder / "work" / _SUMS) or {}
    count += len(known)
    damaged += _told(folder, "", known)
    return Verified(count, tuple(damaged), tuple(unknown))


def _told(root: Path, place: str, known: Mapping[str, str]) -> Iterator[str]:
    for file, what in damage(root / place, known).items():
        yield f"{Path(place) / file} {what}"


def _known(work: Path, draft: str) -> dict[str, str]:
    """Return a store's checksums; if they are lost, its metadata are taken for damaged."""
    return _read(work / "sums" / f"{draft}.json") or {"zarr.json": "lost"}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def finished(marker: Path, mark: str, desk: Desk) -> dict[str, Any] | None:
    """Return what a finished stage found, if it was this very stage.

    Parameters
    ----------
    marker : pathlib.Path
        What it has left.
    mark : str
        Its fingerprint now.
    desk : Desk
        The sample.

    Returns
    -------
    dict or None
        ``None`` if it has to be done.
    """
    if not marker.is_file():
        return None
    try:
        facts: dict[str, Any] = dict(json.loads(marker.read_text("utf-8")))
    except (ValueError, TypeError):  # it was damaged: the stage is done again
        return None
    there = all(desk.store(name).is_dir() for name in facts.get("stores", []))
    return facts if facts.get("fingerprint") == mark and there else None


def reopened(root: Path, work: Path, facts: Mapping[str, Any]) -> list[str]:
    """Check the stores of a finished stage; make drafts of them if one is damaged.

    The stage then has to be done again: its sound blocks are still marked, and it computes
    only those that are not.

    Parameters
    ----------
    root : pathlib.Path
        The results folder.
    work : pathlib.Path
        The sample's folder of work.
    facts : mapping
        What the stage found.

    Returns
    -------
    list of str
        What is damaged, and what happens; empty if all is sound.
    """
    published: Mapping[str, str] = facts.get("published", {})
    found = {draft: damage(root / place, _known(work, draft)) for draft, place in published.items()}
    if not any(found.values()):
        return []
    texts = []
    for draft, place in published.items():
        reopen(work, draft, root / place, found[draft])
        texts += [f"{Path(place) / file} {what}" for file, what in found[draft].items()]
    shown = "; ".join(texts[:5]) + (f"; and {len(texts) - 5} more" if len(texts) > 5 else "")
    return [f"damaged files, which were computed again: {shown}"]


def sum_results(folder: Path) -> None:
    """Keep the checksums of the numbers and tables of a finished run.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.
    """
    sums = {}
    for pattern in ("results.*", "summary.csv", "recipe.yaml", "tables/*"):
        sums.update(checksums(folder, pattern))
    write_json(folder / "work" / _SUMS, sums)
