"""The trusted checker: re-derives every claim of a certificate from the original files.

It stands alone: the standard library and python-flint, nothing else, and nothing else of `certify`. Its rules are
those of `proofs/certificate-format.md`, V1 to V45.

Reading order: `refusal`, `canonical`, `certificate` (V1–V3), `files` (V4), `spec`, `arrays`, `table`, `data` (V5),
`subject` (V6), `balls`, `activation`, `network`, `definite`, `norms`, `sublevel`, `interpolating`, `objective`,
`fixed`, `inverse` (W2), `deflated` (W3), `blocks`, `hessian`, `symmetry`, `stationary` (M5), `nearby`,
`stationary_nearby` (V19), `evidence` (what is recomputed), `base`, `critical_base` (V7, V36), `side`,
`rules` (V9–V15), `budgets`, `stationary_sets` and `set_claims` (V24–V28),
`spread` and `finite` (V29, V30), `spread_second` and `critical_finite` (V43–V45), `growth`, `steepness` and
`compensation` (V31, V32), `descent_rules` (V20–V22), `stationary_rules` (V33–V35), `hypotheses` (V15, V20), `claims`
(V8, V14–V16), `verdicts` (V16–V18), `main`.
"""
