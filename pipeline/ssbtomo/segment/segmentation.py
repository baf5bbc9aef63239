"""What a segmentation found: labels, and what they rest on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Segmentation"]


@dataclass(frozen=True, slots=True, eq=False)
class Segmentation:
    """Labels, and what they rest on.

    Parameters
    ----------
    labels : ndarray of uint8, shape (Z, Y, X)
        0 for the darkest phase; the store that they were written to, if one was given.
    thresholds : tuple of float
        Grey values at the surfaces between neighbouring phases, as used (shift included).
    histogram_thresholds : tuple of float
        What the histogram alone said, before repair and shift.
    class_means, class_sds, class_weights : tuple of float
        Grey value, deviation and share of each phase: Gaussians fitted to the
        histogram for the deviations, plateaus for the means if repaired.
    separability : tuple of float
        d' of neighbours: distance of their means over their deviation.
    variance_share : float
        Otsu's eta: variance between the classes over that of the image.
    method : str
        How the thresholds were found.
    repaired : bool
        Whether partial-volume films were removed.
    edge_width_voxels : float
        Blur of the edges as measured by the repair; NaN without it.
    warnings : tuple of str
        What a reader of the numbers must know.
    bytes_per_voxel : float
        Memory that grows with the volume, beside the image, by the sizes of the arrays; 0 if
        the labels were written to a store. What the blocks at hand need comes on top.
    """

    labels: Any
    thresholds: tuple[float, ...]
    histogram_thresholds: tuple[float, ...]
    class_means: tuple[float, ...]
    class_sds: tuple[float, ...]
    class_weights: tuple[float, ...]
    separability: tuple[float, ...]
    variance_share: float
    method: str
    repaired: bool
    edge_width_voxels: float
    warnings: tuple[str, ...]
    bytes_per_voxel: float

    @property
    def film_limit_voxels(self) -> float:
        """Thickness in finest voxel edges above which a film of a middle phase is kept.

        Three, or 2.4 times the width of the edges if that is more; NaN without repair.
        """
        return max(3.0, 2.4 * self.edge_width_voxels) if self.repaired else math.nan
