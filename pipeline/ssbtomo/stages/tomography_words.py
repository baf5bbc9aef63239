"""What a paper says of a tomographic reconstruction."""

from __future__ import annotations

from ssbtomo.model.tomography import Tomography
from ssbtomo.stages.desk import Facts
from ssbtomo.units import format_length

__all__ = ["said_of_tomography"]


def said_of_tomography(asked: Tomography, facts: Facts) -> str:
    """Say what was done, as sentences for a paper.

    Parameters
    ----------
    asked : Tomography
        The recipe's section.
    facts : dict
        What the stage found.

    Returns
    -------
    str
        Two or three sentences.
    """
    steps = ["divided by the median flat image after subtraction of the median dark image"]
    if asked.flash:
        steps.append("freed of flashes")
    if asked.phase is not None:
        steps.append(f"phase-retrieved (Paganin, δ/β = {asked.phase.delta_beta:g})")
    if asked.stripes != "none":
        steps.append(f"freed of stripes ({asked.stripes}, window {facts['stripe_width']} pixels)")
    if asked.hardening != (1.0,):
        powers = ", ".join(f"{c:g}" for c in asked.hardening)
        steps.append(f"linearised for beam hardening (coefficients {powers})")
    axis = f"column {facts['axis']:.2f}"
    how = "given" if asked.axis is not None else "found from the projections themselves"
    turn = " after both halves of the whole turn were joined" if facts["wide"] else ""
    window = "" if asked.window == "ram-lak" else f" with a {asked.window} window"
    edge = format_length(facts["spacing_um"][2])
    if facts["beam"] == "cone":
        return (
            f"Projections were {', '.join(steps)}, and reconstructed from the cone beam by Feldkamp, "
            f"Davis and Kress' algorithm (RTK) [@feldkamp1984] about the rotation axis at {axis} ({how}), with voxels "
            f"of {edge}."
        )
    return (
        f"Projections were {', '.join(steps)}, and reconstructed by filtered back-projection "
        f"(ramp filter{window}) [@kak2001]{turn} about the rotation axis at {axis} ({how}), with voxels of {edge}."
    )
