"""Computed tomography: from projections to slices, array by array."""
