"""Untrusted searches about a convex head: refits of many changes at once, and changes that flip predictions."""
