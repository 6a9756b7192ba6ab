"""Questions about groups of training rows, each of which is left out with all its rows."""
