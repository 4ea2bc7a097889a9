"""
The command line in a process that kills itself at a named point, "MODULE:FUNCTION:WHEN:N".

WHEN is "call" or "return", and the N-th one is meant: "evalharness.store.ledger:claim:return:3". Between a function's return and the
commit of its transaction lies a point that no outside observer could hit. The program itself is unchanged: the interpreter reports
calls to whoever asks. The processes are forked from one that has imported everything, since imports take most of a short run.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from evalharness.cli import main

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["evalharness.cli.shadow", __name__])


def run_until(point: str, folder: Path, environment: Mapping[str, str], arguments: Sequence[str]) -> int | None:
    """The exit status of a command that was to kill itself at a point: -9 if it did."""
    process = _FORKS.Process(target=_run, args=(point, folder, dict(environment), list(arguments)))
    process.start()
    process.join()
    return process.exitcode


def _run(point: str, folder: Path, environment: dict[str, str], arguments: list[str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
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
    main(arguments)
