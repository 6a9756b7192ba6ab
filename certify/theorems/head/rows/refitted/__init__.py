"""Refits of every choice, from one to the next."""
