"""Why a record of a log brings no call: a value for the quarantine file, never holding content."""

from __future__ import annotations


class Unreadable(ValueError):  # noqa: N818 - named for what it says of the record; not part of the tree of errors.py
    """
    A record, or a provider's body, that is not what its format says.

    Args:
        reason: Code, e.g. "wrong_type"; counted and shown.
        field: Where, in names of the format only: "choices[0].message". Never taken from the record.
        remedy: What would make it readable, if anything would.
    """

    def __init__(self, reason: str, field: str = "", remedy: str = "") -> None:
        super().__init__(": ".join(part for part in (reason, field, remedy) if part))
        self.reason = reason
        self.field = field
        self.remedy = remedy


class NotACall(Unreadable):
    """
    A sound record of something else than a production generation: to be counted, not quarantined.

    Its reasons are "not_a_generation" (embeddings, token counts, ...), "silent_experiment" and "health_check".
    """
