"""Pores of a run: measured in blocks from the stored phases, equal to the whole, no scratch left."""

from __future__ import annotations

import numpy as np
import pytest

import ssbtomo as st
from ssbtomo import io
from ssbtomo.kernels.thickness import size_distribution


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_pores_are_those_of_the_whole(recipe, tmp_path, scheduler):
    measures = "measures: [pores]\n"
    text = recipe.read_text("utf-8")
    start, stop = text.index("measures:"), text.index("run:")
    recipe.write_text(text[:start] + measures + text[stop:], encoding="utf-8")
    found = st.run(recipe, tmp_path / "out", scheduler=scheduler, workers=2)
    phases = io.ome_zarr.open_array(next((tmp_path / "out" / "volumes").glob("*/phases.ome.zarr")))
    whole = size_distribution(np.asarray(phases[...]) == 0, (0.1, 0.1, 0.1))
    table = found.objects("size_distributions")
    # Tables are written with ten digits; block for block equality is proved in tests/blocks.
    np.testing.assert_allclose(table["volume_fraction"], whole.volume_fraction, rtol=1e-9)
    np.testing.assert_allclose(table["diameter_um"], whole.diameter_um, rtol=1e-9)
    assert not list((tmp_path / "out" / "work").glob("*/scratch"))
