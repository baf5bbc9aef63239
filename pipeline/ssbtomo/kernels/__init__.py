"""kernels."""

from numba.core import event

from ssbtomo.kernels.compiling import Rest

event.register("numba:compile", Rest())  # type: ignore[no-untyped-call]
