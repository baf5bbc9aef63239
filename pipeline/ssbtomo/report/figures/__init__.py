"""The figures of the report, declared: what each shows, what it needs, who draws it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ssbtomo.report.figures import (
    anode,
    contacts,
    correlation,
    cracks,
    currents,
    distributions,
    facets,
    fib_sem,
    graded,
    interfaces,
    representative,
    sensitivity,
    slices,
    tomography,
    transport,
    uncertainty,
)
from ssbtomo.report.figures.style import Drawn
from ssbtomo.report.folder import SampleView

__all__ = ["FIGURES", "FigureSpec"]


@dataclass(frozen=True, slots=True)
class FigureSpec:
    """One figure of a sample.

    Parameters
    ----------
    name : str
        Ends the names of its files.
    title : str
        Its heading.
    caption : str
        What a reader sees, and how it was obtained.
    needs : str
        What must be in the results folder; said where it is not.
    draw : callable
        Draws it, or returns ``None`` if there is nothing to draw.
    phases : bool
        Whether the phases' colours need a legend beside it.
    raster : bool
        Whether it is mostly pixels: the page then shows the PNG.
    optional : bool
        Whether nobody misses it where there is nothing to draw.
    """

    name: str
    title: str
    caption: str
    needs: str
    draw: Callable[[SampleView], Drawn | None]
    phases: bool = False
    raster: bool = False
    optional: bool = False


FIGURES: tuple[FigureSpec, ...] = (
    FigureSpec(
        "orthoslices",
        "Slices",
        "Three orthogonal slices through the middle of the volume, to one scale.",
        "grey volume",
        slices.draw_grey,
        raster=True,
    ),
    FigureSpec(
        "rotation-axis",
        "Rotation axis",
        "How badly the projections fit their mirror images, for candidates around the axis that was found.",
        "search for the rotation axis",
        tomography.draw_axis,
        optional=True,
    ),
    FigureSpec(
        "axis-sweep",
        "Rotation axis, by eye",
        "A slice reconstructed about the axis that was found, and about axes beside it: arcs at edges and points that open "
        "into tuning forks tell of a wrong one.",
        "sweep of the rotation axis",
        tomography.draw_axis_sweep,
        raster=True,
        optional=True,
    ),
    FigureSpec(
        "ring-correlation",
        "Resolution of the reconstruction",
        "Fourier ring correlation of a slice from every other projection with one from the rest; the resolution is where it "
        "falls below the half-bit limit.",
        "ring correlation",
        tomography.draw_ring_correlation,
        optional=True,
    ),
    FigureSpec(
        "drift",
        "Drift of the slices",
        "Where each slice lay; the standard error of the step to it; its correlation with the slice before. Vertical lines: "
        "slices that were not used, or whose step was interpolated.",
        "drift of the slices",
        fib_sem.draw_drift,
        optional=True,
    ),
    FigureSpec(
        "curtains",
        "Curtains",
        "Root mean square of the column profile of what pixels are off their grey class, less that of the row profile.",
        "strength of the curtains",
        fib_sem.draw_curtains,
        optional=True,
    ),
    FigureSpec(
        "cleaned-slices",
        "Slices before and after",
        "A slice as recorded and cleaned; a section along z, slices from top to bottom, as recorded and aligned.",
        "slices before and after",
        fib_sem.draw_cleaned,
        raster=True,
        optional=True,
    ),
    FigureSpec(
        "outlines",
        "Segmentation",
        "The same slices; each phase is outlined in its colour, on its own side of the border.",
        "labels beside the grey volume",
        slices.draw_outlines,
        phases=True,
        raster=True,
    ),
    FigureSpec(
        "histogram",
        "Grey values",
        "Histogram of the volume that was segmented. Lines: thresholds between the phases; bands: the shifts behind "
        "every range; dots: mean and standard deviation of each phase.",
        "histogram",
        distributions.draw_histogram,
    ),
    FigureSpec(
        "profiles",
        "Phase profile",
        "Share of each phase, layer by layer along the transport axis.",
        "profiles along the transport axis",
        distributions.draw_profiles,
    ),
    FigureSpec(
        "correlation",
        "Two-point correlation",
        "Share of the pairs of voxels at a distance of which both are of the phase: its fraction at 0, its fraction "
        "squared (dotted) where voxels know nothing of each other. Curves that part tell of a direction.",
        "correlations",
        correlation.draw_correlation,
    ),
    FigureSpec(
        "contact-matrix",
        "Contact areas",
        "Area over which two phases touch, per volume of the region; below it, its range.",
        "contact areas",
        interfaces.draw_contact_matrix,
    ),
    FigureSpec(
        "contact-profile",
        "Contact profile",
        "Contact area per volume, layer by layer along the transport axis; two colours for two phases. "
        "Without the last layer, which has no faces to one beyond it.",
        "contact areas along the transport axis",
        contacts.draw_contact_profile,
    ),
    FigureSpec(
        "coverage",
        "Coverage of particles",
        "How much of the active material's surface is on particles that a phase covers to this share.",
        "coverage of particles",
        contacts.draw_coverage,
    ),
    FigureSpec(
        "gaps",
        "Gap thickness",
        "Distance from active material to electrolyte where void, carbon or lithium parts them, by area.",
        "gaps",
        contacts.draw_gaps,
    ),
    FigureSpec(
        "tortuosity",
        "Tortuosity factors",
        "Tortuosity factor of each phase and axis. Thin line: its range.",
        "tortuosity factors",
        transport.draw_tortuosity,
    ),
    FigureSpec(
        "potential",
        "Potential",
        "Steady potential in a slice through the middle; grey does not conduct or joins not both faces. Crowded colours mark the bottlenecks.",
        "potential field",
        currents.draw_potential,
        raster=True,
    ),
    FigureSpec(
        "flux",
        "Current focusing",
        "Current density over its mean through the whole section, in the same slices; where it is bright the current is squeezed "
        "through necks, dark parts are dead ends.",
        "current field",
        currents.draw_flux,
        raster=True,
    ),
    FigureSpec(
        "conductivity",
        "Effective conductivities",
        "Effective conductivity of each phase over that of the pure phase, and of networks; logarithmic. Thin line: its range.",
        "effective conductivities",
        transport.draw_conductivity,
    ),
    FigureSpec(
        "tau-profile",
        "Electrode tortuosity, layer by layer",
        "Porosity times the drop of the layers' mean potential over the current density, while a blocking electrode is charged "
        "at low frequency. 1 (dashed): straight channels. Without the last layers, where less than 5 % of the current is left.",
        "electrode tortuosity (quantify.transport_extras)",
        transport.draw_profile,
    ),
    FigureSpec(
        "conductivity-cells",
        "Is the volume large enough?",
        "Mean apparent conductivity of cells that the volume is cut into, with held faces (points), and between a uniform current "
        "and a uniform gradient on their surface (band): of a representative cell all three agree. Where a phase meets an insulator "
        "the current is uniform on the conducting part of the face.",
        "cells (quantify.transport.cells)",
        transport.draw_cells,
    ),
    FigureSpec(
        "particle-sizes",
        "Particle sizes",
        "Share of the particle volume in particles finer than a diameter.",
        "particle sizes",
        distributions.size_figure("particle"),
    ),
    FigureSpec(
        "graded",
        "Composition",
        "Left: share of a graded phase's volume at each composition. Right: its mean, layer by layer along the "
        "transport axis; band: standard deviation within a layer.",
        "graded phases",
        graded.draw_graded,
    ),
    FigureSpec(
        "pore-sizes",
        "Pore sizes",
        "Share of the pore volume that spheres larger than a diameter cannot reach.",
        "pore sizes",
        distributions.size_figure("pore"),
    ),
    FigureSpec(
        "crack-map",
        "Cracks",
        "Depth of crack along the line of sight.",
        "cracks",
        cracks.draw_crack_map,
        raster=True,
    ),
    FigureSpec(
        "crack-rose",
        "Crack orientation",
        "Angle between a crack's normal and the transport axis, weighted by area: at 0° a crack lies across the "
        "transport, at 90° along it.",
        "cracks",
        cracks.draw_crack_rose,
    ),
    FigureSpec(
        "crack-sizes",
        "Crack apertures",
        "Mean aperture 2V/S of each crack against its one-sided area.",
        "cracks",
        cracks.draw_crack_sizes,
    ),
    FigureSpec(
        "anode-contact",
        "Contact at the anode",
        "Where lithium touches the electrolyte, seen along the transport axis, column by column.",
        "lithium and electrolyte",
        anode.draw_anode_contact,
        raster=True,
        optional=True,
    ),
    FigureSpec(
        "crack-strike",
        "Crack strike",
        "Facet area by strike: the direction in which a facet meets the layers of the stack, from the first of the two other "
        "axes (0°) to the second (90°); drawn on both sides.",
        "facets of cracks",
        facets.draw_strike_rose,
        optional=True,
    ),
    FigureSpec(
        "crack-facets",
        "Crack facets",
        "Share of the facet area in facets that are smaller (left) or narrower (right); apertures by counted voxels, and by "
        "the grey values lacking across the facet.",
        "facets of cracks",
        facets.draw_facet_sizes,
        optional=True,
    ),
    FigureSpec(
        "representative",
        "Representative volume",
        "Circles: standard deviation over cells of a size, relative to the mean. Diamonds: standard error of the whole volume, "
        "extrapolated from them; twice that is the 95 % range that a larger piece of the same material would take.",
        "scatter over cells (the volume holds too few of them)",
        representative.draw_representative,
    ),
    FigureSpec(
        "sensitivity",
        "Sensitivity",
        "Change of the headline numbers while one threshold at a time is moved down and up, by the stated "
        "share of the distance between the mean greys of the two phases below it. Steep lines hang on the "
        "segmentation; the ten that move most are drawn, two colours for two phases.",
        "re-segmentations with shifted thresholds",
        sensitivity.draw_sensitivity,
    ),
    FigureSpec(
        "ranges",
        "Ranges",
        "Half width of the nominal 95 % range of the headline numbers (bars), and what it is made of (strokes), added "
        "as independent errors. It is about the scanned volume; how far that is from the material is above.",
        "ranges",
        uncertainty.draw_ranges,
    ),
    FigureSpec(
        "entropy",
        "Undecided voxels",
        "Entropy of the class probabilities in the middle of the volume: black where one phase is certain, white where all are equally "
        "probable. The next scribbles belong where it is bright.",
        "class probabilities (segment.method: trained)",
        uncertainty.draw_entropy,
        raster=True,
    ),
    FigureSpec(
        "reliability",
        "Calibration",
        "How often the most probable phase was the labelled one, against its probability, for labelled voxels that the model had not "
        "seen; larger signs for more voxels. Below the dashed line probabilities are too sure of themselves.",
        "probabilities of labelled voxels (segment.method: trained, with train)",
        uncertainty.draw_reliability,
    ),
)
