"""The recipe as types: it checks files, exports the JSON schema and shapes the forms."""

from ssbtomo.model.reading import load_recipe, problems, read_recipe
from ssbtomo.model.recipe import Recipe, Sample, SampleRecipe
from ssbtomo.model.sections import (
    MEASURES,
    Denoise,
    Phase,
    Quantify,
    Range,
    Reconstruct,
    Report,
    Run,
    Section,
    Segment,
)
from ssbtomo.model.transport import Conduction

__all__ = [
    "MEASURES",
    "Conduction",
    "Denoise",
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
    "load_recipe",
    "problems",
    "read_recipe",
]
