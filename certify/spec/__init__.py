"""The spec: what a user asks for, as frozen data read from TOML.

:func:`load_spec` reads a file, :func:`json_schema` publishes the format, and
:mod:`certify.spec.validity` decides what makes sense together and what is built.
"""

from certify.spec.load import load_spec, parse_spec
from certify.spec.models import Gate, Spec, json_schema

__all__ = ["Gate", "Spec", "json_schema", "load_spec", "parse_spec"]
