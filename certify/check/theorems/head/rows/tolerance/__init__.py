"""How many changed rows each prediction survives, derived again."""
