"""Changed rows of a convex head: which predictions stay under every choice, one method a file."""
