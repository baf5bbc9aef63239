"""The volume: three axes, no default voxel size, and a repr worth reading."""

from __future__ import annotations

import dask.array as da
import pytest

from ssbtomo.errors import AxisError, VoxelSizeError
from ssbtomo.volume import Volume


def test_a_volume_has_three_axes():
    with pytest.raises(AxisError, match="has 4 axes"):
        Volume(da.zeros((1, 2, 3, 4)))


def test_there_is_no_default_voxel_size():
    volume = Volume(da.zeros((2, 3, 4)), source="scan.tif")
    with pytest.raises(VoxelSizeError, match=r"scan\.tif does not tell its voxel size") as caught:
        volume.needed_spacing()
    assert "voxel_size: [18.4 nm" in caught.value.hint
    sized = volume.with_spacing((1, 2, 3), "user")
    assert (sized.needed_spacing(), sized.spacing_origin) == ((1.0, 2.0, 3.0), "user")
    assert volume.spacing is None


@pytest.mark.parametrize("spacing", [(1, 1), (0, 1, 1), (-1, 1, 1)])
def test_bad_spacings_are_refused(spacing):
    with pytest.raises(VoxelSizeError):
        Volume(da.zeros((2, 3, 4)), spacing=spacing)


def test_the_repr_tells_all():
    volume = Volume(
        da.zeros((100, 200, 300), dtype="u2"), spacing=(0.05, 0.0184, 0.0184), spacing_origin="tag",
        name="cathode", modality="fib-sem", phases={"void": 0}, source="scan.tif",
        conditions={"stack_pressure": "5 MPa"}, notes=("3 slice numbers are missing: 4, 5, 6",),
    )  # fmt: skip
    text = repr(volume)
    for part in ("100 x 200 x 300 voxels (Z, Y, X), uint16, 12 MB", "50 nm x 18.4 nm", "from: tag",
                 "5 µm x 3.68 µm x 5.52 µm", "fib-sem", "void = 0", "5 MPa", "note: 3 slice"):  # fmt: skip
        assert part in text
    assert "unknown" in repr(Volume(da.zeros((2, 3, 4))))
