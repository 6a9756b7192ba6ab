"""The JSON Schema of a certificate: the members of the strict reader, and what the table of theorems says of claims.

It says what JSON Schema can say. What it cannot (that bytes are canonical, what numbers mean, that a claim is true)
only `certify check` says.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Final

from certify.certificate.schema import BY_ROW, Certificate
from certify.format.canonical import LARGEST_INTEGER, Json
from certify.format.quantities import QUANTITIES
from certify.format.theorems import THEOREMS, Theorem
from certify.format.witnesses import FORMS, Form
from certify.format.words import Base, Map, WeightNorm

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
NAME: Final = "https://certify/certificate/v1"
NULLABLE: Final = {"Problem": ("radius", "names", "count", "within"), "Base": ("tilt", "shift_norm", "shift_loss")}
"""Members that may be absent, as in certificates of earlier versions, and may be null where they are there."""
DIGITS: Final = {64: "^[0-9a-f]{64}$", 71: "^sha256:[0-9a-f]{64}$"}

UNSAID: Final = (
    "that the bytes are the canonical ones (sorted keys, each once; the shortest decimal numbers; one newline at the "
    "end), and that `digest` is their digest: V1 and V2 of the format",
    "whether a number is written `1` or `1.0`, which are one number to JSON Schema and two values to a certificate",
    "that numbers are ordered (`lower` ≤ `upper`, rising rows), or lists equally long",
    "that files have these digests, and that `problem` is what the files give: V4 to V6",
    "which claims the gates of the spec ask for, their units, and that verdicts follow from ends and thresholds",
    "in which direction ends were rounded; they are exact binary numbers, as written, and bounds to the last bit",
    "that any of it is true",
)
"""What a document may get wrong that the schema accepts."""


def json_schema() -> Json:
    """The JSON Schema (2020-12) of `certify/1`.

    What it refuses is no `certify/1`. What it accepts may still be false, or not even canonical: :data:`UNSAID`.

    >>> sorted(json_schema()["properties"]["claims"])
    ['items', 'minItems', 'type']
    """
    whole = Certificate.model_json_schema()
    parts = {name: _tight(part, name) for name, part in whole.pop("$defs").items()}
    parts["Claim"]["properties"]["rigour"] = {"const": "proved"}
    parts["Claim"] |= {"allOf": [_if({"quantity": {"enum": list(BY_ROW)}}, {"required": list(_ROWS)},
                                     {"properties": dict.fromkeys(_ROWS, False)})]}
    for name, members in (("Gate", ("max", "min")), ("OverTimeGate", ("max_increase", "max_decrease"))):
        parts[name] |= {"oneOf": [{"required": [member]} for member in members]}
    parts["Witness"] |= {"if": {"required": ["equal_rows"]}, "then": {"maxProperties": 1}}
    parts["File"]["properties"]["path"] = {"type": "string", "pattern": "^[^/\\\\\\u0000][^\\\\\\u0000]*$"}
    parts["Problem"] |= {"allOf": _of_the_problem()}
    claims: dict[str, Json] = {}
    for theorem in THEOREMS:
        claims |= {_key(theorem): _of_the_claim(theorem)}
    return {"$schema": DRAFT, "$id": NAME, "title": "certify/1", "$comment": "written by docs/generate.py"} | _tight(
        whole, "Certificate") | {"allOf": [*map(_of_the_map, Map), *_of_the_files()], "$defs": parts | claims}


_ROWS: Final = ("rows", "row_lower", "row_upper")
_SHIFTS: Final = ("tilt", "shift_norm", "shift_loss")


def _tight(part: Json, name: str) -> Json:
    """A part as a checker reads it: what may be absent is not null, and numbers are those that binary64 has."""
    required = part.get("required", ())
    kept = {key: value for key, value in part.items() if key not in ("title", "properties")}
    found = {key: _plain(value, key in required or key in NULLABLE.get(name, ()))
             for key, value in part["properties"].items()}
    return kept | {"description": _sentence(part.get("description", "")), "properties": found}


def _sentence(docstring: str) -> str:
    return re.sub(r"\s+", " ", docstring.split("\n\n")[0])


def _plain(value: Any, null: bool = True) -> Any:
    """One member, without what pydantic adds; `null`: whether it may be null."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: _plain(one) for key, one in value.items() if key not in ("title", "default")}
    choices = [one for one in found.pop("anyOf", ()) if null or one != {"type": "null"}]
    if {"type": "number"} in [{key: one[key] for key in one if key == "type"} for one in choices]:
        choices = [one for one in choices if one.get("type") != "integer"]
    if len(choices) == 1:
        found |= choices[0]
    elif choices:
        found["anyOf"] = choices
    ends = {"integer": LARGEST_INTEGER, "number": sys.float_info.max}
    if isinstance(found.get("type"), str) and found["type"] in ends:
        found = {"minimum": -ends[found["type"]], "maximum": ends[found["type"]]} | found
    length = next((length for length, pattern in DIGITS.items() if pattern == found.get("pattern")), None)
    return found if length is None else found | {"maxLength": length}  # a pattern's $ may stand before a newline


def _if(holds: Json, then: Json, other: Json) -> Json:
    """A condition on members that are there, with both consequences."""
    return {"if": {"properties": holds, "required": list(holds)}, "then": then, "else": other}


def _none(*members: str) -> Json:
    return {"properties": dict.fromkeys(members, False)}


def _of_the_problem() -> list[Json]:
    """Which members of the problem belong together."""
    network, norm, near = ("widths", "activation", "biases"), ("tau", "reference_rows"), ("within", "weights_length")
    seen = [str(word) for word in WeightNorm if word.rows]
    one_output = {"required": ["evaluation_rows"], "properties": {"outputs": {"const": 1}}}
    return [
        {"if": {"required": ["graph"]}, "then": _none(*network), "else": {"required": list(network)}},
        _if({"weight_norm": {"enum": seen}}, {"required": list(norm)}, _none(*norm)),
        _if({"base": {"enum": [str(base) for base in Base if base.near]}}, {}, _none(*near)),
        {"dependentSchemas": {"threshold": one_output, "functionals": one_output}},
        {"oneOf": [{"not": {"anyOf": [{"required": [one]} for one in _KINDS]}},
                   *({"required": [one]} for one in _KINDS)]},
    ]


_KINDS: Final = ("grouped", "relabelled", "pairs", "fresh")


def _of_the_files() -> list[Json]:
    """Members and files that are there where others need them."""
    def problem(**members: Json) -> Json:
        return {"properties": {"problem": {"properties": members, "required": list(members)}}}

    def claim(**members: Json) -> Json:
        return {"properties": {"claims": {"contains": {"properties": members}}}}

    def files(role: str) -> Json:
        return {"properties": {"subject": {"required": [role]}}}

    none = {role: {"properties": {"subject": _none(role)}} for role in ("graph", "reference")}
    arrays = [{"required": [name]} for name, form in FORMS.items() if form is Form.ARRAY]
    needs = [{"if": claim(quantity={"enum": [q.name for q in QUANTITIES.values() if need in q.needs]}),
              "then": problem(**{member: {}})} for need, member in _NEEDS.items()]
    return [
        {"if": problem(graph={}), "then": files("graph"), "else": none["graph"]},
        {"if": problem(reference_rows={}), "then": files("reference"), "else": none["reference"]},
        {"if": problem(evaluation_rows={}) | {"not": problem(functionals={"type": "array"})},
         "then": files("evaluation")},
        {"if": claim(witness={"anyOf": arrays}), "then": files("witness")}, *needs,
    ]


_NEEDS: Final = {"evaluation": "evaluation_rows", "window": "window"}
"""Members of the problem, by what a quantity needs."""


def _of_the_map(word: Map) -> Json:
    """What claims and the base of this solution map are."""
    rows = [{"$ref": f"#/$defs/{_key(theorem)}"} for theorem in THEOREMS if theorem.map is word]
    shifts = {"required": list(_SHIFTS)} if word.stationary else _none(*_SHIFTS)
    return {"if": {"properties": {"problem": {"properties": {"map": {"const": str(word)}}}}},
            "then": {"properties": {"claims": {"items": {"anyOf": rows}}, "base": shifts}}}


def _key(theorem: Theorem) -> str:
    """The name of a row of the table: a label may stand in several."""
    return f"{theorem.label}.{theorem.map}.{theorem.quantities[0]}"


def _of_the_claim(theorem: Theorem) -> Json:
    """What a row of the table of theorems says: label, quantities, members of the witness, names of hypotheses."""
    own = {"properties": dict.fromkeys(theorem.witness.members(), True), "additionalProperties": False}
    return {"properties": {
        "theorem": {"enum": [theorem.label, *theorem.cases]},
        "quantity": {"enum": [quantity.name for quantity in theorem.quantities]},
        "witness": own if theorem.witness.members() else {"maxProperties": 0},
        "hypotheses": {"items": {"properties": {"name": {"enum": list(theorem.hypotheses)}}}},
    }}
