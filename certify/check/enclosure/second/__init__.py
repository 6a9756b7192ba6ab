"""Second derivatives of many rows, with less to make."""
