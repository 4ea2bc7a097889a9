"""
Real pairs through the whole harness: a public benchmark's outputs as production traffic, its correctness as the reviewers.

Each row of a pairs file has the outputs of a dearer and a cheaper model for one prompt, and whether each is correct. The dearer
output becomes a production call in a log, the simulated provider answers the replay with the recorded cheaper output, and correctness
becomes the grade of every pair. Nothing else is made up: ingest, sample, replay, compare, review, decide and report are the commands
that production runs.

    python examples/public_pairs.py WORK_FOLDER PAIRS.jsonl...

The work folder gets the log, the configuration, the database, the grades and the report. A pairs file has a JSON object per line
with `item_id`, `task_type`, `prompt`, `strong_model`, `weak_model`, `strong_output`, `weak_output`, `strong_correct` and `weak_correct`.
Those of the README are made from TIGER-AI-Lab/MMLU-Pro (f418b116, eval_results) and lm-sys/RouteLLM (0b64fdaf, evals/gsm8k).
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from evalharness.simulate.answers import Script
from evalharness.simulate.provider import running

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
VENDORS = {"gemini": "google", "gpt": "openai", "Mixtral": "mistral"}
PRICES = {  # USD per million tokens, as listed when these models were sold
    "gpt-4-1106-preview": (10.0, 30.0),
    "gemini-1.5-pro-002": (1.25, 5.0),
    "Mixtral-8x7B-Instruct-v0.1": (0.6, 0.6),
    "gemini-1.5-flash-002": (0.075, 0.3),
}


def main(folder: Path, files: list[Path]) -> None:
    """Run everything, and print the report."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    write_lines(folder / "production.jsonl", production_log(rows))
    write_grades(folder / "grades.csv", rows)
    answers = Script(cheaper_answers(rows))
    with running(answers, port=port_of(folder)) as provider:
        (folder / "evalharness.toml").write_text(configuration(rows, provider.openai_url), encoding="utf-8")
        evalharness(folder, "shadow", "production.jsonl")
    evalharness(folder, "review", "import", "grades.csv")
    evalharness(folder, "report")
    (folder / "report.json").write_text(evalharness(folder, "report", "--format", "json", show=False), encoding="utf-8")


def port_of(folder: Path) -> int:
    """The provider's port in an earlier run in this folder, since another address is another route version; 0 takes a free one."""
    config = folder / "evalharness.toml"
    found = re.search(r"127\.0\.0\.1:(\d+)", config.read_text(encoding="utf-8")) if config.exists() else None
    return int(found[1]) if found else 0


def evalharness(folder: Path, *arguments: str, show: bool = True) -> str:
    """Run a command as a user would, in the work folder; returns what it printed."""
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "OPENAI_API_KEY": "sk-loopback", "COLUMNS": "150"}
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "evalharness", *arguments], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    if show:
        print(f"$ evalharness {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def model_name(raw: str) -> str:
    """The model without its organisation."""
    return raw.rsplit("/", 1)[-1]


def vendor(model: str) -> str:
    """Who sold the model."""
    return next(name for prefix, name in VENDORS.items() if model.startswith(prefix))


def question(row: dict[str, Any]) -> list[dict[str, str]]:
    """The messages of a row; the item is named, since some prompts occur twice with different answers."""
    return [{"role": "system", "content": f"Item {row['item_id']}. Give the answer."}, {"role": "user", "content": row["prompt"]}]


def production_log(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The dearer outputs as calls of two weeks, in evalharness' own log format."""
    for number, row in enumerate(rows):
        model = model_name(row["strong_model"])
        messages = question(row)
        asked = sum(len(m["content"]) for m in messages)
        usage = {"prompt_tokens": asked // 4, "completion_tokens": len(row["strong_output"]) // 4}
        yield {
            "v": 1, "id": row["item_id"], "at": (BEGIN + timedelta(days=14) * number / len(rows)).isoformat(),
            "task_type": row["task_type"], "provider": vendor(model), "wire": "openai.chat", "status": 200,
            "request": {"model": model, "messages": messages, "max_completion_tokens": 2048},
            "response": {
                "id": f"chatcmpl-{number:06d}", "object": "chat.completion", "created": 0, "model": model,
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": row["strong_output"]}}],
                "usage": usage | {"total_tokens": sum(usage.values())},
            },
        }  # fmt: skip


def cheaper_answers(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What the cheaper models answer, for the simulated provider."""
    for row in rows:
        system, prompt = (m["content"] for m in question(row))
        yield {"model": model_name(row["weak_model"]), "system": system, "prompt": prompt, "text": row["weak_output"]}


def write_grades(path: Path, rows: list[dict[str, Any]]) -> None:
    """Correctness of both outputs as verdicts made elsewhere."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["call_id", "dearer_acceptable", "cheaper_acceptable", "reviewer", "note"])
        writer.writerows([r["item_id"], r["strong_correct"], r["weak_correct"], "correctness", "benchmark labels"] for r in rows)


def configuration(rows: list[dict[str, Any]], url: str) -> str:
    """A ladder of the models in the files, and each task type's candidate."""
    pairs = {(model_name(r["strong_model"]), model_name(r["weak_model"])) for r in rows}
    models = sorted({m for pair in pairs for m in pair}, key=lambda m: -PRICES[m][1])
    lines = ["[budget]", "run_usd = 100.0", "[limits]", "requests_per_minute = 100000", "concurrency = 32"]
    for model in models:
        price = PRICES[model]
        lines += ["[[tier]]", f'name = "{model}"', 'provider = "openai"', f'vendor = "{vendor(model)}"', f'model = "{model}"']
        lines += [f'base_url = "{url}"', f"prices = {{ input = {price[0]}, output = {price[1]} }}"]
    for task_type in sorted({r["task_type"] for r in rows}):
        cheaper = next(model_name(r["weak_model"]) for r in rows if r["task_type"] == task_type)
        lines += [f'[task_types."{task_type}"]', "share = 1.0", f'candidates = ["{cheaper}"]', f'egress = ["{vendor(cheaper)}"]']
        lines += ["cap = 100000"]  # the labels cost nothing: look at all of them
    return "\n".join(lines) + "\n"


def write_lines(path: Path, records: Iterator[dict[str, Any]]) -> None:
    """Records as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


if __name__ == "__main__":
    if len(sys.argv) < 3:  # noqa: PLR2004 - a folder and a file
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
