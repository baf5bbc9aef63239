"""The composite cathode of a solid-state cell, with separator and lithium, as a phantom."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ssbtomo.errors import InputDataError
from ssbtomo.testing.answers import Phantom
from ssbtomo.testing.optics import CtOptics, FibSemOptics
from ssbtomo.testing.planting import plant
from ssbtomo.testing.truths import tables_of, truths_of
from ssbtomo.units import Spacing, check_spacing

__all__ = ["CathodeDesign", "composite_cathode"]

_ROLES = ("void", "lithium", "electrolyte", "active")


@dataclass(frozen=True, slots=True)
class CathodeDesign:
    """What the electrode is made of; lengths in µm, along z from lithium to collector.

    Parameters
    ----------
    particle_diameter : float
        Median diameter of the active particles.
    crack_width : float
        Thickness of the cracks, which are flat discs.
    particle_gap : float
        Distance between particles that do not touch.
    pore_diameter : tuple of float
        Smallest and largest diameter of a pore.
    crack_radius : tuple of float
        Smallest and largest radius of a crack in the electrolyte.
    particle_spread : float
        Standard deviation of the logarithm of the diameter; cut at 0.6 and 1.6 medians.
    active_fraction : float
        Volume fraction of the active material in the cathode, as the packing aims at it.
    contacts : float
        Share of neighbouring particles that touch.
    porosity : float
        Volume fraction of pores in the cathode, as the planting aims at it.
    separator_porosity : float
        Volume fraction of pores in the separator.
    interface_pores : float
        Share of the cathode's pores that lie on a particle.
    electrolyte_cracks : float
        Volume of the cracks in the electrolyte over that of all that lies above the lithium,
        as the planting aims at it.
    cracked_particles : float
        Share of the larger particles that hold a crack.
    separator : float
        Thickness of the separator; 0 for none.
    lithium : float
        Thickness of the lithium; 0 for none.
    roughness : float
        Height of the waves of the lithium's surface.
    lithium_voids : int
        Number of voids in the lithium at its interface.
    filament : bool
        Whether a lithium filament grows into the separator.
    """

    particle_diameter: float
    crack_width: float
    particle_gap: float
    pore_diameter: tuple[float, float]
    crack_radius: tuple[float, float]
    particle_spread: float = 0.22
    active_fraction: float = 0.52
    contacts: float = 0.2
    porosity: float = 0.08
    separator_porosity: float = 0.015
    interface_pores: float = 0.7
    electrolyte_cracks: float = 0.012
    cracked_particles: float = 0.22
    separator: float = 0.0
    lithium: float = 0.0
    roughness: float = 0.0
    lithium_voids: int = 0
    filament: bool = False

    @classmethod
    def for_voxels(cls, spacing: Spacing, *, anode: bool = True) -> CathodeDesign:
        """Return a design whose features are well resolved on a voxel grid.

        Parameters
        ----------
        spacing : tuple of float
            Voxel edges along (Z, Y, X) in µm.
        anode : bool
            Whether separator and lithium lie below the cathode.

        Returns
        -------
        CathodeDesign
            Particles of about 22, pores of 8 to 13 and cracks of 4 voxels, the voxel
            edge being the mean of the largest and the geometric mean.
        """
        edges = check_spacing(spacing)
        edge = (math.prod(edges) ** (1 / 3) + max(edges)) / 2
        return cls(
            particle_diameter=22 * edge,
            crack_width=4 * edge,
            particle_gap=3 * edge,
            pore_diameter=(8 * edge, 13 * edge),
            crack_radius=(9 * edge, 15 * edge),
            separator=15 * edge if anode else 0.0,
            lithium=12 * edge if anode else 0.0,
            roughness=1.2 * edge if anode else 0.0,
            lithium_voids=3 if anode else 0,
            filament=anode,
        )


def composite_cathode(
    shape: tuple[int, int, int],
    spacing: Spacing,
    *,
    seed: int = 0,
    design: CathodeDesign | None = None,
    optics: CtOptics | FibSemOptics | None = None,
    name: str = "cathode",
) -> Phantom:
    """Make a composite cathode, as grey values and as truth.

    Along z from below: lithium (if the design has it), electrolyte as the separator, then
    active particles in electrolyte with pores, and cracks through electrolyte and particles.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (Z, Y, X).
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    seed : int
        Seed of everything random.
    design : CathodeDesign, optional
        What it is made of; `CathodeDesign.for_voxels` of the spacing if absent.
    optics : CtOptics or FibSemOptics, optional
        The instrument; X-ray tomography if absent.
    name : str
        Name of the sample.

    Returns
    -------
    Phantom
        Volume fractions are counted on a grid three times finer; contact areas are sampled
        on the surfaces of the planted solids, without voxels; both with standard errors.

    Raises
    ------
    InputDataError
        If the layers leave no room for a cathode.
    """
    spacing = check_spacing(spacing)
    design = CathodeDesign.for_voxels(spacing) if design is None else design
    optics = CtOptics() if optics is None else optics
    room = shape[0] * spacing[0] - design.lithium - design.separator
    if min(room, shape[1] * spacing[1], shape[2] * spacing[2]) < design.particle_diameter:
        raise InputDataError(
            f"a volume of {shape} voxels leaves {room:.3g} µm along z for the cathode, "
            f"less than one particle of {design.particle_diameter:.3g} µm",
            hint="use more voxels, or smaller particles, separator and lithium in the design",
        )
    names = [role for role in _ROLES if role != "lithium" or design.lithium > 0]
    phases = {role: label for label, role in enumerate(names)}
    rng = np.random.default_rng(seed)
    planted = plant(shape, spacing, design, phases, rng)
    raster = planted.scene.rasterise([optics.greys[role] for role in names])
    image = optics.render(raster.grey, rng)
    tables = tables_of(planted)
    return Phantom(
        name=name,
        labels=raster.labels,
        spacing=spacing,
        phases=phases,
        truth=truths_of(planted, phases, raster.shares, tables, seed),
        image=image,
        modality=optics.modality,
        roles={role: role for role in names},
        greys={role: float(optics.greys[role]) for role in names},
        noise=optics.noise,
        tables=tables,
        seed=seed,
    )
