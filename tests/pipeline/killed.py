"""
The command line in a process that kills itself at a named point: `python -m tests.pipeline.killed MODULE:FUNCTION:WHEN:N ARGUMENT...`.

WHEN is "call" or "return", and the N-th one is meant: "evalharness.store.ledger:claim:return:3". Between a function's return and the
commit of its transaction lies a point that no outside observer could hit. The program itself is unchanged: the interpreter reports
calls to whoever asks.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib import import_module
from types import FrameType


def main(point: str, arguments: list[str]) -> None:
    """Run the command line up to the point."""
    import_module("evalharness.cli.shadow")  # imports are not watched: they would take most of the time
    from evalharness.cli import main as command_line  # noqa: PLC0415 - as above

    module, name, when, n = point.split(":")
    left = int(n)

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal left
        if event == when and frame.f_code.co_qualname == name and frame.f_globals.get("__name__") == module:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(watch)
    sys.setprofile(watch)
    command_line(arguments)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
