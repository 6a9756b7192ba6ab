"""Untrusted searches. Nothing they return becomes a number in a claim before it is enclosed."""
