"""Certificates: what was claimed about which bytes, in a form of which every byte counts."""

from certify.certificate.build import build
from certify.certificate.canonical import canonical_bytes, digest, seal
from certify.certificate.read import read_certificate

__all__ = ["build", "canonical_bytes", "digest", "read_certificate", "seal"]
