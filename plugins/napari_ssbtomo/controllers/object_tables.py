"""Tables of objects as features of their layer: each row by its label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_ssbtomo.controllers.phases import colored_by, one_color

if TYPE_CHECKING:
    import pandas as pd

    from ssbtomo.results import Results

__all__ = ["color_of_objects", "number_columns", "object_features"]

_COVERAGE = "coverage_"
_NO_NUMBERS = ("index", "label")


def object_features(results: Results, sample: str, table: str, key: str) -> pd.DataFrame | None:
    """Return the rows of an object table that belong to a sample, by label.

    Parameters
    ----------
    results : Results
        The results folder.
    sample : str
        Name of the sample.
    table : str
        Name of the table.
    key : str
        The column with the labels.

    Returns
    -------
    pandas.DataFrame or None
        The table with its labels as ``index``, which napari looks rows up by, and the contact
        areas that the shares of a particle's surface stand for; ``None`` if there is no table.
    """
    if not (results.path / "tables" / f"{table}.csv").is_file():
        return None
    frame = results.objects(table)
    if key not in frame:
        return None
    if "sample" in frame:
        frame = frame[frame["sample"].astype(str) == sample].drop(columns="sample")
    frame = frame.rename(columns={key: "index"}).reset_index(drop=True)
    frame = frame.astype({"index": "int64"})
    if "surface_um2" in frame:
        covered = [name for name in map(str, frame) if name.startswith(_COVERAGE)]
        areas = {
            f"contact_{name.removeprefix(_COVERAGE)}_um2": frame[name] * frame["surface_um2"]
            for name in covered
        }
        frame = frame.assign(**areas)
    return frame[["index", *(name for name in frame if name != "index")]]


def color_of_objects(features: pd.DataFrame | None, by: str, color: str) -> dict[str, Any]:
    """Return the colours of objects as an argument of their layer.

    Parameters
    ----------
    features : pandas.DataFrame or None
        What is known about them.
    by : str
        The column that colours them; it may be empty or missing.
    color : str
        One colour for all of them otherwise; napari's own colours if empty.

    Returns
    -------
    dict
        ``colormap``, or nothing.
    """
    if by and features is not None and by in features:
        return {"colormap": colored_by(features["index"].to_list(), features[by].to_list())}
    return {"colormap": one_color(color)} if color else {}


def number_columns(features: pd.DataFrame) -> list[str]:
    """Return the columns that objects can be coloured by.

    Parameters
    ----------
    features : pandas.DataFrame
        Of a layer.

    Returns
    -------
    list of str
        Those that hold numbers, without the labels.
    """
    numbers = features.select_dtypes(include=["number", "bool"]).columns
    return [str(name) for name in numbers if name not in _NO_NUMBERS]
