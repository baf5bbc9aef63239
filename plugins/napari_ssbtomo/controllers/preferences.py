"""What a user prefers, from napari's own preferences."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Preferences", "preferences"]


@dataclass(frozen=True, slots=True)
class Preferences:
    """The plugin's preferences; the manifest holds the same defaults.

    Parameters
    ----------
    voxels_in_3d : int
        Millions of voxels that one layer may show in 3-D.
    scale_bar : bool
        Whether opened volumes come with a scale bar.
    colormap : str
        Colours of numbers on objects.
    workers : int
        Threads of a measurement; 0 for one less than the cores.
    """

    voxels_in_3d: int = 16
    scale_bar: bool = True
    colormap: str = "viridis"
    workers: int = 0

    @property
    def threads(self) -> int:
        """Threads of a measurement: one core is left to the window."""
        import os

        return self.workers or max((os.cpu_count() or 2) - 1, 1)


def preferences() -> Preferences:
    """Return what the user prefers; the defaults where napari keeps no preferences of plugins.

    Returns
    -------
    Preferences
        As of now.
    """
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari before 0.9
        return Preferences()
    try:
        told = get_plugin_settings("ssbtomo")
        return Preferences(
            told.viewing.voxels_in_3d, told.viewing.scale_bar, told.viewing.colormap,
            told.measuring.workers,
        )  # fmt: skip
    except (KeyError, AttributeError):  # the manifest was not discovered
        return Preferences()
