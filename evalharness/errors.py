"""
What can go wrong for a user, as one tree.

    EvalHarnessError            one line, exit status 1
    ├── ConfigError             evalharness.toml or the environment is wrong
    ├── StoreError              the database is missing, behind, locked or not ours
    ├── InputError              a file that was given cannot be read
    ├── ReplayError             nothing can be replayed (no key, no candidate, no price)
    ├── BudgetError             the money allowed would be passed
    ├── ReviewError             a grade that must not be stored
    └── PromoteError            a routing table that must not be written

Everything else is a bug and keeps its traceback.
"""


class EvalHarnessError(Exception):
    """Something a user can mend."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or " ".join((type(self).__doc__ or "").split()))


class ConfigError(EvalHarnessError):
    """The configuration is wrong; run `evalharness doctor` to see what is missing."""


class StoreError(EvalHarnessError):
    """The database cannot be used; run `evalharness db upgrade`, then `evalharness doctor`."""


class InputError(EvalHarnessError):
    """The input cannot be read; name a file in a known format, see `evalharness ingest --help`."""


class ReplayError(EvalHarnessError):
    """Nothing can be replayed; run `evalharness doctor` to see keys, candidates and prices."""


class BudgetError(EvalHarnessError):
    """The budget would be passed; raise `[budget] run_usd` or lower the share."""


class ReviewError(EvalHarnessError):
    """The grade was not stored; reload the page to see the pair as it is now."""


class PromoteError(EvalHarnessError):
    """The routing table was not written; run `evalharness promote diff` to see what would change."""
