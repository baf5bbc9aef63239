"""The results folder as the report sees it: one view per sample, nothing computed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssbtomo.palette import phase_colors
from ssbtomo.results import Results, folder_name

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Field", "RunView", "SampleView", "open_run", "records"]

_TEXT = ("sample", "quantity", "subject", "axis", "variant", "phase", "between", "kind", "touches")
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Field:
    """A slice of a field of transport on disk, and what it shows.

    Parameters
    ----------
    array : pathlib.Path
        The ``.npy`` file; rows run along the transport axis, NaN lies outside the phase.
    phase : str
        The conducting phase.
    axis : str
        The transport axis.
    spacing_um : tuple of float
        Height and width of a pixel in µm.
    """

    array: Path
    phase: str
    axis: str
    spacing_um: tuple[float, float]


@dataclass(frozen=True, slots=True)
class SampleView:
    """What the folder holds about one sample.

    Parameters
    ----------
    name : str
        Name of the sample.
    slug : str
        The same, safe as a file name and as an HTML id, unique in the run.
    folder : pathlib.Path
        The results folder.
    about : dict
        The sample's entry in ``run.json``.
    table : pandas.DataFrame
        Its rows of the results table.
    tables : dict of str to pandas.DataFrame
        Its rows of the other tables, by name; empty ones are left out.
    warnings : tuple of str
        Warnings of the run about this sample.
    """

    name: str
    slug: str
    folder: Path
    about: dict[str, Any]
    table: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    warnings: tuple[str, ...]

    @property
    def colors(self) -> dict[str, str]:
        """Colour of each phase, in the recipe's order."""
        phases = self.about.get("phases", [])
        usual = phase_colors((p["name"], p.get("role", "other")) for p in phases)
        told = {p["name"]: str(p.get("color", "")) for p in phases}
        return {n: told[n] if _COLOR.fullmatch(told[n]) else usual[n] for n in usual}

    @property
    def phases(self) -> tuple[str, ...]:
        """Phase names in the recipe's order, which is that of the labels."""
        return tuple(p["name"] for p in self.about.get("phases", []))

    @property
    def roles(self) -> dict[str, str]:
        """Role of each phase."""
        return {p["name"]: str(p.get("role", "other")) for p in self.about.get("phases", [])}

    @property
    def transport_axis(self) -> str:
        """The axis from separator to collector."""
        return str(self.about.get("transport_axis", "z"))

    @property
    def truth(self) -> dict[str, float]:
        """Known answers, by ``"quantity|subject|axis"``."""
        return {str(k): float(v) for k, v in (self.about.get("truth") or {}).items()}

    @property
    def spacing(self) -> tuple[float, float, float] | None:
        """Voxel edges along (Z, Y, X) in µm, if known."""
        edges = self.about.get("spacing_um")
        return (float(edges[0]), float(edges[1]), float(edges[2])) if edges else None

    def quantity(self, name: str) -> pd.DataFrame:
        """Return the rows of the results table that are about a quantity.

        Parameters
        ----------
        name : str
            The quantity.

        Returns
        -------
        pandas.DataFrame
            Possibly empty.
        """
        return self.table[self.table["quantity"] == name]

    def volume(self, name: str) -> Path | None:
        """Return where a volume of this sample lies.

        Parameters
        ----------
        name : str
            ``"image"``, ``"phases"``, ``"cracks"``, …

        Returns
        -------
        pathlib.Path or None
            The store, or ``None`` if the folder has none.
        """
        path = self._inside("volumes") / f"{name}.ome.zarr"
        return path if path.is_dir() else None

    def untouched(self) -> Path | None:
        """Return where the grey values before any filter lie.

        Returns
        -------
        pathlib.Path or None
            The reconstructed volume; the scan itself where nothing was reconstructed.
        """
        return self.volume("reconstructed") or self.volume("image")

    def _inside(self, kind: str) -> Path:
        return self.folder / kind / folder_name(self.name)

    def fields(self, quantity: str = "potential") -> list[Field]:
        """Return the slices of a field of transport of this sample.

        Parameters
        ----------
        quantity : str
            ``"potential"`` or ``"flux"``.

        Returns
        -------
        list of Field
            Those along the transport axis first.
        """
        found = []
        for sidecar in sorted(self._inside("fields").glob(f"{quantity}-*.json")):
            about = json.loads(sidecar.read_text("utf-8"))
            array = sidecar.with_suffix(".npy")
            if array.is_file():
                row, col = about["spacing_um"]
                found.append(Field(array, about["phase"], about["axis"], (float(row), float(col))))
        order = {phase: index for index, phase in enumerate(self.phases)}
        return sorted(
            found,
            key=lambda item: (item.axis != self.transport_axis, order.get(item.phase, len(order))),
        )


@dataclass(frozen=True, slots=True)
class RunView:
    """A run: what it says of itself, and its samples.

    Parameters
    ----------
    folder : pathlib.Path
        The results folder.
    about : dict
        The content of ``run.json``.
    samples : tuple of SampleView
        In the order of ``run.json``.
    """

    folder: Path
    about: dict[str, Any]
    samples: tuple[SampleView, ...]


def open_run(folder: Path) -> RunView:
    """Read a results folder.

    Parameters
    ----------
    folder : pathlib.Path
        The folder that a run wrote.

    Returns
    -------
    RunView
        The run and its samples.

    Raises
    ------
    OutputError
        If the folder holds no run.
    """
    results = Results.load(folder)
    about: dict[str, Any] = dict(results.run)
    tables = {path.stem: _read(path) for path in sorted((folder / "tables").glob("*.csv"))}
    everything = results.table
    samples: list[SampleView] = []
    for entry in about.get("samples", []):
        name = str(entry["name"])
        samples.append(
            SampleView(
                name,
                _slug(name, {sample.slug for sample in samples}),
                folder,
                entry,
                everything[everything["sample"] == name].reset_index(drop=True),
                _of_sample(tables, name),
                tuple(str(w["text"]) for w in about.get("warnings", []) if w.get("sample") == name),
            )
        )
    return RunView(folder, about, tuple(samples))


def records(frame: pd.DataFrame) -> list[Any]:
    """Return the rows of a table as named tuples.

    Parameters
    ----------
    frame : pandas.DataFrame
        A table whose columns are identifiers.

    Returns
    -------
    list of namedtuple
        One per row.
    """
    return list(frame.itertuples())


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_csv(
        path, dtype=dict.fromkeys(_TEXT, str), keep_default_na=False, na_values=["", "nan"]
    )
    for column in set(_TEXT) & set(frame.columns):
        frame[column] = frame[column].fillna("")
    return frame


def _of_sample(tables: dict[str, pd.DataFrame], name: str) -> dict[str, pd.DataFrame]:
    rows = {
        key: table[table["sample"] == name] if "sample" in table.columns else table
        for key, table in tables.items()
    }
    return {key: table.reset_index(drop=True) for key, table in rows.items() if len(table)}


def _slug(name: str, taken: set[str]) -> str:
    stem = folder_name(name)
    slug, count = stem, 1
    while slug.lower() in {other.lower() for other in taken}:
        count += 1
        slug = f"{stem}-{count}"
    return slug
