"""How transport is solved: conventions, accuracy, sides, maps, cells."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["QUANTITIES", "Conduction"]

Program = Literal["taufactor", "porespy", "openimpala", "puma"]
Map = Literal["potential", "flux", "resistance"]
QUANTITIES: tuple[Map, ...] = ("potential", "flux", "resistance")


class Conduction(BaseModel):
    """How conduction is solved; which phases and networks conduct stands beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    convention: Program | None = Field(
        default=None,
        description="Program whose boundaries and definitions tortuosity_factor is to have "
        "(taufactor, porespy, openimpala, puma); ours, which are those of TauFactor, if absent.",
    )
    tolerance: float = Field(
        default=1e-6,
        ge=1e-10,
        le=1e-2,
        description="Relative error at which a solve stops; the certified bounds are within ten "
        "times as much of each other.",
    )
    periodic: bool = Field(
        default=False,
        description="Join opposite sides along the transport; insulate them if false.",
    )
    surfaces: Literal["voxels", "smooth"] = Field(
        default="voxels",
        description="voxels: phases end at voxel faces, as in other programs, which conducts "
        "too poorly, by 1 to 20 % in gaps of 8 to 1 voxels; smooth: a smooth surface is laid "
        "through the staircase of each phase. Networks, `cells` and `transport_extras` keep "
        "their voxels.",
    )
    storage: Literal["auto", "memory", "disk"] = Field(
        default="auto",
        description="Where the fields of a solve lie; disk: in files of the results folder, which a "
        "volume beyond memory needs, at about twice the time; auto: there if memory does not "
        "do. The numbers are the same.",
    )
    maps: tuple[Map, ...] = Field(
        default=QUANTITIES,
        min_length=1,
        description="What is written of the phases and networks in `fields`: potential, flux "
        "(current density over its mean) and resistance (local share of it).",
    )
    cells: Annotated[int, Field(ge=0, le=5)] = Field(
        default=0,
        description="Is the volume large enough? So many sizes of cubic cells are solved, a half, a "
        "quarter, ... of the shortest edge, along the transport axis; 0 turns it off. Cells of "
        "fewer than 8 voxels are left out.",
    )
