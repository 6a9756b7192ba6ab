"""Finished proofs, kept by the digest of all that they rest on. Whoever can write into the folder can forge them."""
