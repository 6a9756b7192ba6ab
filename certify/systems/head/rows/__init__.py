"""A convex head on fixed features and changes of whole rows: what is known of it, and its refits enclosed."""
