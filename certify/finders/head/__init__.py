"""Untrusted searches for heads on fixed features."""
