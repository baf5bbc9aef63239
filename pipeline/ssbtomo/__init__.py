"""ssbtomo."""
