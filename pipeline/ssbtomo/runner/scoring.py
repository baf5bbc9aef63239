"""Score files: open labels and truth, agree on voxels and phases, write the tables."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo import io
from ssbtomo.blocks.engine import Engine
from ssbtomo.errors import InputDataError, VoxelSizeError
from ssbtomo.segment.scores import objects_table, scores_json, scores_text, write_tables
from ssbtomo.segment.scoring import score, score_instances
from ssbtomo.units import Spacing, micrometres
from ssbtomo.volume import Volume

if TYPE_CHECKING:
    import pandas as pd

    from ssbtomo.blocks.passes import Allocate

__all__ = ["Asked", "FileScore", "score_files"]

_IN_MEMORY = 1 << 27  # voxels up to which the distances are kept in memory
_CLOSE = 1e-3  # relative: how far two files may differ in their voxel size
_EDGE = 160


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for beside the two files; texts as from the command line.

    Parameters
    ----------
    phases : str, optional
        Such as ``"void=0,electrolyte=1"``; those that the files name, or all labels.
    unlabelled : int, optional
        Value of the truth where nothing is compared.
    tolerance : str, optional
        A length with its unit.
    axes : tuple of str
        Axes along which tortuosity factors are compared.
    voxel_size : str, optional
        One length, or three along (Z, Y, X), for files that tell none.
    instances : bool
        Whether the labels are numbers of objects.
    workers : int, optional
        Threads; the number of cores if absent.
    """

    phases: str | None = None
    unlabelled: int | None = None
    tolerance: str | None = None
    axes: tuple[str, ...] = ()
    voxel_size: str | None = None
    instances: bool = False
    workers: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FileScore:
    """The tables of a score.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By name.
    about : dict of str to float
        What else there is to tell.
    """

    tables: dict[str, pd.DataFrame]
    about: dict[str, float]

    @property
    def text(self) -> str:
        """The tables for a terminal."""
        return scores_text(self.tables, **self.about)

    @property
    def as_json(self) -> str:
        """The tables as JSON."""
        return scores_json(self.tables, **self.about)


def score_files(labels: Path, truth: Path, asked: Asked, out: Path | None = None) -> FileScore:
    """Score a file of labels against one of true labels.

    Parameters
    ----------
    labels : pathlib.Path
        Any format of labels, or a results folder with one sample.
    truth : pathlib.Path
        The truth.
    asked : Asked
        What is asked for.
    out : pathlib.Path, optional
        Folder for the tables; made if absent.

    Returns
    -------
    FileScore
        The tables, as written.

    Raises
    ------
    SsbtomoError
        If a file cannot be read, they do not fit, or no voxel size is known.
    """
    size = None if asked.voxel_size is None else _three(asked.voxel_size)
    found, true = (io.open_volume(path, voxel_size=size) for path in (_store(labels), truth))
    with Engine.start("threads", asked.workers) as engine:
        if asked.instances:
            ignore = asked.unlabelled or 0
            objects = score_instances(found.data, true.data, ignore=ignore, engine=engine)
            result = FileScore({"instances": objects_table(objects)}, {})
        else:
            result = _phases(found, true, asked, engine)
    if out is not None:
        write_tables(result.tables, out, **result.about)
    return result


def _phases(found: Volume, true: Volume, asked: Asked, engine: Engine) -> FileScore:
    spacing = _spacing(found, true)
    reach = None if asked.tolerance is None else micrometres(asked.tolerance)
    with _stores(found.shape, spacing) as allocate:
        result = score(
            found.data, true.data, spacing=spacing, phases=_named(found, true, asked),
            unlabelled=asked.unlabelled, tolerance=reach, axes=asked.axes, engine=engine,
            allocate=allocate,
        )  # fmt: skip
    return FileScore(result.tables, {"tolerance_um": result.tolerance_um})


def _store(path: Path) -> Path:
    """Return the labels of a results folder, or the path itself."""
    if not (path / "run.json").is_file():
        return path
    stores = sorted((path / "volumes").glob("*/phases.ome.zarr"))
    if len(stores) != 1:
        raise InputDataError(
            f"{path} holds the labels of {len(stores)} samples",
            hint="give the one that is meant: volumes/SAMPLE/phases.ome.zarr",
        )
    return stores[0]


def _three(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) not in (1, 3):
        raise VoxelSizeError(
            f"{text!r} is not one voxel edge, nor three",
            hint="write --voxel-size '18.4 nm', or '30 nm, 10 nm, 10 nm' along Z, Y, X",
        )
    return parts * 3 if len(parts) == 1 else parts


def _spacing(found: Volume, true: Volume) -> Spacing:
    if found.spacing is None or true.spacing is None:
        return (true if found.spacing is None else found).needed_spacing()
    if not np.allclose(found.spacing, true.spacing, rtol=_CLOSE, atol=0):
        raise VoxelSizeError(
            f"the labels have voxels of {found.spacing} µm, the truth of {true.spacing} µm",
            hint="resample one of them; or, if a file is wrong, overrule both with --voxel-size",
        )
    return found.spacing


def _named(found: Volume, true: Volume, asked: Asked) -> dict[str, int] | None:
    if asked.phases is None:
        if found.phases and true.phases and dict(found.phases) != dict(true.phases):
            raise InputDataError(
                f"the labels name {dict(found.phases)}, the truth {dict(true.phases)}",
                hint="say which labels are meant: --phases void=0,electrolyte=1",
            )
        return dict(found.phases or true.phases) or None
    pairs = [part.partition("=") for part in asked.phases.split(",")]
    if not all(name.strip() and value.strip().isdigit() for name, _, value in pairs):
        raise InputDataError(
            f"{asked.phases!r} is not a list of phases with their labels",
            hint="write --phases void=0,electrolyte=1,active=2",
        )
    return {name.strip(): int(value) for name, _, value in pairs}


@contextmanager
def _stores(shape: tuple[int, int, int], spacing: Spacing) -> Iterator[Allocate | None]:
    """Give a maker of stores on disk for large volumes, which are gone afterwards."""
    if float(np.prod(shape)) <= _IN_MEMORY:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="ssbtomo-score-") as folder:
        yield partial(_created, Path(folder), shape, spacing)


def _created(
    folder: Path, shape: tuple[int, int, int], spacing: Spacing, name: str, dtype: Any
) -> Any:
    z, y, x = (min(size, _EDGE) for size in shape)
    return io.ome_zarr.create(folder / f"{name}.ome.zarr", shape, dtype, spacing, block=(z, y, x))
