"""`certify attest`: sign what the checker proved of a certificate and its files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from certify.cli.app import app, interruptible
from certify.cli.attesting.options import (
    Change,
    Data,
    Evaluation,
    Graph,
    Json,
    Least,
    Merged,
    Model,
    Most,
    Quiet,
    Reference,
    WeightTilt,
    Within,
    Witness,
    gates,
    require_share,
    teller,
)
from certify.format.errors import InputError

SUFFIX = ".intoto.jsonl"


@app.command()
@interruptible
def attest(
    certificate: Annotated[Path | None, typer.Argument(metavar="CERT", help="A certificate.json.")] = None,
    spec: Annotated[Path | None, typer.Argument(
        metavar="[SPEC]", help="The spec (default: as recorded, or beside the certificate).")] = None,
    key: Annotated[list[Path] | None, typer.Option(
        "--key", metavar="FILE", help="A private key, Ed25519 or ECDSA P-256, PEM. Again for more signatures.")] = None,
    password: Annotated[Path | None, typer.Option(
        "--password-file", metavar="FILE", help="Its first line opens the private key.")] = None,
    output: Annotated[Path | None, typer.Option(
        "-o", "--output", metavar="FILE", help="Where to write (default: certificate.intoto.jsonl beside it).")] = None,
    form: Annotated[str, typer.Option(
        "--format", metavar="NAME", help="dsse, or bundle: sigstore bundles 0.3, made offline, in no log.")] = "dsse",
    folder: Annotated[Path | None, typer.Option(
        "--folder", metavar="DIR", help="The model's folder: a subject, with model-signing's digest.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(
        "--ignore", metavar="PATH", help="In the folder, to be left out of its digest. Again for more.")] = None,
    evaluator: Annotated[str | None, typer.Option(
        "--evaluator", metavar="URI", help="Who ran this, for eval-result (default: the checker).")] = None,
    assurance: Annotated[str, typer.Option(
        "--assurance", metavar="WORD", help="Your word for it: self_attested, third_party or reproduced.",
    )] = "self_attested",
    new_key: Annotated[Path | None, typer.Option(
        "--new-key", metavar="FILE", help="Write a new key pair, FILE and FILE.pub, and leave.")] = None,
    kind: Annotated[str, typer.Option("--kind", metavar="NAME", help="Of it: ed25519 or ecdsa.")] = "ed25519",
    most: Most = None, least: Least = None, within: Within = None,
    merge_duplicates: Merged = False, weight_tilt: WeightTilt = False,
    model: Model = None, graph: Graph = None, data: Data = None, reference: Reference = None, change: Change = None,
    evaluation: Evaluation = None, witness: Witness = None,
    as_json: Json = False, quiet: Quiet = False,
) -> None:
    """Check a certificate against its files, and sign what the checker proved; nothing is signed that it refuses.

    The status is that of `certify check`. A signature says whose key signed, never that model or data are genuine.
    """
    if new_key is not None:
        if certificate is not None or key:
            raise InputError("--new-key", "a certificate or a key is given too",
                             "make the key first, then sign with it")
        _new_key(new_key, kind, quiet)
        return
    from certify.attestation.envelope import FORMS
    from certify.attestation.eval_result import ASSURANCES, EVALUATOR

    if certificate is None or not key:
        raise InputError("attest", "a certificate and a private key are needed", "give CERT and --key FILE; "
                         "`certify attest --new-key FILE` makes a key")
    for option, word, known in (("--format", form, FORMS), ("--assurance", assurance, ASSURANCES)):
        if word not in known:
            raise InputError(f"{option} {word}", "there is no such word", f"use {', '.join(known)}")
    require_share(within)
    given = {"spec": spec, "model": model, "graph": graph, "data": data, "reference": reference, "change": change,
             "evaluation": evaluation, "witness": witness}
    from certify.check.choices.allowed import Allowed
    from certify.cli.attesting.checked import Asked
    from certify.cli.attesting.signing import Signing, sign

    asked = Asked(certificate, given, gates(most, least), within, Allowed(merge_duplicates, weight_tilt))
    place = certificate.with_name(certificate.stem + SUFFIX) if output is None else output
    signing = Signing(tuple(key), password, place, form, evaluator or EVALUATOR, assurance)
    signed = sign(asked, signing, folder, tuple(ignore or ()), teller(quiet))
    print(json.dumps(signed.as_json(), allow_nan=False) if as_json else signed.line)
    sys.stdout.flush()
    if not quiet:
        for words in signed.notes:
            print(words, file=sys.stderr)
    raise typer.Exit(signed.status)


def _new_key(path: Path, kind: str, quiet: bool) -> None:
    from certify.attestation.keys import write_new
    from certify.cli.text import one_line

    made = write_new(path, kind)
    if not quiet:
        print(one_line(f"wrote {path}, which only you may read, and {path}.pub: key {made.keyid}"), file=sys.stderr)
