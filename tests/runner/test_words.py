"""What is cited: every key of the sentences is in the bibliography, and no other is named."""

from __future__ import annotations

import re

import pytest

from ssbtomo.model import MEASURES, Quantify, Range, Segment
from ssbtomo.report.bibliography import known_references
from ssbtomo.stages.quantify.words import SAYS, cited_of_quantities, said_of_transport
from ssbtomo.stages.segment_words import cited_of_segmentation, said_of_segmentation

FACTS = {"thresholds": [100.0], "variance_share": 0.9, "film_limit_um": None}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"method": "gaussian-mixture", "regularise": "potts"},
        {"method": "thresholds", "thresholds": (1.0,), "regularise": "watershed"},
        {"repair": False},
    ],
)
def test_a_segmentation_cites_what_its_sentences_name(asked):
    section = Segment(**asked)
    named = set(re.findall(r"@(\w+)", said_of_segmentation(section, FACTS, 2)))
    assert named == set(cited_of_segmentation(section)) <= set(known_references())


@pytest.mark.parametrize("groups", [MEASURES, *((group,) for group in MEASURES)])
def test_measures_cite_what_their_sentences_name(groups):
    section = Quantify(measures=groups, transport_extras=("tensor", "electrode", "geodesic"))
    told = " ".join([*(SAYS[group] for group in groups), *said_of_transport(section)])
    named = set(re.findall(r"@(\w+)", told))
    assert named == set(cited_of_quantities(section, Range(shift=0))) <= set(known_references())
    ranged = set(cited_of_quantities(section, Range()))
    assert ranged - named == {"efron1993", "richardson1911"}
    assert ranged <= set(known_references())
