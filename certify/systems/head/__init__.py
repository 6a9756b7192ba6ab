"""A strongly convex last layer at the weights in the file."""
