"""The process in which RTK runs: ``python -m ssbtomo.reconstruct.rtk_process FOLDER``.

FOLDER holds ``lines.npy`` (angles, V, U) and ``shape.json``; it gets ``volume.npy`` (V, Y, X), in
1/cm where lengths are in µm.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["feldkamp_davis_kress", "main"]


def feldkamp_davis_kress(lines: NDArray[np.float32], shape: dict[str, Any]) -> NDArray[np.float32]:
    """Reconstruct a volume with RTK, in this process.

    Parameters
    ----------
    lines : ndarray of float32, shape (angles, V, U)
        Line integrals.
    shape : dict
        Distances ``source`` (to the axis) and ``detector`` (from the source) and ``pixel``
        (U, V) in µm, ``axis`` (column), ``middle`` (row of the source), ``side``, ``degrees``.

    Returns
    -------
    ndarray of float32, shape (V, side, side)
        Attenuation in 1/cm.
    """
    import itk
    from itk import RTK

    du, dv = shape["pixel"]
    smaller = shape["source"] / shape["detector"]
    edge, high, side = du * smaller, dv * smaller, shape["side"]
    images = itk.image_from_array(np.ascontiguousarray(lines))
    images.SetSpacing([du, dv, 1.0])
    images.SetOrigin([-shape["axis"] * du, -shape["middle"] * dv, 0.0])
    kind = itk.Image[itk.F, 3]
    empty = RTK.ConstantImageSource[kind].New()
    empty.SetSize([side, lines.shape[1], side])
    empty.SetSpacing([edge, high, edge])
    empty.SetOrigin([-(side - 1) / 2 * edge, -shape["middle"] * high, -(side - 1) / 2 * edge])
    empty.SetConstant(0.0)
    turning = RTK.ThreeDCircularProjectionGeometry.New()
    for angle in shape["degrees"]:
        turning.AddProjection(shape["source"], shape["detector"], float(angle))
    fdk = RTK.FDKConeBeamReconstructionFilter[kind].New()
    fdk.SetInput(0, empty.GetOutput())
    fdk.SetInput(1, images)
    fdk.SetGeometry(turning)
    fdk.Update()
    # RTK's axes: x, up, and z against our y
    volume = np.moveaxis(itk.array_from_image(fdk.GetOutput()), 1, 0)[:, ::-1]
    return np.ascontiguousarray(volume * np.float32(1e4))


def main(folder: Path) -> None:
    """Read, reconstruct, write.

    Parameters
    ----------
    folder : pathlib.Path
        As of this module.
    """
    shape = json.loads((folder / "shape.json").read_text("utf-8"))
    volume = feldkamp_davis_kress(np.load(folder / "lines.npy"), shape)
    np.save(folder / "volume.npy", volume)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
