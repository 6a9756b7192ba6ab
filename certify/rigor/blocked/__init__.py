"""A symmetric matrix too large to be held twice: its lower part in blocks of columns, factorised where it stands."""
