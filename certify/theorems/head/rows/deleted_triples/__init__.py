"""D30: two and three deleted rows of a logistic head, measured in the matrix without them."""
