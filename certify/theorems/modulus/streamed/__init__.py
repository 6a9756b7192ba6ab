"""M2 for many rows: the kernel column by column, in the place where it is factorised, and never whole."""
