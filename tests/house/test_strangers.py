"""Nothing in the source runs code from a file, or reads a deadline off a clock that can be set."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "bakeoff"
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text("utf-8")) for path in ROOT.rglob("*.py")}

#: Modules that unpickle, or run what they read.
MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve", "skops"}
#: Calls that do, by their last names; `torch.load` and `numpy.load` where they might.
CALLS = {"eval", "exec", "full_load", "unsafe_load", "FullLoader", "UnsafeLoader", "read_pickle", "extractall"}
#: Where a call of such a name is something else, or is safe as it stands.
FINE = {
    "tasks/user_code.py: exec_module",  # a check that the user gave on this machine, by its sha256
}


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
    return ""


#: Every node of the source, walked once.
NODES = [(name, node) for name, tree in TREES.items() for node in ast.walk(tree)]
CALLED = [(name, node) for name, node in NODES if isinstance(node, ast.Call)]


def test_no_module_that_unpickles_is_imported() -> None:
    for name, node in NODES:
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {one.partition(".")[0] for one in names} & MODULES, name


def test_nothing_that_is_read_is_run() -> None:
    found = set()
    for name, node in CALLED:
        called = _called(node)
        bare = isinstance(node.func, ast.Name)
        # A network's own `eval()` takes nothing, and sets a flag.
        if (called in CALLS and (bare or node.args)) or called == "exec_module":
            found.add(f"{name}: {called}")
    assert found == FINE


def test_arrays_and_weights_are_read_without_pickle() -> None:
    for name, node in CALLED:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "load" and isinstance(node.func.value, ast.Name):
            assert node.func.value.id not in ("torch", "yaml", "np", "numpy", "pickle"), f"{name}:{node.lineno}"
        assert not any(word.arg in ("allow_pickle", "weights_only") for word in node.keywords), f"{name}:{node.lineno}"


def test_code_beside_a_model_is_never_trusted() -> None:
    told = 0
    for name, node in NODES:
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
            pytest.fail(f"{name} sets trust_remote_code as a keyword; say it once, beside local_files_only")
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "trust_remote_code":
                    assert isinstance(value, ast.Constant), name
                    assert value.value is False, name
                    told += 1
    assert told >= 3, "encoders, decoders and encoder-decoders each say so"
    for name, node in CALLED:
        if _called(node) == "from_pretrained" and name.startswith("models/"):
            words = {word.arg for word in node.keywords}
            assert None in words, f"{name}:{node.lineno} loads without **local"


@pytest.mark.parametrize(
    ("call", "places"),
    [
        ("ImmutableSandboxedEnvironment", {"methods/prompt/held_templates.py"}),
        ("SandboxedEnvironment", set()),
        ("from_string", {"methods/prompt/held_templates.py"}),
        ("safe_load", set()),  # `plain_yaml` measures what it reads
        ("get_single_node", {"plain_yaml.py"}),
    ],
)
def test_strangers_templates_and_settings_are_read_in_one_place(call: str, places: set[str]) -> None:
    assert {name for name, node in CALLED if _called(node) == call} == places


def test_no_child_imports_from_the_working_directory() -> None:
    """With ``-c`` and ``-m`` Python would import what lies there in the place of what is installed."""
    told = 0
    for name, node in NODES:
        if isinstance(node, ast.List) and node.elts and ast.unparse(node.elts[0]) == "sys.executable":
            assert ast.unparse(node.elts[1]) == "'-P'", f"{name}:{node.lineno}"
            told += 1
    assert told >= 3


def test_no_deadline_is_read_off_the_wall_clock() -> None:
    """A clock that is set must neither cut a trial nor keep it: deadlines are read off `time.monotonic`."""
    read = set()
    for name, node in NODES:
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr="time" | "time_ns"):
                read.add(name)
            case ast.ImportFrom(module="time", names=names) if {"time", "time_ns"} & {one.name for one in names}:
                read.add(name)
    assert read == {"catalog/cache.py"}, "which asks how old a file is that another process left behind"
