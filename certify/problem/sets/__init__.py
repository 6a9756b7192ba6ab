"""The shapes of a budget, one object a word: how the rows that move share it, and how much they can do together."""
