"""The trusted checker: re-derives every claim of a certificate from the original files.

It stands alone. It imports the standard library, python-flint, and numpy to read arrays; nothing else of
`certify`. Its rules are `proofs/certificate-format.md`, rule by rule.

Reading order: :mod:`~certify.check.refusal`, :mod:`~certify.check.canonical`,
:mod:`~certify.check.certificate`, :mod:`~certify.check.spec`, :mod:`~certify.check.arrays`,
:mod:`~certify.check.files`, :mod:`~certify.check.subject`, :mod:`~certify.check.network`,
:mod:`~certify.check.definite`, :mod:`~certify.check.evidence`, :mod:`~certify.check.rules`,
:mod:`~certify.check.verdicts`, :mod:`~certify.check.main`.
"""
