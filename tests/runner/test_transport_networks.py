"""Networks, extras and maps of transport, from a recipe to its results."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

from ssbtomo import io
from ssbtomo.model import problems
from ssbtomo.runner import run

MORE = """\
  networks:
    - name: ionic
      conductivities: {electrolyte: LPSCl}
    - name: mixed
      carrier: electronic
      conductivities: {active: 10 mS/cm, electrolyte: 6.3e-9 S/cm}
      contact_resistances: {active|electrolyte: 10 ohm cm^2}
  transport_extras: [tensor, electrode, geodesic]
  fields: [electrolyte]
run:"""


@pytest.fixture
def asking(recipe):
    text = recipe.read_text("utf-8").replace("run:", MORE)
    recipe.write_text(text, encoding="utf-8")
    return recipe


def test_networks_extras_and_maps_come_with_the_results(asking, tmp_path, no_report):
    results = run(asking, tmp_path / "out")
    table = results.table
    value = {(q, s, a): v for q, s, a, v in table[["quantity", "subject", "axis", "value"]].values}
    # the network of one phase is that phase, in S/cm
    ratio = value["effective_conductivity_ratio", "electrolyte", "z"]
    assert value["network_conductivity", "ionic", "z"] == pytest.approx(1e-3 * ratio, rel=1e-5)
    tau = value["tortuosity_factor", "electrolyte", "z"]
    assert value["network_tortuosity_factor", "ionic", "z"] == pytest.approx(tau, rel=1e-5)
    assert value["conductivity_tensor", "electrolyte", "zz"] == pytest.approx(ratio, rel=1e-5)
    assert ("conductivity_tensor", "electrolyte", "zx") in value
    assert value["electrode_tortuosity_factor", "electrolyte", "z"] > 0
    assert 1 <= value["geodesic_tortuosity", "electrolyte", "z"] < tau
    assert 0 < value["network_conductivity", "mixed", "z"] < 1e-2

    with (tmp_path / "out" / "tables" / "transport.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert float(row["lower"]) <= float(row["effective"]) <= float(row["upper"])
    assert {row["subject"] for row in rows} == {"electrolyte", "ionic", "mixed"}

    folder = next((tmp_path / "out" / "fields").iterdir())
    flux = np.asarray(io.ome_zarr.open_array(folder / "flux-electrolyte-z.ome.zarr")[...])
    heat = np.asarray(io.ome_zarr.open_array(folder / "resistance-electrolyte-z.ome.zarr")[...])
    assert flux.dtype == np.float32
    assert flux.shape == (32, 36, 40)
    assert heat.mean() == pytest.approx(1, rel=1e-4)  # float32
    assert (folder / "potential-electrolyte-z.ome.zarr").is_dir()
    assert not (folder / "flux-ionic-z.ome.zarr").exists()

    methods = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    said = " ".join(stage["methods"] for stage in methods["samples"][0]["stages"])
    assert "electrolyte 0.001 S/cm" in said
    assert "active and electrolyte 10 Ω·cm²" in said
    assert "[@nguyen2020]" in said


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{active: 10}", "not a conductivity with a unit"),
        ("{active: LPSCI}", "LPSCl"),
        ("{activ: 1 S/cm}", "activ"),
        ("{active: -1 S/cm}", "greater than 0"),
    ],
)
def test_wrong_networks_are_told(recipe, wrong, message):
    more = f"  networks: [{{name: n, conductivities: {wrong}}}]\nrun:"
    recipe.write_text(recipe.read_text("utf-8").replace("run:", more), encoding="utf-8")
    assert message in "\n".join(problems(recipe))


def test_a_network_is_not_called_like_a_phase(recipe):
    more = "  networks: [{name: active, conductivities: {active: 1 S/m}}]\nrun:"
    recipe.write_text(recipe.read_text("utf-8").replace("run:", more), encoding="utf-8")
    assert "name of a phase" in "\n".join(problems(recipe))


def test_a_killed_solve_goes_on_and_leaves_nothing(recipe, tmp_path, no_report, monkeypatch):
    from ssbtomo.kernels.transport import solve
    from ssbtomo.stages.quantify import resting, transport

    monkeypatch.setattr(resting, "_LEAST", 0.0)
    monkeypatch.setattr(resting, "_SHARE", math.inf)
    starts: list[int] = []

    def killed(*args, **options):
        keep = options.pop("keep")

        def until(checkpoint):
            keep(checkpoint)
            if checkpoint.iterations == 3:
                raise KeyboardInterrupt

        return solve(*args, keep=until, **options)

    def watched(*args, **options):
        starts.append(0 if options["start"] is None else options["start"].iterations)
        return solve(*args, **options)

    monkeypatch.setattr(transport, "solve", killed)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "out")
    monkeypatch.setattr(transport, "solve", watched)
    run(recipe, tmp_path / "out")
    assert starts[0] == 3
    assert not list((tmp_path / "out").rglob("*transport-*.solve*"))
