"""YAML files that map names to what is said of them: every scalar is text, and a name that comes twice is seen."""

from __future__ import annotations

from typing import Any

from bakeoff.errors import DataError
from bakeoff.plain_yaml import node_of

__all__ = ["wrong_form", "yaml_pairs"]


def yaml_pairs(text: str, source: str, what: str, example: str) -> list[tuple[str, Any]]:
    """Read a mapping; ``no``, ``1`` and ``on`` stay text.

    Parameters
    ----------
    text : str
    source : str
        The file's name, for errors.
    what : str
        What is mapped to what, for errors: ``"each label to its meaning"``.
    example : str
        One sentence on how to write it.

    Returns
    -------
    list of (str, object)
        In the order of the file, with repetitions; texts, lists and mappings of texts.

    Raises
    ------
    DataError
        If it is no YAML, or no mapping.
    """
    import yaml

    # BaseLoader makes text of every scalar and builds no objects.
    try:
        loader = yaml.BaseLoader(text)
    except yaml.YAMLError as error:
        raise DataError(
            f"{source} is not valid YAML ({' '.join(str(error).split())}).", next_step="Correct it."
        ) from error
    try:
        node = node_of(text, loader)
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            raise wrong_form(source, what, example)
        return [
            (str(loader.construct_object(key, deep=True)), loader.construct_object(value, deep=True))
            for key, value in node.value
        ]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        row = f"Row {mark.line + 1} of {source}" if mark else source
        raise DataError(f"{row} is not valid YAML ({error.problem}).", next_step="Correct that line.") from error
    except yaml.YAMLError as error:
        raise DataError(f"{source} is not valid YAML ({error}).", next_step="Correct it.") from error
    finally:
        loader.dispose()


def wrong_form(source: str, what: str, example: str) -> DataError:
    """Give the error of a file that holds no mapping.

    Parameters
    ----------
    source, what, example : str
        As of `yaml_pairs`.

    Returns
    -------
    DataError
    """
    return DataError(f"{source} must map {what}; it holds something else.", next_step=example)
