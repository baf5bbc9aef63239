"""300 mutated inputs of all kinds, in a process of their own: our errors only, or sound results.

The whole run is ``python tests/benchmarks/fuzz_inputs.py 10000``.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "fuzz_inputs.py"


@pytest.mark.timeout(1500)  # it takes half a minute; a busy machine may take many times that
def test_mutated_inputs_raise_our_errors_or_are_sound():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "300", "0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    table = [line.rsplit(maxsplit=1) for line in done.stdout.splitlines() if "marks" in line]
    assert table, done.stdout
    numbers = [int(n) for n in re.findall(r"\b\d+\b", done.stdout.partition("cases")[0])]
    assert sum(numbers) >= 300


# Each once raised an error of another kind: a billion chunks, slice 1e999, a page without voxels.
FOUND = (("zarr_04", 20261364), ("marks", 20261474), ("ome_tiff", 20261627))


def test_what_was_found_once_stays_mended():
    code = f"import fuzz_inputs as f; print([f.warmed(*case) for case in {FOUND}])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=SCRIPT.parent
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [wrong for _, wrong in ast.literal_eval(done.stdout)] == ["", "", ""]
