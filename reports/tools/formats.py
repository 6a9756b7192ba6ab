"""Hold every format that programs read against what its readers ask for, over all certificates of this repository.

    python reports/tools/formats.py --sarif sarif-schema-2.1.0.json

The schema of SARIF is OASIS' (`https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/`). Needs
`jsonschema`, `junitparser`, `cyclonedx-python-lib[json-validation]` and `huggingface_hub`, which certify does not.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from itertools import chain
from pathlib import Path
from xml.dom import minidom

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Read every certificate in every format; exit status 1 where one is not read."""
    import jsonschema
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from huggingface_hub import ModelCard
    from junitparser import JUnitXml

    from certify.report.exporters import EXPORTERS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sarif", type=Path, required=True, help="the published schema")
    schema = json.loads(parser.parse_args().sarif.read_text(encoding="utf-8"))
    sarif, bom = jsonschema.validators.validator_for(schema)(schema), JsonStrictValidator(SchemaVersion.V1_6)
    tally, wrong = Counter[str](), 0
    for path in chain((ROOT / "reports" / "audits").rglob("certificate.json"), (ROOT / "tests" / "golden").rglob(
            "certificate.json")):
        certificate = json.loads(path.read_bytes())
        text = {name: one.render(certificate) for name, one in EXPORTERS.items()}
        faults = [str(error.message) for error in sarif.iter_errors(json.loads(text["sarif"]))]
        fault = bom.validate_str(text["cyclonedx"])
        faults += [str(fault)] if fault is not None else []
        suites = JUnitXml.fromstring(text["junit"].partition("?>")[2])
        if sum(suite.tests for suite in suites) != len(certificate["claims"]):
            faults.append("junitparser counts other cases")
        minidom.parseString(text["badge"])
        ends = sum(claim[end] is not None for claim in certificate["claims"] for end in ("lower", "upper"))
        if sum(1 for _ in ModelCard(text["model-card"]).data.eval_results or ()) != ends:
            faults.append("huggingface_hub counts other metrics")
        tally[certificate["verdict"]] += 1
        wrong += bool(faults)
        for line in faults:
            print(f"{path.relative_to(ROOT)}: {line}")
    print(f"{sum(tally.values())} certificates ({', '.join(f'{n} {word}' for word, n in sorted(tally.items()))}): "
          f"{wrong} not read as they should be")
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main())
