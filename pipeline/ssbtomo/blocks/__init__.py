"""The same measures over volumes cut into blocks: grid, engine, patterns."""

from ssbtomo.blocks.engine import SERIAL, Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.markers import Markers, fingerprint_of
from ssbtomo.blocks.patterns import check_sink, halo_map, tally

__all__ = [
    "SERIAL",
    "Block",
    "Engine",
    "Grid",
    "Markers",
    "Sink",
    "Source",
    "check_sink",
    "fingerprint_of",
    "halo_map",
    "tally",
]
