"""Tortuosity and effective conductivity of voxel volumes.

`solve` is the door; the rest are its parts: `cells` (labels to codes), `operator` (face
conductances), `sweeps` and `multigrid` (the preconditioner), `currents` and `gradients`
(the iteration).
"""

from __future__ import annotations

from ssbtomo.kernels.transport.electrode import ElectrodeResult, electrode
from ssbtomo.kernels.transport.geodesic import GeodesicResult, geodesic
from ssbtomo.kernels.transport.needs import Needs, memory_needed
from ssbtomo.kernels.transport.result import TransportResult
from ssbtomo.kernels.transport.solve import solve
from ssbtomo.kernels.transport.steering import Checkpoint
from ssbtomo.kernels.transport.storage import Storage
from ssbtomo.kernels.transport.tensor import EffectiveTensor, tensor

__all__ = [
    "Checkpoint",
    "EffectiveTensor",
    "ElectrodeResult",
    "GeodesicResult",
    "Needs",
    "Storage",
    "TransportResult",
    "electrode",
    "geodesic",
    "memory_needed",
    "solve",
    "tensor",
]
