"""Several processes read the rows, each its own: what is found is the same to the last bit, whatever their number."""
