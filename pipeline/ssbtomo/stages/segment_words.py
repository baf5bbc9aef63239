"""What a paper says of a segmentation, and what it cites."""

from __future__ import annotations

import re

from ssbtomo.model import Segment
from ssbtomo.stages.corrected import correction_sentence
from ssbtomo.stages.desk import Facts
from ssbtomo.stages.low_absorbing import says
from ssbtomo.stages.trained_lithium import said_of_classes
from ssbtomo.stages.trained_words import training_sentence
from ssbtomo.units import format_length

__all__ = ["cited_of_segmentation", "said_of_segmentation"]

_KEY = re.compile(r"@(\w+)")
_HOW = {
    "multi-otsu": "multi-level Otsu thresholds of the global histogram [@liao2001]",
    "gaussian-mixture": "a Gaussian mixture fitted to the global histogram [@dempster1977]",
    "thresholds": "thresholds given by the user",
}
_REPAIR = (
    " The partial-volume film that blurred edges leave between a dark and a bright phase "
    "was removed by flooding the gradient magnitude from confident voxels [@vincent1991]; "
    "surfaces then lie half-way between the grey values deep inside the two phases beside them, "
    "corrected for what the blur of the labels does to curved surfaces."
)
_REGULAR = {
    "none": "",
    "potts": " Labels were regularised with a Potts model by iterated conditional modes [@besag1986].",
    "hysteresis": " Voxels near a threshold went to the brighter phase where they are joined to "
    "voxels surely above it.",
    "watershed": " Voxels near a threshold were reached by flooding the gradient magnitude from "
    "those far from it [@vincent1991].",
}
_VARIANCE = " The variance between the classes is {:.1%} of the image's [@otsu1979]."


def said_of_segmentation(section: Segment, facts: Facts, phases: int) -> str:
    """Say what was done, as sentences for a paper.

    Parameters
    ----------
    section : ssbtomo.model.Segment
        The recipe's section.
    facts : dict
        What the stage found.
    phases : int
        Number of phases in the recipe.

    Returns
    -------
    str
        The sentences.
    """
    return _said(section, facts, phases) + correction_sentence(facts)


def _said(section: Segment, facts: Facts, phases: int) -> str:
    if section.method == "labels":
        return "The phases were given as labels."
    if section.method == "trained":
        return training_sentence(facts) + said_of_classes(facts.get("lithium", {}))
    values = ", ".join(f"{t:.5g}" for t in facts["thresholds"])
    count = len(facts["phases"]) if "phases" in facts else phases
    small = f" Pieces below {section.smallest_object} voxels were given to their surroundings."
    return (
        f"{count} phases were segmented with {_HOW[section.method]} ({values})."
        + _surfaces(section)
        + _film_limit(facts)
        + (small if section.smallest_object else "")
        + _VARIANCE.format(facts["variance_share"])
        + says(facts, section.lithium)
    )


def cited_of_segmentation(section: Segment) -> tuple[str, ...]:
    """Return the keys of the works that the sentences cite.

    Parameters
    ----------
    section : ssbtomo.model.Segment
        The recipe's section.

    Returns
    -------
    tuple of str
        Each once.
    """
    if section.method == "trained":
        grown = section.train is None or (section.train.grow and section.train.rule == "forest")
        return ("breiman2001", "vincent1991") if grown else ("breiman2001",)
    if section.method == "labels":
        return ()
    text = _HOW[section.method] + _surfaces(section) + _VARIANCE
    return tuple(dict.fromkeys(_KEY.findall(text)))


def _surfaces(section: Segment) -> str:
    return (_REPAIR if section.repair else "") + _REGULAR[section.regularise]


def _film_limit(facts: Facts) -> str:
    limit = facts.get("film_limit_um")
    if limit is None:
        return ""
    return f" Films of a middle phase thinner than {format_length(limit)} count as blur."
