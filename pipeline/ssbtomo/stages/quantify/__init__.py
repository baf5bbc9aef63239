"""Quantify: the measures, one module per group, and the stage that runs them."""

from ssbtomo.stages.quantify.stage import Quantify, thaw

__all__ = ["Quantify", "thaw"]
