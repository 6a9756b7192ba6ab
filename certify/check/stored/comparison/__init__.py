"""D4a for rows on disk: rows are compared with each other where leverages of a few add up to much."""
