"""Find which columns hold the text, the label, the group and the time."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.data.table import Table
from bakeoff.errors import DataError

__all__ = ["Columns", "find_columns", "resolve_column"]

# Earlier tiers win over later ones; within a tier two hits are ambiguous.
_USUAL_TEXTS = (
    "review, sentence, comment, message, content, body, utterance, query, tweet, title, post, document, question, "
    "input, snippet, description, feedback, subject, summary, headline, email, ticket, transcript"
)
_USUAL_LABELS = "sentiment, class, category, target, intent, y, emotion, topic, tag, type, polarity, output"
_TEXT_NAMES = (frozenset({"text", "texts"}), frozenset(_USUAL_TEXTS.split(", ")))
_LABEL_NAMES = (
    frozenset({"label", "labels"}),
    frozenset(_USUAL_LABELS.split(", ")),
    frozenset({"rating", "stars", "score"}),
)
_PAIR_NAMES = frozenset({"text_pair", "textpair", "text pair"})
_TOKEN_NAMES = ("tokens", "words")
_SOURCE_NAMES = ("source", "input", "prompt", "document", "article", "question", "context", "text")
_TARGET_NAMES = ("target", "output", "completion", "summary", "response", "answer", "text")
_REFERENCE_NAMES = ("references", "targets")
_TAG_NAMES = ("tags", "ner_tags", "labels", "slots", "bio", "iob")

_LOOKED_AT = 2000
_TEXT_LENGTH = 15
_NEAR_LENGTH = 0.6
_MOST_LABELS = 200
_LABEL_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns are used, and why.

    Parameters
    ----------
    text : tuple of str
        Columns that make the text, joined by a line break in this order.
    text_pair : str or None
        Column of the second text of a pair.
    label, group, time : str or None
        Columns of the label, the group and the time.
    how : str
        One sentence: which text and label were chosen, and why.
    references : str or None
        Column of further texts that are right, where texts are to be written.
    written : bool
        Whether the labels are texts to write.
    """

    text: tuple[str, ...]
    text_pair: str | None
    label: str | None
    group: str | None
    time: str | None
    how: str
    references: str | None = None
    written: bool = False


def find_columns(
    table: Table,
    *,
    text: Sequence[str] = (),
    text_pair: str | None = None,
    label: str | None = None,
    group: str | None = None,
    time: str | None = None,
    need_label: bool = True,
    kind: str = "auto",
) -> Columns:
    """Choose the columns: by what the user said, then by name, then by content.

    Parameters
    ----------
    table : Table
    text, text_pair, label, group, time : sequence of str, str
        Names or positions (from 1); one column of text may stand alone. Group and time are never guessed.
    need_label : bool
        Whether to look for a label where none was given; it is None where nothing resembles one.
    kind : str
        Of the task, where known.

    Returns
    -------
    Columns

    Raises
    ------
    DataError
        For an unknown column, several alike, no text, and a first row that looks like data.
    """
    text = (text,) if isinstance(text, str) else text
    _refuse_headless(table, (*text, text_pair, label, group, time))
    texts = tuple(resolve_column(table, name, "--text") for name in text)
    if not texts and (named := _find_by_kind(table, kind, label, need_label)) is not None:
        own, tags, kind = named
        return find_columns(table, text=(own,), label=tags, group=group, time=time, need_label=False, kind=kind)
    pair, chosen = _resolved(table, text_pair, "--text-pair"), _resolved(table, label, "--label")
    groups, times = _resolved(table, group, "--group"), _resolved(table, time, "--time")
    why_text = why_label = "as you said"
    pair = pair if pair or text else next(iter(_named(table, [_PAIR_NAMES], set())[0]), None)
    taken = {name for name in (pair, chosen, groups, times) if name is not None}
    if not texts:
        texts, why_text = _find_text(table, taken)
    if chosen is None and need_label:
        chosen, why_label = _find_label(table, {*taken, *texts})
    _refuse_shared(table, texts, chosen)
    how = _how(texts, pair, chosen, why_text, why_label)
    return Columns(texts, pair, chosen, groups, times, how, *_written(table, kind))


def _find_by_kind(table: Table, kind: str, label: str | None, need_label: bool) -> tuple[str, str | None, str] | None:
    """Give text, label and kind of rows of tokens, or of texts to write, by their usual names; None for others."""
    tokens = _find_tokens(table, kind)
    if tokens is not None:
        return tokens, label or (_find_tags(table, tokens) if need_label else None), kind
    source = None if label is not None else _find_source(table, kind)
    return None if source is None else (*source, "generation")


def _how(texts: Sequence[str], pair: str | None, label: str | None, *why: str) -> str:
    how = f"Text from {' and '.join(map(repr, texts))} ({why[0]}), "
    how += "" if pair is None else f"second text from {pair!r}, "
    return how + (f"label from {label!r} ({why[1]})." if label else "no label.")


def resolve_column(table: Table, name: str, option: str) -> str:
    """Give the column that an option names: exactly, with other capitals, or by its position from 1.

    Raises
    ------
    DataError
        If there is no such column; the message lists those that there are.
    """
    found = _by_name(table, name)
    if found is not None:
        return found
    if name.strip().isdecimal() and 1 <= int(name) <= len(table.columns):
        return table.columns[int(name) - 1]
    folded = {column.casefold(): column for column in table.columns}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    step = f"Did you mean {option} {folded[near[0]]!r}?" if near else f"Give one of these with {option}."
    raise DataError(
        f"{option} must name a column of {table.source} ({_listed(table.columns)}); got {name!r}.", next_step=step
    )


def _resolved(table: Table, name: str | None, option: str) -> str | None:
    return None if name is None else resolve_column(table, name, option)


def _by_name(table: Table, name: str) -> str | None:
    if name in table.columns:
        return name
    folded = [column for column in table.columns if column.casefold() == name.strip().casefold()]
    return folded[0] if len(folded) == 1 else None


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(repr(column) for column in columns)


def _sample(table: Table, column: str) -> list[str]:
    """Give the filled cells among the first rows of a column, as text; lists count as nothing."""
    position = table.columns.index(column)
    cells = (row[position] for row in table.cells[:_LOOKED_AT])
    return [cell.strip() for cell in cells if isinstance(cell, str) and cell.strip()]


def _mean_length(values: Sequence[str]) -> float:
    return sum(map(len, values)) / len(values) if values else 0.0


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _is_texty(values: Sequence[str]) -> bool:
    """Say whether values look like texts: longish, mostly different, with letters and blanks."""
    if not values or _mean_length(values) < _TEXT_LENGTH or len(set(values)) * 5 < len(values):
        return False
    return sum(" " in value for value in values) * 2 > len(values)


def _is_labelish(values: Sequence[str]) -> bool:
    """Say whether values look like labels: at least two, few in relation to the rows, and short."""
    distinct = len(set(values))
    return 2 <= distinct <= min(_MOST_LABELS, max(2, len(values) // 2)) and _mean_length(values) < _LABEL_LENGTH


def _may_be_label(values: Sequence[str]) -> bool:
    """Say whether values of a column with a usual name for labels can be labels: short, and seen more than once."""
    return _mean_length(values) < _LABEL_LENGTH and (len(values) < 20 or len(set(values)) * 2 <= len(values))


def _named(table: Table, tiers: Sequence[frozenset[str]], taken: set[str]) -> list[list[str]]:
    free = [name for name in table.columns if name not in taken]
    return [[name for name in free if name.casefold() in tier] for tier in tiers]


def _find_text(table: Table, taken: set[str]) -> tuple[tuple[str], str]:
    for hits in _named(table, _TEXT_NAMES, taken):
        if len(hits) > 1:
            hits = [name for name in hits if _is_texty(_sample(table, name))] or hits
        if len(hits) > 1:
            raise _ambiguous(table, hits, "--text", "the text")
        if hits:
            return (hits[0],), "its name"
    lengths = {
        name: _mean_length(values)
        for name in table.columns
        if name not in taken and _is_texty(values := _sample(table, name))
    }
    ranked = sorted(lengths, key=lambda name: -lengths[name])
    alike = [name for name in ranked if lengths[name] >= _NEAR_LENGTH * lengths[ranked[0]]]
    if len(alike) > 1:
        raise _ambiguous(table, alike, "--text", "the text")
    if alike:
        return (alike[0],), "its longest texts"
    if len(table.columns) == 1 and not taken:
        return (table.columns[0],), "the only column"
    raise DataError(
        f"No column of {table.source} looks like a text; there are {_listed(table.columns)}.",
        next_step="Name it with --text.",
    )


def _find_label(table: Table, taken: set[str]) -> tuple[str | None, str]:
    for position, hits in enumerate(_named(table, _LABEL_NAMES, taken)):
        # A column that is called "label" is believed; weaker names must also look like labels.
        if position:
            hits = [name for name in hits if _may_be_label(_sample(table, name))]
        if len(hits) > 1:
            raise _ambiguous(table, hits, "--label", "the label")
        if hits:
            return hits[0], "its name"
    found = [name for name in table.columns if name not in taken and _is_labelish(_sample(table, name))]
    if len(found) > 1:
        raise _ambiguous(table, found, "--label", "the label")
    if found:
        values = Counter(_sample(table, found[0]))
        return found[0], f"{len(values)} different values in {values.total()} rows"
    return None, ""


def _find_tokens(table: Table, kind: str) -> str | None:
    """Give the column of tokens: of a usual name, with lists in it unless the kind is known to be tagging."""
    if kind not in ("auto", "tagging"):
        return None
    named = [name for name in table.columns if name.casefold() in _TOKEN_NAMES]
    if kind == "tagging":
        return next(iter(named), None)
    # A list of tokens beside a text and a label is no reason to look for tags.
    tagged = (name for name in named if (tags := _find_tags(table, name)) is not None and _has_lists(table, tags))
    return next((name for name in tagged if _has_lists(table, name)), None)


def _find_tags(table: Table, tokens: str) -> str | None:
    folded = {name.casefold(): name for name in reversed(table.columns) if name != tokens}
    return next((folded[name] for name in _TAG_NAMES if name in folded), None)


def _find_source(table: Table, kind: str) -> tuple[str, str] | None:
    """Give the columns of what is read and what is written: ``source`` and ``target``, or names known to mean them.

    Unless the kind is known, the targets must be texts of their own, since labels may be called so, too.
    """
    folded = {name.casefold(): name for name in reversed(table.columns)}
    if kind == "auto":
        if not {"source", "target"} <= folded.keys():
            return None
        targets = _sample(table, folded["target"])
        if _find_references(table) is None and len(set(targets)) * 2 <= len(targets):
            return None
    elif kind != "generation":
        return None
    source = next((folded[name] for name in _SOURCE_NAMES if name in folded), None)
    target = next((folded[name] for name in _TARGET_NAMES if name in folded and folded[name] != source), None)
    return None if source is None or target is None else (source, target)


def _written(table: Table, kind: str) -> tuple[str | None, bool]:
    """Give the column of further texts that are right, and whether the labels are texts to write."""
    return (_find_references(table), True) if kind == "generation" else (None, False)


def _find_references(table: Table) -> str | None:
    """Give the column of further texts that are right: of a usual name, with lists in it."""
    named = [name for name in table.columns if name.casefold() in _REFERENCE_NAMES]
    return next((name for name in named if _has_lists(table, name)), None)


def _has_lists(table: Table, column: str) -> bool:
    position = table.columns.index(column)
    return any(isinstance(row[position], tuple) for row in table.cells[:_LOOKED_AT])


def _ambiguous(table: Table, candidates: Sequence[str], option: str, what: str) -> DataError:
    both = f", or join them with {' '.join(f'{option} {name!r}' for name in candidates)}"
    return DataError(
        f"Several columns of {table.source} could be {what}: {_listed(candidates)}.",
        next_step=f"Name one with {option}{both if option == '--text' else ''}.",
    )


def _refuse_shared(table: Table, texts: Sequence[str], label: str | None) -> None:
    if label is not None and label in texts:
        raise DataError(
            f"Text and label must be different columns of {table.source}; got {label!r} for both.",
            next_step="Correct --text or --label.",
        )


def _refuse_headless(table: Table, told: Sequence[str | None]) -> None:
    """Raise where no column is told by its name, no name is known, and the names look like the cells below them."""
    if any(_by_name(table, name) for name in told if name is not None):
        return
    known = frozenset.union(*_TEXT_NAMES, *_LABEL_NAMES, _PAIR_NAMES)
    if not table.named or any(name.casefold() in known for name in table.columns):
        return
    for name in table.columns:
        values = _sample(table, name)
        long_text = _is_texty(values) and (len(name.split()) > 4 or len(name) > 40)
        if long_text or _is_number(name) or (name in values and _is_labelish(values)):
            break
    else:
        return
    raise DataError(
        f"The first row of {table.source} looks like data, not like column names: {_listed(table.columns)[:120]}.",
        next_step="Give --no-header and column numbers, such as --no-header --text 1 --label 2, or add a header.",
    )
