"""Scans whose grey values two phases tell: the same thresholds for all of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile

import ssbtomo as st
from ssbtomo.errors import SsbtomoError

CONTRAST = "denoise: {contrast: {void: 0, active: 100}}\n"
FIXED = "segment: {method: thresholds, thresholds: [27, 77], repair: false}\nrange: {shift: 0}\n"


def fractions(recipe, text, out):
    path = recipe.with_name(f"{out}.yaml")
    path.write_text(text, "utf-8")
    found = st.run(path, out=recipe.parent / out)
    table = found.table
    return found, table[table["quantity"] == "volume_fraction"]["value"].to_numpy()


@pytest.mark.usefixtures("no_report")
def test_scans_of_other_contrast_share_thresholds(recipe, three_phases):
    base = recipe.read_text("utf-8").replace(
        "[fractions, contacts, connectivity, transport]", "[fractions]"
    )
    grey = three_phases()
    other = np.rint(0.7 * grey.astype(float) + 31).astype(np.uint16)
    tifffile.imwrite(recipe.parent / "other.tif", other, photometric="minisblack")
    one, first = fractions(recipe, base + CONTRAST + FIXED, "one")
    text = base.replace("scan.tif", "other.tif") + CONTRAST + FIXED
    two, second = fractions(recipe, text, "two")
    np.testing.assert_allclose(first, second, atol=5e-3)  # whole grey values are 1.4 % of the span
    facts = json.loads((one.path / "work/scan/denoise.done.json").read_text("utf-8"))["contrast"]
    np.testing.assert_allclose(facts["found"], [60, 190], atol=2)
    assert facts["slope"] == pytest.approx(100 / np.diff(facts["found"])[0])
    mapped = np.asarray(st.open(one.path / "volumes/scan/volume.ome.zarr").data)
    np.testing.assert_allclose(mapped, grey * facts["slope"] + facts["offset"], atol=1e-4)
    run = json.loads((two.path / "run.json").read_text("utf-8"))
    said = next(s["methods"] for s in run["samples"][0]["stages"] if s["name"] == "denoise")
    assert "mapped by a straight line" in said
    assert "Noise" not in said


@pytest.mark.parametrize(
    ("contrast", "told"),
    [
        ("{void: 0}", "two phases with different grey values"),
        ("{void: 5, active: 5}", "two phases with different grey values"),
        ("{void: 0, carbon: 9}", "'carbon'; the phases are void, electrolyte, active"),
    ],
)
def test_what_tells_no_line_is_refused(recipe, contrast, told):
    text = recipe.read_text("utf-8") + f"denoise: {{contrast: {contrast}}}\n"
    recipe.write_text(text, "utf-8")
    with pytest.raises(SsbtomoError, match=told):
        st.run(recipe, out=recipe.parent / "out")
