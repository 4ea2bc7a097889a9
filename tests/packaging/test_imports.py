"""What importing the package costs a service, and what its code never does."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = sorted(path for folder in ("evalharness", "migrations", "review_app") for path in (ROOT / folder).rglob("*.py"))

# Each of them runs code that comes in as data.
FORBIDDEN_MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
FORBIDDEN_NAMES = {"__import__", "eval", "exec"}
FORBIDDEN_ATTRIBUTES = {"full_load", "read_pickle", "to_pickle", "unsafe_load"}


def dangers(source: str) -> list[str]:
    """What in a source text could run code that comes in as data, as "line: name"."""
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [(node.lineno, alias.name) for alias in names if alias.name.split(".")[0] in FORBIDDEN_MODULES]
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in FORBIDDEN_MODULES:
                found.append((node.lineno, module))
            case ast.Name(id=name) if name in FORBIDDEN_NAMES:
                found.append((node.lineno, name))
            case ast.Attribute(value=ast.Name(id="yaml"), attr="load" | "load_all" as name):
                found.append((node.lineno, f"yaml.{name}"))
            case ast.Attribute(attr=name) if name in FORBIDDEN_ATTRIBUTES:
                found.append((node.lineno, name))
    return [f"{line}: {name}" for line, name in sorted(found)]


def test_importing_loads_the_standard_library_only() -> None:
    """`import evalharness` in a service loads no SQLAlchemy, no pandas, no Streamlit, no SDK, nothing of anyone else's."""
    script = "import json, sys; before = set(sys.modules); import evalharness; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert loaded - sys.stdlib_module_names == {"evalharness"}


def test_importing_reads_no_file_of_the_package_but_its_map() -> None:
    """The public names are loaded when they are first used, so that the import costs next to nothing."""
    script = "import sys, evalharness; print([name for name in sys.modules if name.startswith('evalharness')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['evalharness']"


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_data_is_run_as_code(path: Path) -> None:
    """No module unpickles, unmarshals, evaluates or loads YAML with a loader that makes objects."""
    assert dangers(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pickle", ["1: pickle"]),
        ("import os, marshal as m", ["1: marshal"]),
        ("from pickle import loads", ["1: pickle"]),
        ("yaml.load(text)", ["1: yaml.load"]),
        ("\nrun = eval", ["2: eval"]),
        ("exec('x = 1')", ["1: exec"]),
        ("pandas.read_pickle(path)", ["1: read_pickle"]),
        ("re.compile('x'); yaml.safe_load(text); model.eval()", []),
    ],
)
def test_each_danger_is_found(source: str, found: list[str]) -> None:
    """The rule of the test above sees every form of what it forbids, and nothing else."""
    assert dangers(source) == found
