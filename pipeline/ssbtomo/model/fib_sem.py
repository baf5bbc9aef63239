"""The recipe's section of FIB-SEM stacks."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ssbtomo.model.base import Length, Section

__all__ = ["FibSem"]


class FibSem(Section):
    """From the slices of a FIB-SEM run to an aligned volume free of curtains."""

    align: bool = Field(default=True, description="Find the drift from the slices themselves.")
    region: tuple[int, int, int, int] | None = Field(
        default=None,
        description="First row, one after the last, first column, one after the last, in the first "
        "slice, of a mark that stays the same: all slices are aligned to its mean image.",
    )
    high_pass: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="Alignment: pixels of the blur that is subtracted first; 0 for none. For "
        "slices with broad gradients.",
    )
    template: int = Field(
        default=0,
        ge=0,
        le=10,
        description="Alignment: slices before and after whose median each slice is aligned to in "
        "a last pass; 0 for none.",
    )
    distortion: Literal["none", "shear", "affine"] = Field(
        default="none",
        description="What beside drift is undone where it differs from slice to slice. shear: what "
        "drift during a slow scan does, shear along x and stretch along y; affine: any.",
    )
    keep_aligned: bool = Field(
        default=True, description="Leave a stack that is aligned already as it is."
    )
    flag_slices: bool = Field(
        default=True, description="Find blank and charged slices, and bridge them."
    )
    left_out: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        default=(), description="Numbers of slices, from 0, that are bridged in any case."
    )
    canvas: Literal["common", "grown"] = Field(
        default="common",
        description="common: the rectangle that all slices show; grown: all that any slice shows, "
        "with zeros beyond each slice, which no measure knows of.",
    )
    interpolation: Literal["cubic", "linear"] = Field(
        default="cubic", description="Within slices; all transforms are one interpolation."
    )
    curtains: bool = Field(default=True, description="Remove curtains along y.")
    curtain_strength: float = Field(
        default=1.0, gt=0, le=1, description="Share of the found curtains that is taken away."
    )
    curtain_length: float | None = Field(
        default=None,
        ge=4,
        allow_inf_nan=False,
        description="Pixels along which a curtain hardly changes; a tenth of the slice if absent.",
    )
    charged_rows: bool = Field(
        default=True, description="Level single rows that charging has shifted, with the curtains."
    )
    shading: bool = Field(
        default=False, description="Remove smooth shading, as the classes show it."
    )
    flicker: bool = Field(
        default=True,
        description="Level the brightness from slice to slice, as the classes show it.",
    )
    classes: int | None = Field(
        default=None,
        ge=2,
        le=5,
        description="Grey classes that curtains, shading and flicker are told by; as many as phases "
        "if absent.",
    )
    view_angle: float | None = Field(
        default=None,
        gt=5,
        le=90,
        description="Degrees between the beam and the cross-section: 52 on most machines. The "
        "height of the pixels is then corrected, unless the microscope has done it.",
    )
    tilt_corrected: bool | None = Field(
        default=None,
        description="Whether the microscope's tilt correction was on; what the file says if absent.",
    )
    fixed_beam: bool = Field(
        default=False,
        description="The view did not follow the face: slices are sheared to the block, by the "
        "angle alone (align: false).",
    )
    thickness: Literal["given", "estimate"] = Field(
        default="given",
        description="Distance of the slices: that of the voxel size, or the one at which slices "
        "are as alike as pixels of a slice (isotropic structures only).",
    )
    positions: str | None = Field(
        default=None,
        description="Text file with the position of each slice along z in µm, one per line, for "
        "slices of uneven thickness; the volume then has even ones.",
    )
    cubic_voxels: Length | None = Field(
        default=None, description="Edge of the voxels to be made; those of the scan if absent."
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.fixed_beam and (self.align or self.view_angle is None):
            raise ValueError("fixed_beam needs view_angle, and align: false")
        if self.positions is not None and self.thickness == "estimate":
            raise ValueError("positions and thickness: estimate exclude one another")
        if self.region is not None:
            top, bottom, left, right = self.region
            if not (0 <= top < bottom and 0 <= left < right):
                raise ValueError(f"region must be [top, bottom, left, right], got {self.region}")
        return self
