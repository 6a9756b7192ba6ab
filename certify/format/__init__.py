"""The ground floor: words, quantities, theorems and bytes that prover and checker share. Standard library only.

`words` and `quantities` say each word once. `question` says what is asked, in words, and which questions have no
meaning; `theorems` which of the others are answered, and by what; `support` looks a question up. `witnesses`,
`certificate`, `canonical` and `errors` are the bytes of a certificate, `verdict` what follows from its numbers. The
prover alone needs `nearest` (what would work instead), `digits` and `texts`.

A new theorem is a row of `theorems`, a text in `texts/`, and a line in `SINCE` of `tests/house/test_grid.py`.
"""
