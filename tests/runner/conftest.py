"""A small three-phase scan with a recipe, made anew for each test."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage as ndi

import ssbtomo as st
from ssbtomo.blocks import Markers
from ssbtomo.results import Results

RECIPE = """\
sample:
  path: scan.tif
  voxel_size: [100 nm, 100 nm, 100 nm]
phases:
  - {name: void, role: void}
  - {name: electrolyte, role: electrolyte}
  - {name: active, role: active}
quantify:
  measures: [fractions, contacts, connectivity, transport]
  tortuosity_axes: [z]
  tortuosity_phases: [electrolyte]
run: {scheduler: synchronous, block: [16, 16, 16]}
"""


def _three_phases(shape=(32, 36, 40), seed=1) -> np.ndarray:
    """Grey volume of three phases with blurred edges and noise."""
    rng = np.random.default_rng(seed)
    field = ndi.gaussian_filter(rng.standard_normal(shape), 3.0)
    other = ndi.gaussian_filter(rng.standard_normal(shape), 3.0)
    labels = np.where(field > np.quantile(field, 0.55), 2, 1)
    labels[other < np.quantile(other, 0.25)] = 0
    grey = np.array([60.0, 130.0, 190.0])[labels]
    grey = ndi.gaussian_filter(grey, 0.8) + rng.normal(0, 4, shape)
    return np.clip(grey, 0, 255).astype(np.uint8)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    tifffile.imwrite(tmp_path / "scan.tif", _three_phases(), photometric="minisblack")
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture
def three_phases():
    """The generator of the scan, for tests that need another one."""
    return _three_phases


@pytest.fixture
def stopped_in_each_store(monkeypatch):
    """Run a recipe over and over, each time ended at the first block of a store, until it ends.

    All files must then be those of a run that nobody stopped. Returns how often it was stopped.
    """
    record = Markers.record

    def stopped(recipe: Path, fresh: Results, out: Path) -> int:
        seen: set[Path] = set()

        def recorded(markers: Markers, item: object, result: object) -> None:
            record(markers, item, result)
            if markers.place.parent not in seen:
                seen.add(markers.place.parent)
                raise KeyboardInterrupt

        monkeypatch.setattr(Markers, "record", recorded)
        ended = False
        while not ended:
            with suppress(KeyboardInterrupt):
                st.run(recipe, out=out, scheduler="synchronous")
                ended = True
        monkeypatch.setattr(Markers, "record", record)
        one, other = kept(fresh.path), kept(out)
        assert sorted(one) == sorted(other)
        assert [name for name in one if one[name] != other[name]] == []
        return len(seen)

    return stopped


def kept(folder: Path) -> dict[str, bytes]:
    """Return the files that a user takes along."""
    places = ("volumes", "tables", "results.csv")
    files = [file for place in places for file in (folder / place, *folder.glob(f"{place}/**/*"))]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if file.is_file()}


@pytest.fixture
def no_report(monkeypatch):
    """Leave the report out: three seconds of figures that most tests do not look at."""
    monkeypatch.setattr("ssbtomo.runner.execute.write_report", lambda folder, formats: folder)
