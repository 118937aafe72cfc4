"""Pages of the documentation that are made from the code at each build, so that they cannot fall behind it.

A hook of mkdocs: `on_files` adds the pages of the folder ``reference``. Commands and options come from the program
itself, methods from the registry, fields of verdict.json from its schema, and names of modules from their ``__all__``;
their signatures and docstrings are read by mkdocstrings.
"""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

SOURCE = Path(__file__).parents[1] / "src"

#: Documents of the root that the site shows, too.
ROOT_PAGES = {"LOG.md": "log.md", "CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}

#: The rooms that a program may import from: page, title, what they are for, their modules ("*": all of the folder).
ROOMS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "workbench",
        "The verbs",
        "What the command line and the app call: a function a verb, with its options and what it gives back.",
        ("bakeoff.workbench.*",),
    ),
    (
        "methods",
        "Methods",
        "The contract of a method, which is scikit-learn's, the registry, and every class behind a method's name.",
        (
            "bakeoff.methods.contract",
            "bakeoff.methods.spec",
            "bakeoff.methods.registry",
        ),
    ),
    ("data", "Rows", "Read rows, check them, divide them.", ("bakeoff.data",)),
    ("tasks", "Tasks", "What a row is, what an answer is, and how answers are scored.", ("bakeoff.tasks",)),
    ("records", "Records", "Frozen facts that pass between rooms.", ("bakeoff.records",)),
    (
        "decision",
        "Decision",
        "Pure functions from records to a verdict: paired tests, curves, costs, the rule of choice.",
        ("bakeoff.decision",),
    ),
    ("ship", "Bundles and reports", "What is handed over.", ("bakeoff.ship", "bakeoff.report")),
    ("errors", "Errors", "Every exception, drawn as a tree.", ("bakeoff.errors", "bakeoff.extras")),
    ("testing", "Contract suites", "What a method of your own has to pass.", ("bakeoff.testing",)),
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the reference to those of the folder ``docs``."""
    from mkdocs.structure.files import File

    pages = {**reference_pages(), **_root_pages(), "examples.md": "\n".join(_examples())}
    for uri, text in pages.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let links to files beside the folder ``docs`` lead to their pages of the site."""
    if page.file.generated_by is not None:
        return markdown
    root = "../" * page.file.src_uri.count("/")
    for name, uri in ROOT_PAGES.items():
        markdown = re.sub(rf"\]\((?:\.\./)+{re.escape(name)}", f"]({root}{uri}", markdown)
    return re.sub(r"\]\((?:\.\./)+examples/(\w+)[./\w]*\)", rf"]({root}examples.md#\1)", markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Take the dash away behind a parameter that has no description."""
    return re.sub(r"\u2013\s*<div class=\"doc-md-description\">\s*</div>", "", content)


def _root_pages() -> dict[str, str]:
    """Give the documents of the root as pages; their links to ``docs/`` become links inside the site."""
    return {
        uri: (SOURCE.parent / name).read_text(encoding="utf-8").replace("](docs/", "](")
        for name, uri in ROOT_PAGES.items()
    }


def reference_pages() -> dict[str, str]:
    """Give every page of the reference by its place in the site, as Markdown."""
    pages = {
        "reference/command-line.md": "\n".join(_command_line()),
        "reference/methods.md": "\n".join(_methods()),
        "reference/verdict-file.md": "\n".join(_verdict_file()),
    }
    for name, title, purpose, patterns in ROOMS:
        pages[f"reference/python/{name}.md"] = "\n".join(_room(title, purpose, patterns))
    pages["reference/python/methods.md"] += "\n".join(_method_classes())
    return pages


def _examples() -> Iterator[str]:
    """Show the files of the folder ``examples``, a notebook as its cells."""
    yield "# Examples"
    yield ""
    yield "The files of the folder `examples/` of the repository; tests run them. Each says in its first lines how it"
    yield "is started. `write_rows.py` writes the files that the pages work on."
    folder = SOURCE.parent / "examples"
    for path in sorted([*folder.glob("*.py"), *folder.glob("*.ipynb")]):
        yield f"\n## {path.name} {{#{path.stem}}}\n"
        yield from _notebook(path) if path.suffix == ".ipynb" else _code(path.read_text(encoding="utf-8"), "python")
    yield "\n## keyword_method/ {#keyword_method}\n"
    for name, language in (("keyword_method.py", "python"), ("pyproject.toml", "toml")):
        yield f"\n`{name}`\n"
        yield from _code((folder / "keyword_method" / name).read_text(encoding="utf-8"), language)


def _code(text: str, language: str) -> list[str]:
    return [f"```{language}", text.strip("\n"), "```"]


def _notebook(path: Path) -> Iterator[str]:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            # Its headings stand below that of the file.
            yield re.sub(r"^#+ (.*)$", r"**\1**", source, flags=re.MULTILINE) + "\n"
        else:
            yield from (*_code(source, "python"), "")


def _command_line() -> Iterator[str]:
    import typer.main

    from bakeoff.cli.app import app

    yield "# Command line"
    yield ""
    yield "Every command and option, as `bakeoff COMMAND --help` prints them. Exit codes: 0 done; 1 a fault of ours; 2"
    yield "your input or options; 3 finished without a verdict; 130 interrupted."
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield from _command(f"bakeoff {name}", command)
        for verb, one in getattr(command, "commands", {}).items():
            yield from _command(f"bakeoff {name} {verb}", one)


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    named = " ".join(one.metavar or one.name.upper() for one in arguments)
    yield f"\n## {name}\n"
    yield html.escape(command.help or "", quote=False)
    yield f"\n```\n{' '.join(filter(None, (name, named, '[OPTIONS]')))}\n```\n"
    rows = [row for one in command.params if (row := _option(one, command)) is not None]
    if rows:
        yield "| option | what it does |\n| --- | --- |"
        yield from rows


def _option(parameter: Any, command: Any) -> str | None:
    from typer._click.core import Context

    record = parameter.get_help_record(Context(command))
    if record is None or "--help" in parameter.opts:
        return None
    told = html.escape(" ".join(record[1].split()), quote=False).replace("|", "\\|")
    if parameter.param_type_name == "argument":
        return f"| `{parameter.metavar or parameter.name.upper()}` | {told} |"
    names = [*parameter.opts, *parameter.secondary_opts]
    shown = " ".join(f"`{name}`" for name in names)
    taken = record[0].rpartition(names[-1])[2].strip()
    values = taken.removeprefix("<").removesuffix(">").removeprefix("list[").removesuffix("]")
    return f"| {shown}{_kind(values)} | {told} |"


def _kind(values: str) -> str:
    """Write what an option takes, choices in full."""
    if not values:
        return ""
    plain = {"str": "text", "path": "path", "int range": "number", "int": "number", "float range": "number"}
    told = plain.get(values, values.replace("|", ", ").replace("float", "number"))
    return f" <small>{html.escape(told)}</small>"


def _methods() -> Iterator[str]:
    from bakeoff.methods.registry import method_specs

    yield "# Methods"
    yield ""
    yield "Every method that `--method` takes, from the registry. *By default* are those that a study tries without"
    yield "being asked, where the model that they need is given. A setting is changed with `--set NAME=VALUE` of"
    yield "`bakeoff finetune`. Methods of other packages join by the entry point `bakeoff.methods`"
    yield "([from Python](../cookbook/python.md))."
    arms = {"floor": "Floors", "finetune": "Fine-tuning", "prompt": "Prompting", "both": "Both ways together"}
    for arm, title in arms.items():
        yield f"\n## {title}\n"
        for spec in method_specs():
            if spec.arm == arm:
                yield from _method(spec)


def _method(spec: Any) -> Iterator[str]:
    module, _, name = spec.location.partition(":")
    yield f"\n### {spec.name}\n\n{spec.summary}\n"
    models = [model for model in (spec.model, spec.second_model) if model]
    needs = " and ".join(f"{'an' if model == 'encoder' else 'a'} {model}" for model in models) or "no model"
    if spec.arm == "floor":
        asked = "always in a study"
    else:
        asked = "by default" if spec.by_default else f"by name: `--method {spec.name}`"
    extra = f"; extra `{spec.extra}`" if spec.extra else ""
    yield f"- {asked}; needs {needs} and {spec.least_n or 'no'} labelled rows{extra}; version {spec.version}"
    yield f"- kinds of task: {', '.join(spec.kinds)}"
    yield f"- class [`{name}`](python/methods.md#{_anchor(module, name)})"
    plain = {key: value for key, value in spec.parameters.items() if not isinstance(value, dict)}
    if plain:
        yield f"- settings: {', '.join(f'`{key}={value}`' for key, value in plain.items())}"


def _method_classes() -> Iterator[str]:
    """Show the class of every method, by module: several names may share one class."""
    from bakeoff.methods.registry import method_specs

    shown: dict[str, list[str]] = {}
    for spec in method_specs():
        module, _, name = spec.location.partition(":")
        if name not in shown.setdefault(module, []):
            shown[module].append(name)
    for module, names in shown.items():
        yield f"\n{_heading(module)}\n{_summary(module)}\n"
        yield from (f"\n::: {module}.{name}" for name in names)


def _anchor(module: str, name: str) -> str:
    return f"{module}.{name}"


def _verdict_file() -> Iterator[str]:
    schema = json.loads((SOURCE / "bakeoff" / "report" / "verdict.schema.json").read_text(encoding="utf-8"))
    yield "# verdict.json"
    yield ""
    yield "Made from the JSON Schema that ships with the package (`bakeoff/report/verdict.schema.json`), which every"
    yield "`verdict.json` is held to when it is written. Scores: higher is always better; shares are in [0, 1]."
    yield "\n| field | type | what |\n| --- | --- | --- |"
    yield from _fields(schema, schema, "")


def _fields(schema: dict[str, Any], node: dict[str, Any], path: str) -> Iterator[str]:
    node = _resolved(schema, node)
    for name, child in node.get("properties", {}).items():
        whole = _resolved(schema, child)
        where = f"{path}.{name}" if path else name
        told = " ".join(whole.get("description", "").split()).replace("|", "\\|")
        yield f"| `{where}` | {_type(whole)} | {told} |"
        if "properties" in whole:
            yield from _fields(schema, whole, where)
        items = whole.get("items")
        if isinstance(items, dict) and "properties" in _resolved(schema, items):
            yield from _fields(schema, items, f"{where}[]")


def _resolved(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for choice in node.get("anyOf", node.get("oneOf", [])):
        if choice.get("type") != "null":
            return {**_resolved(schema, choice), **{key: node[key] for key in ("description",) if key in node}}
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return {**schema["$defs"][name], **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _type(node: dict[str, Any]) -> str:
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    if "const" in node:
        return f"`{node['const']}`"
    kind = node.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _room(title: str, purpose: str, patterns: tuple[str, ...]) -> Iterator[str]:
    yield f"# {title}\n\n{purpose}"
    for module in (module for pattern in patterns for module in _modules(pattern)):
        names = exported(module)
        if names:
            yield _heading(module)
            if summary := _summary(module):
                yield summary
            yield from (f"\n::: {module}.{name}" for name in names)


def _heading(module: str) -> str:
    """Write a module's heading; in the table of contents without the package and the room."""
    return f'\n## {module} {{ data-toc-label="{module.split(".", 2)[-1]}" }}\n'


def _modules(pattern: str) -> list[str]:
    if not pattern.endswith(".*"):
        return [pattern]
    package = pattern.removesuffix(".*")
    folder = SOURCE.joinpath(*package.split("."))
    stems = sorted(path.stem for path in folder.glob("*.py"))
    return [f"{package}.{stem}" for stem in stems if not stem.startswith("_")]


def _tree(module: str) -> ast.Module:
    path = SOURCE.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _summary(module: str) -> str:
    """Give the first line of a module's docstring."""
    return (ast.get_docstring(_tree(module)) or "").partition("\n")[0]


def exported(module: str) -> list[str]:
    """Give the classes and functions of a module's ``__all__``, without importing it."""
    for node in _tree(module).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            names = [str(name) for name in ast.literal_eval(node.value)]  # type: ignore[attr-defined]
            return [name for name in names if not name.isupper()]
    return []
