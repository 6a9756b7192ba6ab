"""Solution maps: what is known of their systems before any bound is computed."""
