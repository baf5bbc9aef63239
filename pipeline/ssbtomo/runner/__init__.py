"""Recipe to results: plan, stages, resume, provenance, events."""

from ssbtomo.runner.check import check
from ssbtomo.runner.execute import run
from ssbtomo.runner.joining import run_together

__all__ = ["check", "run", "run_together"]
