"""Sample volumes as layers: seeded, so that they are the same on every machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ssbtomo.controllers.opening import recipe_layers, series_layers

if TYPE_CHECKING:
    from napari_ssbtomo.controllers.layer_data import LayerData

__all__ = ["named_layers", "sections_layers", "series_sample"]

_SECTIONS_RECIPE = """\
# Slices of a FIB-SEM run as recorded: align and clean them, then segment and measure.
sample: {path: raw_sections.tif, name: raw_sections, modality: fib-sem}
phases:
- {name: void, role: void}
- {name: electrolyte, role: electrolyte}
- {name: active, role: active}
reconstruct: {method: fib-sem}
"""
_SPACING = (0.02, 0.01, 0.01)
_CRACKS = (0.12, 0.18, 0.24)  # µm


def named_layers(name: str, folder: Path) -> list[LayerData]:
    """Write a sample of the library with its recipe, and open it.

    Parameters
    ----------
    name : str
        A key of `ssbtomo.testing.samples.SAMPLES`.
    folder : pathlib.Path
        Where to write.

    Returns
    -------
    list of LayerData
        The grey volume.
    """
    from ssbtomo.testing.samples import write_sample

    return recipe_layers(write_sample(name, folder))


def sections_layers(folder: Path) -> list[LayerData]:
    """Write raw slices with known faults and a recipe that repairs them, and open them.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write.

    Returns
    -------
    list of LayerData
        The grey volume.
    """
    import numpy as np
    import tifffile

    from ssbtomo.testing.sections import SectionFaults, evolving_phases, section_slices

    margin = 12
    size = (72, 160 + 2 * margin, 176 + 2 * margin)
    grey = np.array([70, 130, 200], np.float32)[evolving_phases(size, seed=5)]
    faults = SectionFaults(
        drift=0.8, reach=10, noise=9, curtains=6, scaled=0.03, flicker=3, blank=(31,), charged=(50,)
    )
    made = section_slices(grey, faults, margin=margin, seed=5)
    edges = {f"PhysicalSize{axis}": edge for axis, edge in zip("ZYX", _SPACING, strict=True)}
    units = {f"PhysicalSize{axis}Unit": "µm" for axis in "ZYX"}
    tifffile.imwrite(
        folder / "raw_sections.tif", made.image, ome=True, photometric="minisblack",
        metadata={"axes": "ZYX", **edges, **units},
    )  # fmt: skip
    recipe = folder / "recipe.yaml"
    recipe.write_text(_SECTIONS_RECIPE, encoding="utf-8")
    return recipe_layers(recipe)


def series_sample(folder: Path) -> list[LayerData]:
    """Write three states of one cathode, between which its cracks open, and open them.

    Parameters
    ----------
    folder : pathlib.Path
        Where to write.

    Returns
    -------
    list of LayerData
        The grey volume with a slider.
    """
    from ssbtomo.testing.cathode import CathodeDesign, composite_cathode
    from ssbtomo.testing.optics import FibSemOptics
    from ssbtomo.testing.samples import write_phantom

    spacing = (0.06, 0.06, 0.06)
    design = replace(CathodeDesign.for_voxels(spacing, anode=False), pore_diameter=(0.45, 0.75))
    files = []
    for number, width in enumerate(_CRACKS, start=1):
        name = f"state_{number}"
        phantom = composite_cathode(
            (48, 88, 88), spacing, seed=11, name=name, optics=FibSemOptics(),
            design=replace(design, crack_width=width),
        )  # fmt: skip
        write_phantom(phantom, folder / name)
        files.append(folder / name / f"{name}.tif")
    return series_layers(files)
