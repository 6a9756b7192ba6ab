"""What is known at the point: the base of the claims, and the evidence that the rules look at."""
