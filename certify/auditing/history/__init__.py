"""Audits over time: what has changed since the last certificate, and all certificates of a folder on one page."""
