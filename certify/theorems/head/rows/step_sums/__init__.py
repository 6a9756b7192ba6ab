"""D20: any labels of a logistic head changed, also of rows that carry weights, by sums of single steps."""
