"""`certify report`: pages of certificates that are there."""
