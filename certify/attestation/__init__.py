"""Attestations: what a checker proved again, as in-toto statements in envelopes that a key signs.

* `bounded`: files of others, read whole;
* `keys`: Ed25519 and ECDSA P-256 keys in PEM files, signing and verifying bytes;
* `envelope`: DSSE envelopes, alone or in sigstore bundles, and files of them, read strictly;
* `statement`: in-toto Statement v1, and the table of predicates that are known;
* `summary`: the predicate of this project, which says what was proved, of what; `eval_result`: one that others read;
* `abridged`: the question, of a size that can be signed; `judged`: thresholds of whoever verifies;
* `manifest`: the digest of a folder, equal to that of OpenSSF model-signing;
* `attested`: from summary to signed file, and back;
* `on_disk`: what was signed, held against files.

Nothing here checks a certificate: `certify attest` hands over what the checker accepted. A signature tells whose key
signed. It does not tell that model or data are genuine.
"""
