"""A convex head on fixed features, and the changes of whole rows that it may meet."""
