"""Critical points in other norms of the weights, by passes along random vectors."""
