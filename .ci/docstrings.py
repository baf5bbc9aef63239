"""Check every public docstring of the packages with numpydoc; exit 1 if one is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FILES = sorted(
    str(path)
    for folder in ("pipeline/ssbtomo", "plugins/napari_ssbtomo")
    for path in Path(folder).rglob("*.py")
)
sys.exit(subprocess.run([sys.executable, "-m", "numpydoc", "lint", *FILES], check=False).returncode)
