"""What a paper says of the alignment of a FIB-SEM stack."""

from __future__ import annotations

from ssbtomo.model.fib_sem import FibSem
from ssbtomo.stages.desk import Facts
from ssbtomo.units import format_length

__all__ = ["said_of_stack"]


def said_of_stack(asked: FibSem, facts: Facts) -> str:
    """Say what was done, as sentences for a paper.

    Parameters
    ----------
    asked : FibSem
        The recipe's section.
    facts : dict
        What the stage found.

    Returns
    -------
    str
        Two to five sentences.
    """
    said = [_cleaning(asked, facts), _alignment(asked, facts), _distortion(asked, facts)]
    if facts["left_out"]:
        said.append(
            f"{len(facts['left_out'])} spoiled slices were replaced by interpolation between their "
            "neighbours."
        )
    if facts["stretch"] != 1.0:
        said.append(
            f"The height of the pixels was multiplied by {facts['stretch']:.4g} for the angle of "
            f"{asked.view_angle:g} degrees between beam and cross-section."
        )
    if facts["thickness"] is not None:
        said.append(
            f"The slice thickness was estimated as {format_length(facts['thickness'])} ± "
            f"{format_length(facts['thickness_sigma'])} from the correlation of the slices, for an "
            "isotropic structure."
        )
    edges = " x ".join(format_length(edge) for edge in facts["spacing_um"])
    said.append(f"The voxels are {edges} (Z, Y, X) large.")
    return " ".join(sentence for sentence in said if sentence)


def _cleaning(asked: FibSem, facts: Facts) -> str:
    steps = []
    if asked.curtains:
        before, after = facts["curtains"]
        steps.append(
            f"curtains (rms {before:.3g} grey values before, {after:.2g} after) were removed with a "
            "windowed column profile of the residuals from the grey classes"
        )
    if asked.shading:
        steps.append("smooth shading was removed by a polynomial fitted to the same residuals")
    if asked.flicker:
        steps.append("the brightness of the slices was levelled by the medians of their classes")
    if not steps:
        return ""
    text = "; ".join(steps)
    return f"{text[0].upper()}{text[1:]}."


def _distortion(asked: FibSem, facts: Facts) -> str:
    if asked.distortion == "none":
        return ""
    most = max(max(row) for row in facts["distortion"])
    if most == 0:
        return "Beside their drift, no distortion of single slices could be told."
    what = "shear and stretch" if asked.distortion == "shear" else "affine distortion"
    return (
        f"The {what} by which slices differ (standard deviation up to {most:.2g}), told by the "
        "shifts of their parts, was undone in the same interpolation."
    )


def _alignment(asked: FibSem, facts: Facts) -> str:
    if not asked.align:
        sheared = " and sheared by the angle of view" if asked.fixed_beam else ""
        return f"The slices were taken as aligned{sheared}."
    if facts["aligned"]:
        return "The slices were found to be aligned already, and were not moved."
    y, x = facts["range_pixels"]
    way = "interpolated with cubic splines" if asked.interpolation == "cubic" else "interpolated"
    what = (
        "the mean image of a mark that does not change"
        if asked.region is not None
        else "their neighbours"
    )
    error = max(facts["step_sigma"])
    return (
        f"The slices were aligned to {what} by cross-correlation, weighted by the coherence of the "
        f"slices [@hannan1973] (drift {y:.1f} and {x:.1f} pixels along y and x, standard error of a "
        f"step {error:.2g} pixels), and {way} once."
    )
