"""An import that kills itself: `python -m tests.ingest.killed_import URL LOG N` dies the Nth time it asks for the time."""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from evalharness import ingest
from evalharness.store import Store
from tests.ingest.traffic import NOW, configured


def main(url: str, log: str, fatal: int) -> None:
    """Import the log, up to the fatal moment (0: none)."""
    asked = 0

    def now() -> datetime:
        nonlocal asked
        asked += 1
        if asked == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return NOW

    with Store(url) as store:
        ingest.run(store, configured(share=0.1), [log], format_name=None, quarantine=Path(log).parent / "quarantine.jsonl", now=now)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
