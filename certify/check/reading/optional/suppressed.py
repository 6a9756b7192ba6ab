"""The member `suppressed`: gates that somebody answers for. Stated and not heeded, but of its form."""

from __future__ import annotations

from datetime import date

from certify.check.reading.certificate import STATES, choice, text
from certify.check.reading.told import check_text
from certify.format.canonical import show
from certify.format.refusal import Invalid

MEMBERS = ("gate", "fingerprint", "owner", "reason", "expires", "expired", "state")
MOST = 1000


def check_suppressed(value: object) -> None:
    """A list of entries with these members, in texts that show what they hold; raises `Invalid`."""
    if not isinstance(value, list) or not 0 < len(value) <= MOST:
        raise Invalid("suppressed", f"{show(value)} is stated", f"a list of 1 to {MOST} entries is needed")
    for at, entry in enumerate(value):
        where = f"suppressed[{at}]"
        if not isinstance(entry, dict) or set(entry) != set(MEMBERS):
            raise Invalid(where, f"{show(entry)} is stated", f"the members are {', '.join(MEMBERS)}")
        for name in MEMBERS[:5]:
            check_text(f"{where}.{name}", text(entry[name], f"{where}.{name}"))
        try:
            right = date.fromisoformat(entry["expires"]).isoformat() == entry["expires"]
        except ValueError:
            right = False
        if not right or not isinstance(entry["expired"], bool):
            raise Invalid(where, f"{show([entry['expires'], entry['expired']])} is stated",
                          "a day as YYYY-MM-DD, and true or false, are needed")
        choice(entry["state"], f"{where}.state", STATES[1:])
