"""The verbs that sign what the checker proved, and that verify what was signed."""

from certify.cli.attesting import attest, verify

__all__ = ["attest", "verify"]
