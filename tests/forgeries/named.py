"""B: files named by the spec are not the files bound."""

from __future__ import annotations

from tests.forgeries.forgery import GOLDEN, Forgery, Work

NAMED = "{} is recorded, but the spec names"


def _decoy(role: str):
    """The honest claims are about a file of another name; where the spec points lies another file."""
    def forge(work: Work) -> None:
        genuine = work.path(role)
        data = genuine.read_bytes()
        genuine.write_bytes(data[:-8] + b"\0" * 8)
        work.bind(role, data, f"decoy-{genuine.name}")

    return forge


def _elsewhere(role: str, path: str):
    def forge(work: Work) -> None:
        work.certificate["subject"][role]["path"] = path

    return forge


def _folder(work: Work) -> None:
    below = work.folder / "below"
    below.mkdir()
    (below / work.path("model").name).write_bytes(work.path("model").read_bytes())
    work.certificate["subject"]["model"]["path"] = "below/model.safetensors"


def _swapped(work: Work) -> None:
    subject = work.certificate["subject"]
    subject["model"], subject["data"] = subject["data"], subject["model"]


ROWS = (
    *(Forgery(f"b-decoy-{role}", f"the spec names a {role} file, and another one is bound", f"{GOLDEN}/{of}",
              _decoy(role), rf"subject\.{role}\.path: .* is recorded, but the spec names")
      for role, of in (("model", "tanh"), ("data", "tanh"), ("change", "change"), ("evaluation", "rows-deleted"))),
    Forgery("b-copy-below", "the same bytes in another folder than the spec says", f"{GOLDEN}/tanh", _folder,
            r"subject\.model\.path"),
    Forgery("b-swapped", "model and data change places", f"{GOLDEN}/tanh", _swapped, r"subject\.(model|data)\.path"),
    Forgery("b-witness-above", "the side file lies above the certificate's folder", f"{GOLDEN}/nearby",
            _elsewhere("witness", "../witness.safetensors"), r"subject\.witness\.path"),
    Forgery("b-absolute", "a path from the root", f"{GOLDEN}/tanh", _elsewhere("data", "/etc/hostname"),
            r"subject\.data\.path: .* is stated, but a relative path"),
    Forgery("b-backslash", "a path that another system reads as one above", f"{GOLDEN}/tanh",
            _elsewhere("data", "..\\data.npz"), r"subject\.data\.path: .* is stated, but a relative path"),
    Forgery("b-foreign-file", "a file of the machine that checks, whose digest would be said",
            f"{GOLDEN}/tanh", _elsewhere("spec", "../" * 12 + "etc/hostname"), "^(?!.*its bytes are).*spec file"),
)
