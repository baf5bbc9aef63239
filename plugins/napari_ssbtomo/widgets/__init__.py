"""The docks: thin magicgui containers around the controllers."""
