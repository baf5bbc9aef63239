"""What the plugin does, without a window: opening, running, measuring, tabling."""
