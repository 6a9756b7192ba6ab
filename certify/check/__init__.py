"""The trusted checker: re-derives every claim of a certificate from the original files.

It stands alone: the standard library and python-flint, nothing else, and nothing else of `certify`. Its rules are
those of `proofs/certificate-format.md`. What reads or checks raises `Invalid` at the first thing that is not as it has
to be. It is written in rings, and a verdict rests on what its certificate loads (`certify check --trusted` lists it):

* the kernel: `kernel` and `judgements` (what a statement is, and how it is decided), `rule` (a theorem as an object),
  `table` (which rule a claim needs), `hypotheses`, `claims`, `verdicts`, `run` (the order of checking; `solution`
  where it is not the weights in the file; `main` reads the command line and prints);
* `reading/`: from bytes to the exact problem; `reading/sections/`: parts of a spec, loaded where it has them;
* `words/`: what the words of a spec mean here, an object a word (sets, parameters, maps, norms, losses, cases of M5);
* `choices/`: what a certificate chooses and the spec does not say, loaded where it does;
* `linalg/`, `enclosure/`, `lipschitz/` and `systems/`: balls that hold the truth, and what is known at a point;
* `theorems/`: a file a theorem, with the names of `certify/theorems/`; the table imports the one that a claim needs.
"""
