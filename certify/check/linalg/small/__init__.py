"""Small symmetric matrices: what takes less time than a factorisation in balls."""
