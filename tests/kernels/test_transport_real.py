"""Tortuosity factors of real volumes against those of other programs.

The reference values are those on which two independent solvers agree to 1e-4; they are
given to four to six digits. That of the electrode is TauFactor's own.
"""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import tifffile

from ssbtomo.kernels.transport import solve

CUBE = (1.0, 1.0, 1.0)
FILES = {
    "nmc": "electrodes_segmented/NMC_lr_input.tif",
    "sofc": "electrodes_segmented/SOFC_lr_input.tif",
    "separator": "electrodes_segmented/Separator_lr_input.tif",
    "blobs": "electrodes_segmented/tortuosityjl_blobs_32x42x52.npz",
    "bentheimer": "rocks/bentheimer.npz",
    "berea": "rocks/test_berea.zip",
    "electrode": "electrodes_segmented/taufactor_electrode_256.tif",
}
KNOWN = [
    ("sofc", 0, (3.8196, 5.1052, 5.4364)),
    ("sofc", 1, (9.748, 9.809, 9.474)),
    ("sofc", 2, (7.761, 8.343, 9.205)),
    ("blobs", 1, (1.18362, 1.50079, 2.35284)),
    ("separator", 0, (1.27864,)),
    ("separator", 1, (1.64800,)),
    ("nmc", 0, (1.6204, 1.6760, 1.6800)),
    ("nmc", 1, (4.936, 5.765, 5.749)),
    ("bentheimer", 1, (4.9876, 5.8328, 4.4248)),
    ("berea", 0, (4.7588, 4.7753, 5.4491)),
    ("electrode", 0, (2.07725,)),
]


def load(folder, name):
    path = folder / FILES[name]
    if path.suffix == ".tif":
        return tifffile.imread(path)
    if path.suffix == ".npz":
        with np.load(path) as archive:
            return next(iter(archive.values()))[:128, :128, :128]
    with zipfile.ZipFile(path) as archive:
        raw = archive.read(archive.namelist()[0])
    return np.frombuffer(raw, np.uint8).reshape(200, 200, 200)[:128, :128, :128]


@pytest.mark.parametrize(
    ("name", "phase", "known"), KNOWN, ids=[f"{name}-{phase}" for name, phase, _ in KNOWN]
)
def test_tortuosity_of_real_volumes(real_volumes, name, phase, known):
    labels = load(real_volumes, name)
    taus = [solve(labels, CUBE, axis, {phase: 1.0}).tau for axis in range(len(known))]
    assert taus == pytest.approx(known, rel=1e-4)  # the last digit of the references
