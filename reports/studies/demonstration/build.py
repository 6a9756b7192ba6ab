"""`python reports/studies/demonstration/build.py [-o FOLDER]`: a repository with a model, and what CI decides.

The repository is made in a temporary folder, with git. A change is a branch; CI is the steps of this repository's
`action.yml`, run as a script. Only a change that CI lets pass is merged, and only then is its certificate the baseline.
What happened is written as `decisions.json`, the summaries of the jobs, and `rows.csv`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))
import recipe
import steps
import suspects

HERE: Final = Path(__file__).parent
BASELINE, SUPPRESSIONS = "baseline.json", "suppress.toml"
OWNER: Final = """\
[[suppress]]
gate = "{gate}"
fingerprint = "{fingerprint}"
owner = "ana@example.org"
reason = "the old penalty comes back with the next release"
expires = {expires}
"""


@dataclass
class Repository:
    """A repository of git in which a model lives.

    Attributes:
        folder: of the checkout.
        scratch: for runners of CI.
        decisions: of CI so far.
    """

    folder: Path
    scratch: Path
    decisions: list[dict[str, Any]]

    def git(self, *arguments: str) -> str:
        """Call git in it."""
        env = dict(os.environ) | {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (
            ("NAME", "somebody"), ("EMAIL", "somebody@example.org"))} | {"GIT_CONFIG_GLOBAL": os.devnull}
        return subprocess.run(["git", *arguments], cwd=self.folder, env=env, check=True, text=True,
                              capture_output=True).stdout.strip()

    def commit(self, branch: str, subject: str) -> None:
        """Commit what lies there on a branch of its own, which begins where main is."""
        self.git("checkout", "-q", "-B", branch)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject)

    def judged(self, change: str, said: str, accuracy: float, **inputs: str) -> steps.Job:
        """Let CI decide on what is checked out, and note it."""
        runner = self.scratch / f"{len(self.decisions)}-{change}"
        job = steps.job(self.folder, runner, spec="certify.toml", output="out", **inputs)
        certificate = json.loads((self.folder / "out" / "certificate.json").read_bytes())
        self.decisions.append({
            "change": change, "said": said, "status": job.decision, "verdict": job.outputs["verdict"],
            "accuracy": round(accuracy, 4),
            "claims": {claim["quantity"]: [claim["lower"], claim["upper"]] for claim in certificate["claims"]},
            "annotations": sorted(map(_annotation, re.findall("^::.*$", job.printed, re.MULTILINE))),
        })
        return job

    def merged(self, branch: str) -> None:
        """Merge a change that CI let pass; its certificate becomes the baseline."""
        self.git("checkout", "-q", "main")
        self.git("merge", "-q", "--ff-only", branch)
        certify(self.folder, "baseline", "update", "out/certificate.json", "--baseline", BASELINE)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", f"Take {branch} as baseline")


def certify(folder: Path, *arguments: str) -> str:
    """Call certify; what it prints."""
    env = dict(os.environ) | {"PYTHONPATH": str(steps.ROOT)}
    return subprocess.run([sys.executable, "-m", "certify", *arguments], cwd=folder, env=env, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def _annotation(line: str) -> str:
    """An annotation of the job without the rows that flip, which the summary lists."""
    level, said = line.split(" ")[0].strip(":"), line.rpartition("::")[2].split("%0A")
    return "; ".join([f"{level}: {said[0]}", *(part for part in said[1:] if "evaluation row" not in part)])


def main(output: Path) -> int:
    """Make the repository, let CI decide, write what happened."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        here = Repository(Path(scratch) / "repository", Path(scratch) / "runners", [])
        here.folder.mkdir()
        here.git("init", "-q", "-b", "main")
        (here.folder / ".gitignore").write_text("out/\n", encoding="utf-8")
        released = begin(here, output)
        released = improve(here, released, output)
        regress(here, released, output)
        poison(here, released, output)
        log = here.git("log", "--format=%s", "main").splitlines()
    document = {"decisions": here.decisions, "main": log[::-1]}
    (output / "decisions.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for one in here.decisions:
        print(one["change"], one["status"], one["claims"], one["accuracy"], flush=True)
    return 0


def begin(here: Repository, output: Path) -> recipe.Release:
    """The first release has nothing to be held against: somebody decides to begin."""
    release = recipe.first()
    accuracy = recipe.write(release, here.folder)
    here.commit("first", "Release a first model")
    job = here.judged("first", "a first model, from half of the rows", accuracy, on_inconclusive="warn")
    kept(job, output, "first")
    here.git("branch", "-q", "-f", "main", "first")
    here.merged("first")
    return release


def improve(here: Repository, before: recipe.Release, output: Path) -> recipe.Release:
    """A release that is better, or at least proved no worse than the tolerance."""
    release = recipe.improved(before)
    accuracy = recipe.write(release, here.folder)
    here.commit("improve", "Train on all rows")
    job = here.judged("improve", "all rows", accuracy, baseline=BASELINE)
    kept(job, output, "improve")
    if job.decision == 0:
        here.merged("improve")
        return release
    here.git("checkout", "-q", "main")
    return before


def regress(here: Repository, before: recipe.Release, output: Path) -> None:
    """A release that is worse; then its owner answers for it until a day that is past, and one that is not."""
    accuracy = recipe.write(recipe.regressed(before), here.folder)
    here.commit("regress", "Drop the penalty, the training loss is lower without it")
    kept(here.judged("regress", "nearly no penalty", accuracy, baseline=BASELINE), output, "regress")
    for name, day in (("regress, suppressed until a day that is past", "2026-01-31"),
                      ("regress, suppressed until a day to come", "9999-12-31")):
        entries = [OWNER.format(expires=day, **gate) for gate in failed(here)]
        (here.folder / SUPPRESSIONS).write_text("\n".join(entries), encoding="utf-8")
        here.judged(name, "the same, and its owner answers for both gates", accuracy, baseline=BASELINE,
                    suppressions=SUPPRESSIONS)
    (here.folder / SUPPRESSIONS).unlink()
    here.git("checkout", "-q", "main")


def poison(here: Repository, before: recipe.Release, output: Path) -> None:
    """A delivery of data with turned labels; which rows a reviewer is shown; and what CI says of the repair."""
    release = recipe.poisoned(before)
    accuracy = recipe.write(release, here.folder)
    here.commit("poison", "Train on the new delivery of labels")
    kept(here.judged("poison", "the labels of 21 rows turned", accuracy, baseline=BASELINE), output, "poison")
    shutil.copy(here.folder / "out" / "report.html", output / "poison.html")
    listed = suspects.listed(before, release)
    with (output / "rows.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(("row", "turned", "back_at_least", "back_at_most"))
        turned = set(recipe.turned(before).tolist())
        writer.writerows((one.row, int(one.row in turned), f"{one.least:.6g}", f"{one.most:.6g}") for one in listed)
    here.git("checkout", "-q", "main")
    accuracy = recipe.write(suspects.repaired(before, release, listed), here.folder)
    looked_up = f"the first {suspects.LOOKED_UP} rows of the list"
    here.commit("repair", f"Look up the labels of {looked_up}, and correct them")
    job = here.judged("repair", f"{looked_up} looked up", accuracy, baseline=BASELINE)
    kept(job, output, "repair")
    if job.decision == 0:
        here.merged("repair")


def failed(here: Repository) -> list[dict[str, str]]:
    """The gates that failed, as the SARIF file of the job names them."""
    run = json.loads((here.folder / "out" / "certify.sarif").read_bytes())["runs"][0]
    return [{"gate": result["properties"]["asked"], "fingerprint": result["partialFingerprints"]["certifyGate/v1"]}
            for result in run["results"]]


def kept(job: steps.Job, output: Path, name: str) -> None:
    """The summary of a job, as its page shows it."""
    (output / f"{name}.md").write_text(job.summary, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", dest="output", type=Path, default=HERE / "recorded")
    raise SystemExit(main(parser.parse_args().output))
