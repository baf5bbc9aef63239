"""Known answers for users and for our own tests: shapes, formulas, phantoms, strategies.

`composite_cathode` and `samples` make phantoms that come with the truth behind them, `shapes` are
small labelled volumes whose areas, lengths and conductivities are known in closed form,
`analytic` holds the formulas, and `strategies` draws volumes for Hypothesis (which must be
installed for it; ``pip install ssbtomo[test]``).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = ("analytic", "samples", "shapes", "stacks", "strategies")
_HOME = {
    "CathodeDesign": "cathode",
    "CtOptics": "optics",
    "Ball": "scans",
    "DetectorFaults": "scans",
    "FibSemOptics": "optics",
    "GreyTruth": "grey",
    "KnownShape": "answers",
    "LithiumScan": "lithium",
    "Phantom": "answers",
    "SectionFaults": "sections",
    "Sections": "sections",
    "Truth": "answers",
    "ball_volume": "scans",
    "composite_cathode": "cathode",
    "evolving_phases": "sections",
    "expose": "scans",
    "project_balls": "scans",
    "project_volume": "scans",
    "lithium_scan": "lithium",
    "pore_back_volume": "grey",
    "three_phase_volume": "grey",
    "section_slices": "sections",
    "write_sample": "samples",
}
_NAMES = (*_HOME, *_MODULES)


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"ssbtomo.testing.{name}")
    if name in _HOME:
        return getattr(import_module(f"ssbtomo.testing.{_HOME[name]}"), name)
    raise AttributeError(
        f"module 'ssbtomo.testing' has no attribute {name!r}; it has {', '.join(sorted(_NAMES))}"
    )


def __dir__() -> list[str]:
    return sorted(_NAMES)
