"""Readers of files of arrays, one a file; :mod:`certify.inputs.formats.table` picks one."""
