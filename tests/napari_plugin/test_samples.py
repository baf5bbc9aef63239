"""The samples open in place, and bring their recipe along."""

from __future__ import annotations

from pathlib import Path

import pytest
from napari.layers import Layer

from napari_ssbtomo import samples


@pytest.mark.parametrize("make", [samples.cathode_ct, samples.cathode_fibsem])
def test_a_sample_opens_with_its_voxel_size_and_recipe(make):
    ((data, meta, kind),) = make()
    layer = Layer.create(data, meta, kind)
    assert {str(unit) for unit in layer.units} == {"micrometer"}
    assert all(size < 1 for size in layer.scale)
    assert Path(layer.metadata["ssbtomo"]["recipe"]).is_file()
