"""Templates that anybody may have written: they fill in a prompt, and can do nothing else.

Jinja's sandbox keeps a template from Python; it does not keep it from filling all memory (``{{ "x" * 10 ** 10 }}``) or
from never ending (loops in loops, macros that call themselves twice). A prompt needs none of that: it names values,
goes through the labels, and asks whether something is there. So a template is read first, and holds what is allowed
alone. What it makes is bounded while it is made: each text that is put together, all that is written, and the steps of
all its loops, which go through lists and never through the letters of a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment, Template
    from jinja2.nodes import Node
    from jinja2.nodes import Template as Tree
    from jinja2.runtime import Context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["FILTERS", "fill_in"]

#: Filters that make nothing much longer than what they get; `join` and `replace` are held to `_MOST_LETTERS`.
FILTERS = ("capitalize", "count", "d", "default", "first", "join", "last", "length", "list", "lower", "map",
           "reject", "rejectattr", "replace", "reverse", "select", "selectattr", "sort", "string", "title", "trim",
           "unique", "upper")  # fmt: skip
#: Kinds of nodes of a template's tree.
_ALLOWED = ("Add", "And", "Compare", "Concat", "CondExpr", "Const", "Filter", "For", "Getattr", "Getitem", "If",
            "Keyword", "List", "Name", "Neg", "Not", "Operand", "Or", "Output", "Sub", "Template", "TemplateData",
            "Test", "Tuple")  # fmt: skip
_MOST_LETTERS = 200_000
_MOST_NESTED = 2
#: Steps of all loops together, and places where a value is named.
_MOST_STEPS = 10_000
_MOST_NAMES = 1000
#: What every loop goes through, and what counts its steps: neither is a name that a template can write.
_EACH, _STEPS = "each of", "steps of loops"


def fill_in(text: str, values: Mapping[str, Any]) -> str:
    """Fill a template in, and refuse one that does more than fill in a prompt.

    Parameters
    ----------
    text : str
        Jinja.
    values : mapping of str to object
        What it may name.

    Returns
    -------
    str

    Raises
    ------
    jinja2.TemplateError
    """
    from jinja2 import TemplateRuntimeError

    said: list[str] = []
    letters = 0
    for piece in _held_template(text).generate({**values, _STEPS: [0]}):
        letters += len(piece)
        if letters > _MOST_LETTERS:
            raise TemplateRuntimeError(f"it may make a text of {_MOST_LETTERS:,} letters at most")
        said.append(piece)
    return "".join(said)


@lru_cache(maxsize=256)
def _held_template(text: str) -> Template:
    from jinja2 import TemplateSyntaxError

    if len(text) > _MOST_LETTERS:
        raise TemplateSyntaxError(f"it may have {_MOST_LETTERS:,} letters and has {len(text):,}", 1)
    environment = _environment()
    try:
        tree = environment.parse(text)
        _check(tree, 0)
        return environment.from_string(_bounded(tree, environment))
    except RecursionError as error:
        raise TemplateSyntaxError("it nests too deeply", 1) from error


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined, pass_context, pass_environment
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Prompts are plain text: escaping as in a web page would change them.
    made = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in FILTERS}
    made.filters["replace"] = _replaced
    made.filters["join"] = pass_environment(_joined)
    made.filters[_EACH] = pass_context(_each)
    made.intercepted_binops = frozenset("+")
    made.binop_table["+"] = _added
    return made


def _check(node: Node, loops: int) -> None:
    from jinja2 import TemplateSyntaxError

    kind = type(node).__name__
    if kind not in _ALLOWED:
        raise TemplateSyntaxError(
            f"it may name values, and use for, if, tests and the filters {', '.join(FILTERS)}; {kind} came", node.lineno
        )
    if kind == "For":
        loops += 1
        if loops > _MOST_NESTED or getattr(node, "recursive", False):
            raise TemplateSyntaxError(f"loops may stand in loops {_MOST_NESTED} deep", node.lineno)
    for part in node.iter_child_nodes():
        _check(part, loops)


def _bounded(tree: Tree, environment: ImmutableSandboxedEnvironment) -> Tree:
    """Have loops count their steps, and ``~`` put texts together as `join` does."""
    from jinja2 import TemplateSyntaxError, nodes
    from jinja2.visitor import NodeTransformer

    if sum(1 for _ in tree.find_all(nodes.Name)) > _MOST_NAMES:
        raise TemplateSyntaxError(f"it may name values in {_MOST_NAMES:,} places", 1)

    class Bounds(NodeTransformer):
        def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
            self.generic_visit(node)
            node.iter = nodes.Filter(node.iter, _EACH, [], [], None, None, lineno=node.lineno)
            return node

        def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
            self.generic_visit(node)
            parts = nodes.List(node.nodes, lineno=node.lineno)
            return nodes.Filter(parts, "join", [], [], None, None, lineno=node.lineno)

    Bounds().visit(tree)
    tree.set_environment(environment)
    return tree


def _each(context: Context, value: Any) -> list[Any]:
    from jinja2 import TemplateRuntimeError

    if isinstance(value, str):
        raise TemplateRuntimeError(
            "a loop may go through a list, such as labels, and not through the letters of a text"
        )
    found = list(value)
    steps = context[_STEPS]
    steps[0] += len(found)
    if steps[0] > _MOST_STEPS:
        raise TemplateRuntimeError(f"its loops may take {_MOST_STEPS:,} steps in all")
    return found


def _joined(environment: Environment, value: Any, d: Any = "", attribute: str | int | None = None) -> str:
    """Put texts together as Jinja's `join` does, whose names these are, up to so many letters."""
    from jinja2 import TemplateRuntimeError
    from jinja2.filters import make_attrgetter

    between, said, letters = str(d), list[str](), 0
    for each in value if attribute is None else map(make_attrgetter(environment, attribute), value):
        letters += len(between) * bool(said)
        said.append(str(each))
        letters += len(said[-1])
        if letters > _MOST_LETTERS:
            raise TemplateRuntimeError(f"'join' and '~' may make a text of {_MOST_LETTERS:,} letters at most")
    return between.join(said)


def _added(left: Any, right: Any) -> Any:
    from jinja2 import TemplateRuntimeError

    if all(isinstance(each, (str, list, tuple)) for each in (left, right)) and len(left) + len(right) > _MOST_LETTERS:
        raise TemplateRuntimeError(f"'+' may make {_MOST_LETTERS:,} letters or values at most")
    return left + right


def _replaced(text: Any, old: str, new: str) -> str:
    from jinja2 import TemplateRuntimeError

    said = str(text)
    if len(said) + said.count(old) * len(new) > _MOST_LETTERS:
        raise TemplateRuntimeError(f"'replace' may make a text of {_MOST_LETTERS:,} letters at most")
    return said.replace(old, new)
