"""napari plugin of ssbtomo: open volumes and results, run recipes, measure labels.

The plugin only calls the library. What needs no window lives in
`napari_ssbtomo.controllers`; the docks in `napari_ssbtomo.widgets` show it.
"""
