"""Templates that anybody may have written: they fill in a prompt, and can do nothing else.

Jinja's sandbox keeps a template from Python; it does not keep it from filling all memory (``{{ "x" * 10 ** 10 }}``) or
from never ending (loops in loops, macros that call themselves twice). A prompt needs none of that: it names values,
goes through the labels, and asks whether something is there. So a template is read first, and holds what is allowed
alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.nodes import Node
    from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["FILTERS", "held_template"]

#: Filters that make nothing much longer than what they get; `replace` is held to `_MOST_LETTERS`.
FILTERS = ("capitalize", "count", "d", "default", "first", "join", "last", "length", "list", "lower", "map",
           "reject", "rejectattr", "replace", "reverse", "select", "selectattr", "sort", "string", "title", "trim",
           "unique", "upper")  # fmt: skip
#: Kinds of nodes of a template's tree.
_ALLOWED = ("Add", "And", "Compare", "Concat", "CondExpr", "Const", "Filter", "For", "Getattr", "Getitem", "If",
            "Keyword", "List", "Name", "Neg", "Not", "Operand", "Or", "Output", "Sub", "Template", "TemplateData",
            "Test", "Tuple")  # fmt: skip
_MOST_LETTERS = 200_000
_MOST_NESTED = 2


@lru_cache(maxsize=256)
def held_template(text: str) -> Template:
    """Read a template, and refuse one that does more than fill in a prompt.

    Parameters
    ----------
    text : str
        Jinja.

    Returns
    -------
    jinja2.Template

    Raises
    ------
    jinja2.TemplateError
    """
    from jinja2 import TemplateSyntaxError

    if len(text) > _MOST_LETTERS:
        raise TemplateSyntaxError(f"it may have {_MOST_LETTERS:,} letters and has {len(text):,}", 1)
    environment = _environment()
    try:
        _check(environment.parse(text), 0)
        return environment.from_string(text)
    except RecursionError as error:
        raise TemplateSyntaxError("it nests too deeply", 1) from error


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Prompts are plain text: escaping as in a web page would change them.
    made = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in FILTERS} | {"replace": _replaced}
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


def _replaced(text: Any, old: str, new: str) -> str:
    from jinja2 import TemplateRuntimeError

    said = str(text)
    if len(said) + said.count(old) * len(new) > _MOST_LETTERS:
        raise TemplateRuntimeError(f"'replace' may make a text of {_MOST_LETTERS:,} letters at most")
    return said.replace(old, new)
