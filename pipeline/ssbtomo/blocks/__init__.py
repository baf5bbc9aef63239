"""The same measures over volumes cut into blocks: grid, engine, patterns."""

from ssbtomo.blocks.engine import SERIAL, Engine, Sink, Source
from ssbtomo.blocks.grid import Block, Grid
from ssbtomo.blocks.patterns import halo_map, tally

__all__ = ["SERIAL", "Block", "Engine", "Grid", "Sink", "Source", "halo_map", "tally"]
