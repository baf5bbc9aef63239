"""What happens when something was opened: scale bar, 3-D guard, and the question for a voxel size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from napari_ssbtomo.controllers.layer_data import LayerData

__all__ = ["prepare", "welcome"]


def welcome(layers: Iterable[LayerData]) -> None:
    """Prepare the window for layers that are about to be added, and tell their notes.

    Parameters
    ----------
    layers : iterable of LayerData
        What was opened.
    """
    import napari

    viewer = napari.current_viewer()
    told = [meta["metadata"]["ssbtomo"] for _, meta, _ in layers]
    notes = [about["note"] for about in told if about.get("note")]
    for note in notes:
        _tell(note)
    if viewer is None:
        return
    prepare(viewer)
    if any(about.get("no_voxel_size") for about in told):
        viewer.window.add_plugin_dock_widget("ssbtomo", "Voxel size")


def prepare(viewer: Any) -> None:
    """Give a window its scale bar and its guard of 3-D views, once.

    Parameters
    ----------
    viewer : napari.Viewer
        The window.
    """
    from napari_ssbtomo.controllers.depth_guard import DepthGuard
    from napari_ssbtomo.controllers.preferences import preferences
    from napari_ssbtomo.widgets.aside import aside

    wanted = aside(preferences)  # at the first call napari reads the manifests of all plugins
    DepthGuard.watch(viewer, wanted.voxels_in_3d * 10**6, _tell)
    if wanted.scale_bar:
        _scale_bar(viewer).visible = True


def _scale_bar(viewer: Any) -> Any:
    canvas = getattr(viewer, "canvas", None)
    overlays = getattr(canvas, "overlays", None)
    return viewer.scale_bar if overlays is None else overlays.scale_bar


def _tell(note: str) -> None:
    from napari.utils.notifications import show_info

    show_info(note)
