"""Of matrices of many rows: what takes less time there than what is done with few."""
