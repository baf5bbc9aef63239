"""A small three-phase scan with a recipe, made anew for each test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage as ndi

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
def no_report(monkeypatch):
    """Leave the report out: three seconds of figures that most tests do not look at."""
    monkeypatch.setattr("ssbtomo.runner.execute.write_report", lambda folder, formats: folder)
