"""D1h: what any m rows of a logistic regression do, by lengths and influences in the norm of its curvature."""
