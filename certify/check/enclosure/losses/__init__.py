"""The losses of one row in ball arithmetic: a file a loss, with the name it has in specs."""
