"""Matrices in balls and in fixed point, and the judgements on them: definite, nonsingular, largest eigenvalue."""
