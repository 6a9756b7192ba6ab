"""Lipschitz constants and growth over balls of weights and data, in balls."""
