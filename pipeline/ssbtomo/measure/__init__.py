"""Measure labels: fractions, contact areas, triple lines, transport, sizes, cracks, correlation.

Every verb takes NumPy or Dask arrays in (Z, Y, X) and a spacing in µm without default.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "volume_fractions": "fractions",
    "contact_areas": "interfaces",
    "contact_areas_soft": "soft",
    "triple_lines": "interfaces",
    "surface_areas": "peers",
    "intrinsic_volumes": "intrinsic",
    "coverage": "interfaces",
    "coverage_distribution": "interfaces",
    "specific_contact_area": "contacts",
    "contact_patches": "contacts",
    "gap_thickness": "gaps",
    "contact_loss": "contacts",
    "interface_map": "interface_maps",
    "interface_points": "interface_maps",
    "active_contacts": "active",
    "lithium_penetration": "penetration",
    "anode_interface": "anode",
    "contact_lost": "crack_costs",
    "connectivity": "connection",
    "tortuosity": "transport",
    "effective_tensor": "conduction",
    "electrode_tortuosity": "conduction",
    "geodesic_tortuosity": "conduction",
    "bottlenecks": "conduction",
    "tortuosity_subvolumes": "subvolumes",
    "subvolume_statistics": "subvolumes",
    "periodic_tensor": "subvolumes",
    "particles": "sizes",
    "size_distribution": "sizes",
    "cracks": "crack_network",
    "two_point_correlation": "correlation",
    "correlation_lengths": "correlation",
    "chord_lengths": "correlation",
    "mean_chords": "correlation",
}
__all__ = [
    "active_contacts",
    "anode_interface",
    "bottlenecks",
    "chord_lengths",
    "connectivity",
    "contact_areas",
    "contact_areas_soft",
    "contact_loss",
    "contact_lost",
    "contact_patches",
    "correlation_lengths",
    "coverage",
    "coverage_distribution",
    "cracks",
    "effective_tensor",
    "electrode_tortuosity",
    "gap_thickness",
    "geodesic_tortuosity",
    "interface_map",
    "interface_points",
    "intrinsic_volumes",
    "lithium_penetration",
    "mean_chords",
    "particles",
    "periodic_tensor",
    "size_distribution",
    "specific_contact_area",
    "subvolume_statistics",
    "surface_areas",
    "tortuosity",
    "tortuosity_subvolumes",
    "triple_lines",
    "two_point_correlation",
    "volume_fractions",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"ssbtomo.measure.{_HOME[name]}"), name)
    raise AttributeError(
        f"module 'ssbtomo.measure' has no attribute {name!r}; it has {', '.join(__all__)}"
    )


def __dir__() -> list[str]:
    return __all__
