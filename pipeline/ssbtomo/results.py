"""A number with its unit, range, estimator and warnings; and the tidy table of them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ssbtomo.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "Measurement", "Results", "folder_name", "load", "table"]

COLUMNS = (
    "sample",
    "quantity",
    "subject",
    "axis",
    "value",
    "low",
    "high",
    "unit",
    "estimator",
    "warnings",
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number, with what a reader needs in order to judge it.

    Parameters
    ----------
    quantity : str
        What was measured, for example ``"volume_fraction"``.
    subject : str
        A phase name; pairs and triples joined with ``|`` in the recipe's phase order.
    value : float
        The number. ``inf`` is a result (not percolating), ``nan`` is "not defined here",
        and says why in `warnings`.
    unit : str
        ASCII unit: ``"1"``, ``"um"``, ``"1/um"``, ``"1/um^2"``, ``"um^2"``, ``"um^3"``.
    estimator : str
        How it was obtained.
    axis : str
        ``"z"``, ``"y"``, ``"x"``, a face such as ``"z-min"``, or empty.
    low, high : float
        Nominal 95 % range of the number of the scanned volume, and the certified bounds of the
        solves of transport; ``nan`` if there is neither. See
        `ssbtomo.kernels.ranges.nominal_range` for what it holds and what not.
    warnings : tuple of str
        Reasons to doubt the number.
    sample : str
        Name of the sample.
    """

    quantity: str
    subject: str
    value: float
    unit: str
    estimator: str
    axis: str = ""
    low: float = math.nan
    high: float = math.nan
    warnings: tuple[str, ...] = ()
    sample: str = ""

    def __str__(self) -> str:
        span = f" [{self.low:.4g}, {self.high:.4g}]" if not math.isnan(self.low) else ""
        unit = "" if self.unit == "1" else f" {self.unit}"
        axis = f" along {self.axis}" if self.axis else ""
        return f"{self.quantity} of {self.subject}{axis}: {self.value:.4g}{span}{unit}"

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What the number is about: sample, quantity, subject, axis."""
        return self.sample, self.quantity, self.subject, self.axis


def table(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Arrange measurements as a tidy table, one row each.

    Parameters
    ----------
    measurements : iterable of Measurement
        The rows, in the order wanted.

    Returns
    -------
    pandas.DataFrame
        Columns as in `COLUMNS`; warnings joined with ``"; "``.
    """
    import pandas as pd

    rows = [
        [
            "; ".join(item.warnings) if name == "warnings" else getattr(item, name)
            for name in COLUMNS
        ]
        for item in measurements
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def folder_name(name: str) -> str:
    """Return a sample's name as a folder name that any file system takes.

    Parameters
    ----------
    name : str
        Name of the sample.

    Returns
    -------
    str
        Letters, digits, dot, dash and underscore; never empty, never starting with a dot.
    """
    return re.sub(r"^\.+", "_", re.sub(r"[^\w.\-]+", "_", name, flags=re.ASCII)) or "_"


@dataclass(frozen=True, slots=True)
class Results:
    """A results folder, opened.

    Parameters
    ----------
    path : pathlib.Path
        The folder that a run wrote.
    """

    path: Path

    @classmethod
    def load(cls, path: str | Path) -> Results:
        """Open a results folder, or say that it is none.

        Parameters
        ----------
        path : str or pathlib.Path
            The folder.

        Returns
        -------
        Results
            The opened folder.

        Raises
        ------
        OutputError
            If the folder holds no finished run.
        """
        folder = Path(path)
        if not (folder / "run.json").is_file():
            raise OutputError(
                f"{folder} is not a results folder: it has no run.json",
                hint="give the folder that `ssbtomo run recipe.yaml -o FOLDER` wrote",
            )
        return cls(folder)

    @property
    def run(self) -> dict[str, object]:
        """What `run.json` tells: command, versions, inputs, stages, times, warnings."""
        file = self.path / "run.json"
        try:
            content: dict[str, object] = json.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(
                f"{file} cannot be read: {error}", hint="run the recipe again into this folder"
            ) from error
        return content

    @property
    def table(self) -> pd.DataFrame:
        """The tidy table of measurements; columns as in `COLUMNS`."""
        import pandas as pd

        file = self.path / "results.csv"
        if not file.is_file():
            raise OutputError(f"{file} is missing", hint="run the recipe again into this folder")
        text = {name: str for name in COLUMNS if name not in {"value", "low", "high"}}
        return pd.read_csv(
            file,
            dtype=text,
            keep_default_na=False,
            na_values={"value": ["nan"], "low": ["nan", ""], "high": ["nan", ""]},
        )

    def objects(self, name: str) -> pd.DataFrame:
        """Read a per-object table, such as ``"particles"`` or ``"cracks"``.

        Parameters
        ----------
        name : str
            Name of the table.

        Returns
        -------
        pandas.DataFrame
            The table as it was written.
        """
        import pandas as pd

        file = self.path / "tables" / f"{name}.csv"
        if not file.is_file():
            known = sorted(item.stem for item in (self.path / "tables").glob("*.csv"))
            raise OutputError(
                f"{self.path} has no table {name!r}", hint=f"it has: {', '.join(known) or 'none'}"
            )
        frame = pd.read_csv(file)
        if "sample" in frame:  # it may be called 001, or NA
            names = pd.read_csv(file, usecols=["sample"], dtype=str, keep_default_na=False)
            frame["sample"] = names["sample"]
        return frame

    @property
    def report(self) -> Path:
        """The report, one HTML file."""
        return self.path / "report.html"

    def __repr__(self) -> str:
        return f"Results({str(self.path)!r}: {len(self.table)} measurements)"


def load(path: str | Path) -> Results:
    """Open a results folder.

    Parameters
    ----------
    path : str or pathlib.Path
        The folder that a run wrote.

    Returns
    -------
    Results
        Its table, per-object tables, provenance and report.
    """
    return Results.load(path)
