"""Features of voxels from a window of a volume, the same bits for any window.

Each value comes from the same taps in the same order wherever the window was cut: the window
holds its block and the features' halo, mirrored where the volume ends, and nothing in it is
normalised by the window itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssbtomo.kernels.feature_box import Box, Place, normalised, smoothed_inside
from ssbtomo.kernels.feature_families import FAMILIES
from ssbtomo.kernels.feature_list import Feature
from ssbtomo.units import Spacing

__all__ = ["FeatureBank", "Place", "normalised", "smoothed_inside"]

Float = NDArray[np.float32]
Margin = tuple[int, int, int]


class FeatureBank:
    """The features of one block, computed slab by slab.

    Parameters
    ----------
    windows : sequence of ndarray of float32, shape (Z, Y, X)
        Normalised values of each channel: the block with `halo` voxels on all sides, contiguous.
    halo : tuple of int
        At least what the features need.
    features : sequence of Feature
        What is computed.
    spacing : tuple of float
        Voxel edges along (Z, Y, X) in µm.
    place : Place
        Where the block lies. Along axes on which the volume has one voxel nothing is smoothed.

    Notes
    -----
    A slab of n voxels holds the features (4 bytes each), and at a time a few windows of the slab
    with its halo.
    """

    def __init__(
        self,
        windows: Sequence[Float],
        halo: Margin,
        features: Sequence[Feature],
        spacing: Spacing,
        place: Place,
    ) -> None:
        self._windows = windows
        self._halo = halo
        self._features = tuple(features)
        self._spacing = spacing
        self._place = place
        self.shape = tuple(n - 2 * m for n, m in zip(windows[0].shape, halo, strict=True))

    def slab(self, first: int, last: int) -> Float:
        """Compute the features of some planes of the block.

        Parameters
        ----------
        first, last : int
            First plane, and the one after the last.

        Returns
        -------
        ndarray of float32, shape (features, planes, Y, X)
            In the order of the list.
        """
        box = Box(self._windows, self._halo, self._spacing, self._place, (first, last))
        out = np.empty((len(self._features), last - first, *self.shape[1:]), np.float32)
        margins: dict[Any, Margin] = {}
        for feature in self._features:
            for key, margin in box.wanted(feature):
                old = margins.get(key, (0, 0, 0))
                margins[key] = tuple(map(max, old, margin))  # type: ignore[assignment]
        box.margins = margins
        order = sorted(range(len(self._features)), key=lambda k: _cost_key(self._features[k]))
        for index in order:
            feature = self._features[index]
            out[index] = FAMILIES[feature.family](box, feature)
        return out


def _cost_key(feature: Feature) -> tuple[Any, ...]:
    return feature.channel, feature.scale, feature.family
