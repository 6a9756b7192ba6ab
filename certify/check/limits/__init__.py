"""What a check may take, and about what it will."""
