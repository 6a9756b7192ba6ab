"""One theorem a file, a folder a quantity."""
