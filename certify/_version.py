"""The version of the package, in a file of its own: the build and every certificate read it."""

__version__ = "0.2.0"
