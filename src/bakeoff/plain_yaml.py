"""YAML that anybody may have written: plain values alone, and none that swell.

A few lines of YAML can name one list ten times in another, and that ten times in a third, until its plain values fill
all memory where they are written out or walked through ("billion laughs"). Others nest so deeply that reading them ends
the program. Both are told before any value is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yaml import Node

__all__ = ["MOST_DEEP", "MOST_LETTERS", "MOST_VALUES", "node_of", "value_of"]

#: Values within values, the outermost counted.
MOST_DEEP = 50
#: Values in all, those that are named several times counted as often.
MOST_VALUES = 500_000
#: Letters of the text, of which a megabyte takes some ten seconds to read.
MOST_LETTERS = 8_000_000


def node_of(text: str, loader: Any) -> Node | None:
    """Read the structure of a YAML text, and make no value of it yet.

    Parameters
    ----------
    text : str
    loader : yaml.SafeLoader or yaml.BaseLoader
        Made of that text; the caller disposes of it.

    Returns
    -------
    yaml.Node or None
        None for an empty text.

    Raises
    ------
    yaml.YAMLError
        For what is no YAML, and for what is too long, nests too deeply or swells.
    """
    import yaml

    if len(text) > MOST_LETTERS:
        raise yaml.YAMLError(f"it has {len(text):,} letters, and may have {MOST_LETTERS:,}")
    _hold_to_depth(loader)
    node: Node | None = loader.get_single_node()
    if node is not None:
        _measure(node, {}, 1)
    return node


def _hold_to_depth(loader: Any) -> None:
    """Have a loader refuse depth where it comes to it: reading on takes seconds for each thousand."""
    import yaml

    compose, deep = loader.compose_node, 0

    def held(*place: Any) -> Any:
        nonlocal deep
        if deep == MOST_DEEP:
            raise yaml.YAMLError(f"values stand in values more than {MOST_DEEP} deep")
        deep += 1
        try:
            return compose(*place)
        finally:
            deep -= 1

    loader.compose_node = held


def value_of(text: str) -> Any:
    """Read a YAML text as plain values: texts, numbers, dates, lists and mappings.

    Parameters
    ----------
    text : str

    Returns
    -------
    object

    Raises
    ------
    yaml.YAMLError
        As `node_of` does, and for a number or a date that is none.
    """
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        node = node_of(text, loader)
        return None if node is None else loader.construct_document(node)
    except (ValueError, OverflowError) as error:  # 2026-13-45 looks like a date
        raise yaml.YAMLError(f"a value is not what it looks like: {error}") from error
    finally:
        loader.dispose()


def _measure(node: Node, known: dict[int, int | None], deep: int) -> int:
    """Count the values of a node as they would stand written out."""
    import yaml

    if deep > MOST_DEEP:
        raise yaml.YAMLError(f"values stand in values more than {MOST_DEEP} deep")
    if isinstance(node, yaml.ScalarNode):
        return 1
    counted = known.get(id(node), 0)
    if counted is None:
        raise yaml.YAMLError("a value holds itself")
    if counted:
        return counted
    known[id(node)] = None
    pairs = node.value if isinstance(node, yaml.MappingNode) else [(part,) for part in node.value]
    count = 1 + sum(_measure(part, known, deep + 1) for pair in pairs for part in pair)
    if count > MOST_VALUES:
        raise yaml.YAMLError(f"written out it has more than {MOST_VALUES:,} values")
    known[id(node)] = count
    return count
