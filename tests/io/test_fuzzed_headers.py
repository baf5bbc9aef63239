"""150 mutated files: our own errors only, in bounded time and memory.

The whole run is ``python tests/benchmarks/fuzz_headers.py 2000``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def fuzzing() -> ModuleType:
    pytest.importorskip("pydicom")
    place = Path(__file__).parents[1] / "benchmarks" / "fuzz_headers.py"
    spec = importlib.util.spec_from_file_location("fuzz_headers", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.warm()
    return module


def test_mutated_headers_raise_our_errors_only(fuzzing):
    ends: dict[str, int] = {}
    for name, seed in fuzzing.cases(150, seed=0):
        end, wrong = fuzzing.case(name, seed)
        assert not wrong, f"{name} seed {seed}: {wrong}"
        ends[end] = ends.get(end, 0) + 1
    assert ends["FormatError"] > 40  # the mutations do harm
    assert ends["read"] > 15  # and not all of them
