"""
Loads a configuration into LiteLLM's own router, as its proxy does, and asks for each model named on standard input (a JSON list).

Runs in the venv of LiteLLM: `litellm_router.py FILE`. Prints a JSON list: for each name the model that answered, or the error.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from litellm import Router  # type: ignore[import-not-found]  # in a venv of its own


async def main(config: dict[str, Any], names: list[str]) -> list[dict[str, str]]:
    """What came of asking for each name, in order."""
    # Without retries on the same model: what is asked here is where a call goes next.
    router = Router(model_list=config["model_list"], **config["router_settings"], num_retries=0)
    return [await ask(router, name) for name in names]


async def ask(router: Any, name: str) -> dict[str, str]:  # noqa: ANN401 - LiteLLM is not in the venv that checks types
    """The model that answered, or the error."""
    try:
        response = await router.acompletion(model=name, messages=[{"role": "user", "content": "Hello?"}], max_tokens=100)
    except Exception as error:  # noqa: BLE001 - whatever it raises is the result
        return {"error": f"{type(error).__name__}: {error}"}
    return {"model": response.model}


if __name__ == "__main__":
    loaded = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = asyncio.run(main(loaded, json.load(sys.stdin)))
    sys.stdout.write(json.dumps(answers))
