"""Slices of a FIB-SEM stack: alignment, curtains, thickness, geometry. Arrays in, arrays out."""
