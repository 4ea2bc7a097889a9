"""
Kills writers of a routing table at random moments, and reads the file before, during and after: `killed_writer.py FOLDER KILLS`.

Prints JSON: how many writers were killed, how often the file was read, how many versions were seen, and every fault of a reading.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from evalharness.errors import PromoteError
from evalharness.promote import read
from evalharness.promote.write import exclusive, write
from tests.promote.test_table import TABLE


def keep_writing(path: Path, started: int) -> None:
    """Write a longer and a shorter table in turn, for ever."""
    texts = [replace(TABLE, version=version, note="n" * size).render() for version, size in ((1, 0), (2, 200_000))]
    os.write(started, b".")
    while True:
        for text in texts:
            with exclusive(path):
                write(path, text)


def main(path: Path, kills: int) -> None:
    """Kill so many writers, one after the other, each found in the state that the last one left."""
    rng = random.Random(20260302)  # noqa: S311 - moments, not secrets
    seen: set[int] = set()
    reads, faults = 0, []
    for _ in range(kills):
        ready, started = os.pipe()
        writer = os.fork()
        if writer == 0:
            keep_writing(path, started)
        os.read(ready, 1)
        end = time.monotonic() + rng.uniform(0.001, 0.03)
        while time.monotonic() < end or not seen:
            try:
                seen.add(read(path).version)
            except PromoteError as error:
                if seen or "no such file" not in str(error):
                    faults.append(str(error))
            reads += 1
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        os.close(ready)
        os.close(started)
        seen.add(read(path).version)
        reads += 1
    print(json.dumps({"kills": kills, "reads": reads, "versions": sorted(seen), "faults": faults}))  # noqa: T201 - its result


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "routing.json", int(sys.argv[2]))
