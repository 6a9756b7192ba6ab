"""How many changed rows each prediction survives, both ends."""
