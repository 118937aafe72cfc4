"""Imports go one way: every file's imports, those inside functions included, against the table of allowed edges."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "bakeoff"

_BASE = {"errors", "extras", "plain_yaml", "plugins"}
_DATA = {*_BASE, "catalog", "data"}
_TASKS = {*_DATA, "tasks"}
_RECORDS = {*_TASKS, "records"}
_CONTRACT = {"methods.contract", "methods.forecast", "methods.registry", "methods.spec"}
_METHODS = {*_RECORDS, *_CONTRACT, "models", "methods.other"}
_STUDY = {*_RECORDS, *_CONTRACT, "decision", "study"}
_UPPER = {*_RECORDS, *_CONTRACT, "decision", "models", "study", "report", "ship"}

#: Which rooms a room may import, itself included.
ALLOWED: dict[str, set[str]] = {
    "": set(),
    "errors": set(),
    "extras": {"errors"},
    "plugins": set(),
    "plain_yaml": set(),
    "catalog": {*_BASE, "catalog"},
    "data": _DATA,
    "tasks": _TASKS,
    "records": _RECORDS,
    "decision": {"errors", "data", "tasks", "records", "decision"},
    "models": {*_BASE, "catalog", "models"},
    "methods.contract": _RECORDS,
    "methods.forecast": set(),
    "methods.registry": {
        *_RECORDS,
        *_CONTRACT,
        "methods.finetune_specs",
        "methods.finetune_written_specs",
        "methods.prompt_specs",
        "methods.prompt_kind_specs",
        "methods.prompt_written_specs",
        "methods.combine_specs",
    },
    "methods.combine_forecast": {"methods.forecast"},
    "methods.combine_specs": {
        "methods.combine_forecast",
        "methods.finetune_specs",
        "methods.prompt_specs",
        "methods.spec",
    },
    "methods.spec": {*_RECORDS, "methods.forecast"},
    "methods.finetune_specs": {"methods.forecast", "methods.spec"},
    "methods.written_forecast": {"methods.forecast"},
    "methods.finetune_written_specs": {"methods.written_forecast", "methods.spec"},
    "methods.prompt_specs": {"methods.forecast", "methods.spec"},
    "methods.prompt_kind_specs": {"methods.kind_forecast", "methods.spec"},
    "methods.kind_forecast": {"methods.forecast"},
    "methods.prompt_written_forecast": {"methods.forecast"},
    "methods.prompt_written_specs": {"methods.forecast", "methods.prompt_written_forecast", "methods.spec"},
    "methods.other": _METHODS,
    "methods.finetune": {*_METHODS, "methods.finetune"},
    "methods.prompt": {*_METHODS, "methods.prompt"},
    "methods.combine": {*_METHODS, "methods.combine_forecast", "methods.finetune", "methods.prompt", "methods.combine"},
    "study": _STUDY,
    "report": {*_RECORDS, "decision", "study", "report"},
    "ship": {*_UPPER},
    "workbench": {*_UPPER, "workbench", ""},
    "web": {*_BASE, "records", "report", "workbench", "web"},
    "cli": {*_BASE, "catalog", "data", "tasks", "records", "report", "study", "workbench", "web", "cli", ""},
    "testing": {*_METHODS, "study", "testing"},
}

#: Edges that the table does not allow, each with its reason.
EXCEPTIONS = {
    # A worker loads the class that its job names, and measures models as methods see them.
    ("study/executors/worker.py", "methods.other"),
    # The plan's data type is what the machine can do, and that is read without loading a model.
    ("study/measure.py", "models"),
    # A fit's calibration error is the one that a study reports, computed in one place.
    ("methods/finetune/temperature.py", "decision"),
    # A bundle that holds its model's weights lends them to the method it loads.
    ("ship/bundle.py", "methods.other"),
    # What is exported is the network that a method gives.
    ("ship/onnx_folder.py", "methods.other"),
    ("workbench/export.py", "methods.other"),
    ("__main__.py", "cli"),
    # The prompt verbs draft, read and compare prompt files.
    ("workbench/given_prompts.py", "methods.prompt"),
    ("workbench/improve_forecast.py", "methods.prompt"),
    ("workbench/prompt_diff.py", "methods.prompt"),
    ("workbench/prompt_fields.py", "methods.prompt"),
    ("workbench/prompt_history.py", "methods.prompt"),
    ("workbench/prompt_lab.py", "methods.prompt"),
    ("workbench/prompt_server.py", "methods.prompt"),
    ("workbench/prompt_improve.py", "methods.prompt"),
    ("workbench/prompt_new.py", "methods.prompt"),
    ("workbench/prompt_rows.py", "methods.prompt"),
    ("workbench/prompt_write.py", "methods.prompt"),
    ("workbench/prompt_try.py", "methods.prompt"),
}


def room(module: str) -> str:
    """Give the room of a module's dotted name below the package."""
    parts = module.split(".")
    if parts[0] != "methods":
        return parts[0]
    if len(parts) == 1 or f"methods.{parts[1]}" in ALLOWED:
        return ".".join(parts[:2]) if len(parts) > 1 else "methods.other"
    return "methods.other"


def imported(path: Path) -> list[tuple[int, str]]:
    """Give the modules of this package that a file imports, with their lines."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
            if node.module == "bakeoff":
                names = [f"bakeoff.{a.name}" if (ROOT / a.name).is_dir() else "bakeoff" for a in node.names]
            elif node.module == "bakeoff.methods":
                names = [f"bakeoff.methods.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"
            continue
        found += [
            (node.lineno, name.removeprefix("bakeoff").removeprefix("."))
            for name in names
            if name.partition(".")[0] == "bakeoff"
        ]
    return found


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path: Path) -> None:
    relative = path.relative_to(ROOT)
    own = room(".".join(relative.with_suffix("").parts).removesuffix("__init__").rstrip("."))
    if relative.name == "__main__.py" or (relative.name == "__init__.py" and len(relative.parts) == 1):
        own = ""
    allowed = ALLOWED[own]
    wrong = [
        f"line {line}: {own or 'bakeoff'} -> {room(name) or 'bakeoff'} ({name})"
        for line, name in imported(path)
        if room(name) not in allowed and (str(relative), room(name)) not in EXCEPTIONS
    ]
    assert not wrong, "\n".join(wrong)


def test_every_exception_is_still_needed() -> None:
    used = {(str(path.relative_to(ROOT)), room(name)) for path in FILES for _line, name in imported(path)}
    assert used >= EXCEPTIONS, f"no longer needed: {EXCEPTIONS - used}"


def test_the_two_arms_never_meet() -> None:
    for arm, other in (("finetune", "prompt"), ("prompt", "finetune")):
        for path in (ROOT / "methods" / arm).rglob("*.py"):
            assert not [name for _line, name in imported(path) if name.startswith(f"methods.{other}")], path


@pytest.mark.parametrize(
    ("module", "rooms"), [("sqlite3", ("study/store.py", "study/migrations.py")), ("typer", ("cli/",))]
)
def test_some_modules_stay_in_their_rooms(module: str, rooms: tuple[str, ...]) -> None:
    for path in FILES:
        relative = str(path.relative_to(ROOT))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {a.name.partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {(n.module or "").partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert module not in names or relative.startswith(rooms), f"{relative} imports {module}"


def test_only_the_command_line_prints_and_exits() -> None:
    for path in FILES:
        relative = path.relative_to(ROOT)
        if relative.parts[0] == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("print", "exit", "quit", "sys.exit"), f"{relative}:{node.lineno} calls {name}"


def test_tests_share_only_what_has_a_name_of_its_own() -> None:
    """Test folders are no packages: which `conftest` or `test_pages` is found depends on what ran before."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    shared = [path.stem for path in files if not path.stem.startswith(("test_", "conftest"))]
    assert len(shared) == len(set(shared))
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        named += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        assert not [name for name in named if name.startswith("test_") or name == "conftest"], path
