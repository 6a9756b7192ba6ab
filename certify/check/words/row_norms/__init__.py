"""The norms of one row's change: 1, 2 and inf, one file a norm, which is loaded where a problem has it."""
