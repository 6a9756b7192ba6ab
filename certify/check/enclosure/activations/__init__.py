"""The activations, a file a family; each is imported when a network has one of it."""
