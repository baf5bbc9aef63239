"""Open the built wheel and make sure that what is not Python code is inside."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

WANTED = ("napari_ssbtomo/napari.yaml", "ssbtomo/py.typed", "ssbtomo/report/references.bib")
wheel = next(Path(sys.argv[1]).glob("*.whl"))
names = zipfile.ZipFile(wheel).namelist()
missing = [name for name in WANTED if name not in names]
if not any(name.startswith("ssbtomo/report/templates/") for name in names):
    missing.append("ssbtomo/report/templates/*")
if any(name.startswith(("tests/", "sample_volumes/", "pipeline/")) for name in names):
    missing.append("(the wheel holds folders that do not belong into it)")
sys.stdout.write(f"{wheel.name}: {len(names)} files; missing: {', '.join(missing) or 'nothing'}\n")
sys.exit(bool(missing))
