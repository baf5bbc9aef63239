"""Ten kills at seeded random moments; `tests/benchmarks/kill_storm.py` does two hundred."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import pytest

# The command, without the report: three seconds of figures that nothing is compared of.
START = """
from ssbtomo import cli
from ssbtomo.runner import execute
execute.write_report = lambda folder, formats: folder
cli.main()
"""
KINDS = ("main", "terminate", "interrupt") * 3 + ("worker", "scheduler")


@pytest.fixture
def kill_storm():
    place = Path(__file__).parents[1] / "benchmarks" / "kill_storm.py"
    spec = importlib.util.spec_from_file_location("kill_storm", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclass looks for its annotations
    spec.loader.exec_module(module)
    return module


@pytest.mark.timeout(1500)  # seconds on a quiet machine are minutes on a busy one
def test_ten_kills_change_no_byte(kill_storm, recipe, tmp_path):
    text = recipe.read_text("utf-8").replace("[16, 16, 16]", "[16, 18, 20]")
    text = text.replace("[fractions, contacts, connectivity, transport]", "[fractions, particles]")
    more = "denoise: {method: median}\nrange: {shift: 0}\n"
    recipe.write_text(text + more, encoding="utf-8")
    storm = kill_storm.Storm(
        recipe, tmp_path, random.Random(5), kinds=KINDS, start=("-c", START),
        schedulers=("synchronous", "threads"),
    )  # fmt: skip
    found = kill_storm.storm(10, storm, warm=False)
    assert found.wrong == []
    assert sum(found.counts[kind] for kind in kill_storm.KINDS) == 10
    assert len(found.peace) > 25
