"""More questions about changed rows of a head: accuracy, tolerated numbers, influence, ranges of weights."""
