"""Small volumes that the format tests write and read back."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture
def grey() -> NDArray[np.uint16]:
    """A volume in which every voxel differs, so that no swap of axes goes unseen."""
    return np.arange(5 * 7 * 9, dtype=np.uint16).reshape(5, 7, 9)
