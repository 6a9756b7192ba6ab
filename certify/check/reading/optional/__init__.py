"""Reading what only some specs have: one change, more rows, columns with units of their own."""
