"""A volume whose answers are known, and the answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from numpy.typing import NDArray

from ssbtomo.errors import PhaseMissingError
from ssbtomo.units import Spacing

__all__ = ["KnownShape", "Phantom", "Truth", "truth_json"]

Table = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Truth:
    """A number that is known, and how.

    Parameters
    ----------
    quantity : str
        As in the results table, for example ``"contact_area_per_volume"``.
    subject : str
        A phase name; pairs and triples joined with ``|`` in the order of the phases. Where a
        number belongs to one phase and concerns another, that one is first.
    value : float
        The number.
    how : str
        How it is known: a formula, or an estimate and its error.
    axis : str
        ``"z"``, ``"y"``, ``"x"`` or empty.
    unit : str
        ASCII unit: ``"1"``, ``"um"``, ``"1/um"``, ``"um^2"``, ...
    standard_error : float
        Standard error of an estimate; 0 for a formula.
    """

    quantity: str
    subject: str
    value: float
    how: str
    axis: str = ""
    unit: str = "1"
    standard_error: float = 0.0

    @property
    def key(self) -> str:
        """The number's name: ``quantity|subject|axis``."""
        return f"{self.quantity}|{self.subject}|{self.axis}"


def truth_json(truth: Iterable[Truth]) -> str:
    """Write answers as JSON: a list of records, numbers to six digits.

    Parameters
    ----------
    truth : iterable of Truth
        The answers.

    Returns
    -------
    str
        The text of a ``NAME.truth.json``.
    """
    records = []
    for item in truth:
        record = asdict(item)
        record["value"] = float(f"{item.value:.6g}")
        record["standard_error"] = float(f"{item.standard_error:.1g}")
        records.append(record)
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class KnownShape:
    """Labels whose answers are known.

    Parameters
    ----------
    name : str
        What it shows.
    labels : ndarray of uint8, shape (Z, Y, X)
        One phase label per voxel.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int
        Phase names and their labels, darkest first.
    truth : tuple of Truth
        The answers, of the continuous shape and not of its voxels unless one says so.
    """

    name: str
    labels: NDArray[Any]
    spacing: Spacing
    phases: Mapping[str, int]
    truth: tuple[Truth, ...]

    @property
    def answers(self) -> dict[str, float]:
        """The answers by name: ``"quantity|subject|axis"`` to value."""
        return {item.key: item.value for item in self.truth}

    @property
    def volume_um3(self) -> float:
        """Volume of the whole box in µm³."""
        return float(self.labels.size * self.spacing[0] * self.spacing[1] * self.spacing[2])

    def value(self, quantity: str, subject: str = "", axis: str = "") -> float:
        """Return one answer.

        Parameters
        ----------
        quantity, subject, axis : str
            What is asked for.

        Returns
        -------
        float
            The number.

        Raises
        ------
        PhaseMissingError
            If the answer is not known.
        """
        answers = self.answers
        key = f"{quantity}|{subject}|{axis}"
        if key not in answers:
            raise PhaseMissingError(
                f"{self.name} has no answer {key!r}", hint=f"it has: {', '.join(answers)}"
            )
        return answers[key]


@dataclass(frozen=True, slots=True)
class Phantom(KnownShape):
    """A grey volume as an instrument would give it, with the truth that made it.

    Parameters
    ----------
    name : str
        Name of the sample.
    labels : ndarray of uint8, shape (Z, Y, X)
        Phase at the centre of each voxel.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    phases : mapping of str to int
        Phase names and their labels, darkest first.
    truth : tuple of Truth
        The answers, of the geometry before it was cut into voxels.
    image : ndarray of uint8 or uint16, shape (Z, Y, X)
        Grey values.
    modality : str
        ``"xct"`` or ``"fib-sem"``.
    roles : mapping of str to str
        The role that each phase plays in the cell.
    greys : mapping of str to float
        Grey value of each phase, before blur and noise.
    noise : float
        Standard deviation of the noise in grey values.
    tables : mapping of str to table
        What was planted: ``"particles"``, ``"cracks"``; a table is columns of equal length.
    seed : int
        Seed of the generator.
    """

    image: NDArray[Any]
    modality: str
    roles: Mapping[str, str]
    greys: Mapping[str, float]
    noise: float
    tables: Mapping[str, Table] = field(default_factory=dict)
    seed: int = 0
