"""The card and the recipe that go with a phantom."""

from __future__ import annotations

from itertools import pairwise

from ssbtomo.testing.answers import Phantom
from ssbtomo.units import format_length

__all__ = ["card", "recipe"]

_CARD = """# {name}

{about}. Synthetic: made by a seeded script, no instrument was used. Licence: CC0-1.0.

| | |
|---|---|
| grey values | `{name}.tif`, {shape} voxels (Z, Y, X), {dtype} |
| labels | `{name}.labels.tif`: {labels} |
| voxel size | {voxel} (Z, Y, X) |
| transport axis | z: {stack} |
| grey value of the phases | {greys}; noise {noise:g} |
| smallest separation of two phases | {separation} |
| planted | {particles} active particles, {cracks} cracks, see the truth below |

Made by

    python -c "from ssbtomo.testing import write_sample; write_sample('{name}', '{name}')"

with seed {seed}; the same command gives the same arrays.

## What it is good for, and what not
{caution}

## Known answers
Of the planted geometry, not of its voxels: a perfect segmentation still differs by what the
voxels do to it. Volume fractions are counted on a grid three times finer than the voxels.
Contact areas are sampled on the surfaces of the planted solids (unbiased; the standard error is
in the table). All of it is in `{name}.truth.json`.

| quantity | subject | value | unit | standard error | how |
|---|---|---|---|---|---|
{rows}
"""

_CT_CAUTION = """Every edge is blurred over about two voxels, so an edge between a dark and a bright phase passes
through the grey values of the phases between them: thresholds alone put a false film of the
middle phase there, and the contact areas come out wrong while nearly all voxels are right.
{lithium}
Particles are balls, cracks are flat discs of even thickness; real ones are neither."""
_LITHIUM = {
    True: "**Lithium is set {d:.1f} noise levels from void here. Real absorption contrast is far lower: "
    "lithium\nis nearly as dark as void in X-rays**, and only phase contrast, another image or "
    "context tells them apart.",
    False: "**Lithium is only {d:.1f} noise levels from void here, as with absorption contrast: no "
    "threshold can\ntell them apart**, and software should say so.",
}
_SEM_CAUTION = """Voxels are deeper than wide, as in serial sectioning. The image has faint curtains and flicker,
but no shine-through: in a real unfilled sample the walls below the cut are seen inside pores
and make voids look smaller. Particles are balls, cracks are flat discs of even thickness."""

_RECIPE = """# From the scan to the numbers:  ssbtomo run recipe.yaml -o results
sample:
  path: {name}.tif               # relative to this file; it tells its voxel size
  modality: {modality}
  truth: {name}.truth.json       # known answers, printed beside the results

phases:                          # darkest first
{phases}

transport_axis: z                # from the separator to the current collector

denoise:
  method: none                   # none | gaussian | median | nlm | tv

segment:
  method: multi-otsu             # thresholds from the histogram of the whole volume
  repair: true                   # no false film of the middle phase on edges between dark and bright
  smallest_object: 27            # smaller pieces are noise and go to their surroundings

range:
  shift: 0.05                    # every number gets a nominal 95 % range; thresholds are moved by 5 % for it

quantify:
  tortuosity_axes: [z, y, x]
"""


def card(phantom: Phantom, about: str) -> str:
    """Write the card of a phantom, as Markdown.

    Parameters
    ----------
    phantom : Phantom
        What it describes.
    about : str
        What the phantom shows, in a phrase.

    Returns
    -------
    str
        The text.
    """
    rows = [
        f"| {t.quantity} | {t.subject.replace('|', ' / ')} | {t.value:.5g} | {t.unit} | {t.standard_error:.1g} | {t.how} |"
        for t in phantom.truth
    ]
    layers = "lithium, separator, cathode" if "lithium" in phantom.phases else "cathode only"
    return _CARD.format(
        name=phantom.name,
        about=about[0].upper() + about[1:],
        shape=" × ".join(map(str, phantom.labels.shape)),
        dtype=phantom.image.dtype,
        labels=", ".join(f"{label} {name}" for name, label in phantom.phases.items()),
        voxel=" × ".join(format_length(edge) for edge in phantom.spacing),
        stack=f"{layers}, from z-min to z-max",
        greys=", ".join(f"{name} {grey:g}" for name, grey in phantom.greys.items()),
        noise=phantom.noise,
        separation=f"{_separation(phantom):.1f} noise levels",
        particles=len(phantom.tables["particles"]["particle"]),
        cracks=len(phantom.tables["cracks"]["crack"]),
        seed=phantom.seed,
        caution=_caution(phantom),
        rows="\n".join(rows),
    )


def recipe(phantom: Phantom) -> str:
    """Write a commented recipe that measures a phantom.

    Parameters
    ----------
    phantom : Phantom
        What it measures.

    Returns
    -------
    str
        YAML.
    """
    phases = [f"  - {{name: {name}, role: {phantom.roles[name]}}}" for name in phantom.phases]
    return _RECIPE.format(name=phantom.name, modality=phantom.modality, phases="\n".join(phases))


def _separation(phantom: Phantom) -> float:
    greys = sorted(phantom.greys.values())
    return min(b - a for a, b in pairwise(greys)) / phantom.noise


def _caution(phantom: Phantom) -> str:
    if phantom.modality == "fib-sem":
        return _SEM_CAUTION
    lithium = ""
    if "lithium" in phantom.greys:
        apart = (phantom.greys["lithium"] - phantom.greys["void"]) / phantom.noise
        lithium = _LITHIUM[apart > 4].format(d=apart)
    return _CT_CAUTION.format(lithium=lithium)
