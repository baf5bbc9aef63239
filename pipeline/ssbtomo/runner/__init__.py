"""Recipe to results: plan, stages, resume, provenance, events."""

from ssbtomo.runner.check import check
from ssbtomo.runner.execute import run

__all__ = ["check", "run"]
