"""The trusted checker: re-derives every claim of a certificate from the original files.

It stands alone: the standard library and python-flint, nothing else, and nothing else of `certify`. Its rules are
those of `proofs/certificate-format.md`, V1 to V30.

Reading order: `refusal`, `canonical`, `certificate` (V1–V3), `files` (V4), `spec`, `arrays`, `table`, `data`
(V5), `subject` (V6), `balls`, `activation`, `network`, `definite`, `norms`, `sublevel`, `evidence` (what is
recomputed), `base` (V7), `side`, `nearby` (V19), `rules` (V9–V15), `budgets` and `set_claims` (V24–V28), `spread` and
`finite` (V29, V30), `growth`, `descent_rules` (V20–V22), `hypotheses` (V15, V20), `claims` (V8, V14–V16), `verdicts`
(V16–V18), `main`.
"""
