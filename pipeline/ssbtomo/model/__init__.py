"""The recipe as types: it checks files, exports the JSON schema and shapes the forms."""

from ssbtomo.model.fib_sem import FibSem
from ssbtomo.model.reading import load_recipe, problems, problems_by_key, read_recipe
from ssbtomo.model.recipe import Recipe, Sample, SampleRecipe
from ssbtomo.model.reporting import Report
from ssbtomo.model.sections import (
    MEASURES,
    Denoise,
    Graded,
    Phase,
    Quantify,
    Range,
    Reconstruct,
    Section,
    Segment,
)
from ssbtomo.model.tomography import Tomography
from ssbtomo.model.transport import Conduction
from ssbtomo.model.working import Run

__all__ = [
    "MEASURES",
    "Conduction",
    "Denoise",
    "FibSem",
    "Graded",
    "Phase",
    "Quantify",
    "Range",
    "Recipe",
    "Reconstruct",
    "Report",
    "Run",
    "Sample",
    "SampleRecipe",
    "Section",
    "Segment",
    "Tomography",
    "load_recipe",
    "problems",
    "problems_by_key",
    "read_recipe",
]
