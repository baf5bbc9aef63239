"""Scores as tables: for the terminal, as CSV and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ssbtomo.errors import OutputError
from ssbtomo.kernels.agreement import ObjectScore, overlap_of
from ssbtomo.tables import csv_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Score", "objects_table", "scores_json", "scores_text", "write_tables"]

_NONE = "none"


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """How well labels agree with the truth.

    Parameters
    ----------
    phases : pandas.DataFrame
        One row per phase: ``dice``, ``iou``, ``precision``, ``recall``, ``boundary_f1``,
        ``hausdorff95_um``, ``mean_distance_um``, ``voxels`` and ``true_voxels``.
    confusion : pandas.DataFrame
        Voxels by true phase (row) and found phase (column); ``none`` for labels of no phase.
    derived : pandas.DataFrame
        ``quantity``, ``subject``, ``axis``, ``value``, ``truth``, ``error``, ``relative_error``,
        ``unit``.
    tolerance_um : float
        Distance within which surfaces agree.
    """

    phases: pd.DataFrame
    confusion: pd.DataFrame
    derived: pd.DataFrame
    tolerance_um: float

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        confusion: NDArray[np.int64],
        surfaces: Sequence[tuple[float, ...]],
        derived: Sequence[dict[str, Any]],
        *,
        tolerance_um: float,
    ) -> Score:
        """Arrange what was counted.

        Parameters
        ----------
        names : sequence of str
            The phases.
        confusion : ndarray of int64, shape (n, n + 1)
            Voxels by true and found phase.
        surfaces : sequence of tuple of float
            Boundary F1, Hausdorff-95 and mean distance of each phase.
        derived : sequence of dict
            Rows of the table of derived numbers.
        tolerance_um : float
            Distance within which surfaces agree.

        Returns
        -------
        Score
            The tables.
        """
        import pandas as pd

        rows = [
            {
                "phase": name, **asdict(overlap), "boundary_f1": surface[0],
                "hausdorff95_um": surface[1], "mean_distance_um": surface[2],
                "voxels": int(confusion[:, k].sum()), "true_voxels": int(confusion[k].sum()),
            }
            for k, (name, overlap, surface) in enumerate(
                zip(names, overlap_of(confusion), surfaces, strict=True)
            )
        ]  # fmt: skip
        table = pd.DataFrame(confusion, index=list(names), columns=[*names, _NONE])
        table.index.name = "truth"
        return cls(pd.DataFrame(rows), table, pd.DataFrame(list(derived)), tolerance_um)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name."""
        return {"phases": self.phases, "confusion": self.confusion.reset_index(), "derived": self.derived}  # fmt: skip

    def __str__(self) -> str:
        return scores_text(self.tables, tolerance_um=self.tolerance_um)

    def write(self, folder: str | Path) -> Path:
        """Write ``score.json``, and a CSV file for each table.

        Parameters
        ----------
        folder : str or pathlib.Path
            Where to; made if absent.

        Returns
        -------
        pathlib.Path
            The JSON file.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        return write_tables(self.tables, folder, tolerance_um=self.tolerance_um)


def objects_table(found: ObjectScore) -> pd.DataFrame:
    """Arrange the score of objects as a table.

    Parameters
    ----------
    found : ObjectScore
        From `ssbtomo.segment.score_instances`.

    Returns
    -------
    pandas.DataFrame
        Columns ``score``, ``value`` and ``unit``.
    """
    import pandas as pd

    values = asdict(found)
    units = {"split": "bit", "merge": "bit"}
    return pd.DataFrame(
        {
            "score": list(values),
            "value": list(values.values()),
            "unit": [units.get(name, "1") for name in values],
        }
    )


def scores_text(tables: dict[str, pd.DataFrame], **about: float) -> str:
    """Lay tables of scores out for a terminal.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By name.
    **about : float
        What else there is to tell.

    Returns
    -------
    str
        Plain text.
    """
    shown = [f"{name}\n{_text(table)}" for name, table in tables.items()]
    return "\n\n".join([*shown, *(f"{key}: {value:.4g}" for key, value in about.items())])


def scores_json(tables: dict[str, pd.DataFrame], **about: float) -> str:
    """Write tables of scores as JSON.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By name.
    **about : float
        What else there is to tell.

    Returns
    -------
    str
        Numbers that are none are ``null``, infinite ones ``"inf"``.
    """
    content = {name: _plain(table.to_dict("records")) for name, table in tables.items()}
    return json.dumps({**content, **about}, indent=1, ensure_ascii=False, allow_nan=False)


def write_tables(tables: dict[str, pd.DataFrame], folder: str | Path, **about: float) -> Path:
    """Write tables of scores as CSV files, and all of them as ``score.json``.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By name.
    folder : str or pathlib.Path
        Where to; made if absent.
    **about : float
        What else the JSON file tells.

    Returns
    -------
    pathlib.Path
        The JSON file, as from `scores_json`.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            (target / f"score_{name}.csv").write_text(csv_text(table), "utf-8")
        (target / "score.json").write_text(scores_json(tables, **about) + "\n", "utf-8")
    except OSError as error:
        raise OutputError(
            f"the scores cannot be written to {target}: {error.strerror or error}",
            hint="choose a folder that you may write to",
        ) from error
    return target / "score.json"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else repr(value)
    return value


def _text(table: pd.DataFrame) -> str:
    return table.to_string(index=False, float_format=lambda value: f"{value:.4g}", na_rep="")
