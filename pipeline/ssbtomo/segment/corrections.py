"""Labels corrected by hand: which voxels, to which phase, by whom and when; and their file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.errors import InputDataError
from ssbtomo.segment.archive import Archive

__all__ = ["MOST_CORRECTED", "Corrections", "Record"]

Shape = tuple[int, int, int]
Places = NDArray[np.int32]
MOST_CORRECTED = 50_000_000
"""Voxels that corrections may hold."""

_ARRAYS = {"places": "<i4", "labels": "|u1"}
_ARCHIVE = Archive(
    "ssbtomo corrections", 1, "corrections.json", "file of corrections",
    again="save the corrections again", largest=MOST_CORRECTED * 13 + 2**24, packed=True,
)  # fmt: skip
_PHASES = 64  # names that one file may hold


@dataclass(frozen=True, slots=True)
class Record:
    """One session of corrections.

    Parameters
    ----------
    who : str
        Who made them.
    when : str
        Date and time, ISO 8601, in UTC.
    moved : tuple of (str, str, int)
        From which phase to which, and how many voxels.
    box : tuple of tuple of int
        First voxel (z, y, x), and the one after the last.
    """

    who: str
    when: str
    moved: tuple[tuple[str, str, int], ...]
    box: tuple[Shape, Shape]

    @property
    def voxels(self) -> int:
        """Number of voxels that were changed."""
        return sum(count for _, _, count in self.moved)


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """Voxels whose phase was set by hand.

    Parameters
    ----------
    shape : tuple of int
        Voxels of the volume along (Z, Y, X).
    phases : tuple of str
        Names that the labels stand for.
    places : ndarray of int32, shape (n, 3)
        Voxels (z, y, x) in the order of the volume, each once.
    labels : ndarray of uint8, shape (n,)
        Phase of each, an index into `phases`.
    records : tuple of Record
        The sessions, oldest first. Where two met the same voxel, the later one counts.
    """

    shape: Shape
    phases: tuple[str, ...] = ()
    places: Places = field(default_factory=lambda: np.zeros((0, 3), np.int32))
    labels: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    records: tuple[Record, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def added(
        self,
        places: NDArray[Any],
        moved: tuple[NDArray[Any], NDArray[Any]],
        phases: Mapping[str, int],
        *,
        who: str,
        when: str,
    ) -> Corrections:
        """Return these corrections and those of one more session.

        Parameters
        ----------
        places : ndarray of int, shape (n, 3)
            Voxels (z, y, x), each once.
        moved : tuple of ndarray of int, shape (n,)
            Their labels before, and after.
        phases : mapping of str to int
            Names of the labels.
        who : str
            Who made them.
        when : str
            Date and time, ISO 8601, in UTC.

        Returns
        -------
        Corrections
            The same object if there is no voxel.

        Raises
        ------
        InputDataError
            If a voxel lies outside of the volume, a label has no name, or they are too many.
        """
        if not len(places):
            return self
        new = np.asarray(places, np.int32)
        _check_places(new, self.shape)
        before, after = moved
        names = tuple(dict.fromkeys((*self.phases, *_named(after, phases))))
        numbers = {phases[name]: names.index(name) for name in phases if name in names}
        labels = np.array([numbers[int(value)] for value in np.asarray(after)], np.uint8)
        record = Record(who, when, _moves(before, after, phases), _box(new))
        everything = np.concatenate([self.places, new]), np.concatenate([self.labels, labels])
        kept, values = _latest(*everything, self.shape)
        return replace(
            self, phases=names, places=kept, labels=values, records=(*self.records, record)
        )

    def numbered(
        self, phases: Sequence[str], same: Mapping[str, str] | None = None
    ) -> NDArray[np.uint8]:
        """Return the label that each of the own phases has among others.

        Parameters
        ----------
        phases : sequence of str
            The phases of the labels that are corrected.
        same : mapping of str to str, optional
            Own phases that go by another name there.

        Returns
        -------
        ndarray of uint8
            One per own phase.

        Raises
        ------
        InputDataError
            If one is not among them.
        """
        wanted = [name if name in phases else (same or {}).get(name, name) for name in self.phases]
        strange = [name for name in wanted if name not in phases]
        if strange:
            raise InputDataError(
                f"the corrections name the phase {strange[0]!r}; the phases are {', '.join(phases)}",
                hint="correct labels of this recipe, or leave segment.corrections out",
            )
        return np.array([list(phases).index(name) for name in wanted], np.uint8)

    def check(self, shape: Sequence[int], phases: Sequence[str] | None = None) -> None:
        """Refuse a volume that these corrections were not made on.

        Parameters
        ----------
        shape : sequence of int
            Its voxels along (Z, Y, X).
        phases : sequence of str, optional
            Its phases.

        Raises
        ------
        InputDataError
            If it has another shape, or lacks a phase.
        """
        if tuple(shape) != self.shape:
            raise InputDataError(
                f"the corrections were made on {self.shape} voxels, the labels have {tuple(shape)}",
                hint="correct the labels of this very scan, without cropping or binning",
            )
        if phases is not None:
            self.numbered(phases)

    def save(self, path: str | Path) -> Path:
        """Write the file in one go; the same corrections give the same bytes.

        Parameters
        ----------
        path : str or pathlib.Path
            Such as ``cathode.corrections.zip``.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        OutputError
            If it cannot be written.
        """
        place = Path(path)
        header = {
            "shape": list(self.shape), "phases": list(self.phases),
            "records": [asdict(record) for record in self.records],
        }  # fmt: skip
        arrays = {
            name: np.ascontiguousarray(getattr(self, name), dtype=kind)
            for name, kind in _ARRAYS.items()
        }
        _ARCHIVE.write(place, header, arrays)
        return place

    @classmethod
    def load(cls, path: str | Path) -> Corrections:
        """Read a file of corrections; everything in it is checked.

        Parameters
        ----------
        path : str or pathlib.Path
            The file.

        Returns
        -------
        Corrections
            As they were saved.

        Raises
        ------
        FormatError
            If it is no such file, or a damaged one.
        """
        place = Path(path)
        found = _ARCHIVE.read(place, lambda _: _ARRAYS)
        with _ARCHIVE.checked(place):
            return _corrections(*found)


def _named(labels: NDArray[Any], phases: Mapping[str, int]) -> list[str]:
    """Return the phases that occur in some labels, in the order of the names."""
    present = set(np.unique(np.asarray(labels)).tolist())
    strange = sorted(present - set(phases.values()))
    if strange:
        raise InputDataError(
            f"the label {strange[0]} was painted, and no phase has it",
            hint="paint with " + ", ".join(f"{label} ({name})" for name, label in phases.items()),
        )
    return [name for name, label in phases.items() if label in present]


def _moves(
    before: NDArray[Any], after: NDArray[Any], phases: Mapping[str, int]
) -> tuple[tuple[str, str, int], ...]:
    names = {label: name for name, label in phases.items()}
    pairs = np.stack([np.asarray(before, np.int64), np.asarray(after, np.int64)], 1)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    return tuple(
        (names.get(old, f"label {old}"), names[new], int(count))
        for (old, new), count in zip(kinds.tolist(), counts.tolist(), strict=True)
    )


def _box(places: Places) -> tuple[Shape, Shape]:
    (z0, y0, x0), (z1, y1, x1) = places.min(0).tolist(), (places.max(0) + 1).tolist()
    return (z0, y0, x0), (z1, y1, x1)


def _latest(
    places: Places, labels: NDArray[np.uint8], shape: Shape
) -> tuple[Places, NDArray[np.uint8]]:
    """Keep each voxel once, as it was given last, in the order of the volume."""
    flat = np.ravel_multi_index(tuple(places.T), shape)
    _, first = np.unique(flat[::-1], return_index=True)
    kept = len(flat) - 1 - first
    return np.ascontiguousarray(places[kept]), np.ascontiguousarray(labels[kept])


def _check_places(places: NDArray[Any], shape: Shape) -> None:
    if len(places) > MOST_CORRECTED:
        raise InputDataError(
            f"{len(places)} corrected voxels are too many; {MOST_CORRECTED} at most"
        )
    if len(places) and ((places < 0).any() or (places >= np.asarray(shape)).any()):
        raise InputDataError(f"a corrected voxel lies outside of the volume of {shape} voxels")


def _corrections(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Corrections:
    shape, places, labels = _size(header["shape"]), arrays["places"], arrays["labels"]
    phases = tuple(header["phases"])
    if len(phases) > _PHASES or not all(isinstance(p, str) and 0 < len(p) <= 80 for p in phases):
        raise ValueError(f"its phases are {str(phases)[:200]}")
    if places.shape != (len(labels), 3) or labels.ndim != 1:
        raise ValueError(f"its arrays have the shapes {places.shape} and {labels.shape}")
    _check_places(places, shape)
    if len(labels) and int(labels.max()) >= len(phases):
        raise ValueError("a label stands for no phase")
    if (np.diff(np.ravel_multi_index(tuple(places.T), shape)) <= 0).any():
        raise ValueError("its voxels are not in order")
    records = tuple(_record(entry) for entry in header["records"])
    native = places.astype(np.int32)
    return Corrections(shape, phases, native, labels, records)


def _record(entry: Mapping[str, Any]) -> Record:
    moved = tuple((str(old), str(new), int(count)) for old, new, count in entry["moved"])
    low, high = (_size(corner, least=0) for corner in entry["box"])
    return Record(str(entry["who"])[:200], str(entry["when"])[:40], moved, (low, high))


def _size(values: Sequence[int], *, least: int = 1) -> Shape:
    z, y, x = (int(value) for value in values)
    if min(z, y, x) < least:
        raise ValueError(f"{values} are no voxels")
    return z, y, x
