"""Perturbation sets: each gives the matrix `Q = G_u G_uᵀ` of its parameter, enclosed."""
