"""How prompts, their versions and their differences look in the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bakeoff.catalog.servers import host_of, is_server, parse_server
from bakeoff.cli.prompt_texts import add_texts, checks_text, text_change
from bakeoff.report.figures import (
    clean_text,
    duration_text,
    interval_text,
    money_text,
    p_phrase,
    rate_text,
    score_text,
    share_text,
    visible_text,
)
from bakeoff.workbench.prompt_diff import Piece, PromptDiff, part_changes
from bakeoff.workbench.prompt_history import Change, Tried, TriedRow, changes_along
from bakeoff.workbench.prompt_improve import Improved
from bakeoff.workbench.prompt_new import Drafted
from bakeoff.workbench.prompt_texts import check_shares
from bakeoff.workbench.prompt_try import TryOutcome

__all__ = ["diff_lines", "drafted_lines", "history_table", "improved_lines", "tried_lines"]

_LABEL_WIDTH = 14
#: Characters of a row's text that are printed.
_TEXT_WIDTH = 150
#: Below this total probability of all labels a prompt does not lead to them.
_LOW_MASS = 0.10
#: What became of rewrites that were thrown away, and how many reasons are printed.
_REFUSED = {
    "copied": "copied a labelled text",
    "unusable": "unusable",
    "repeated": "said before",
    "failed": "failed",
}
_REASONS = 4
_STYLES = {"same": "", "gone": "red", "new": "green"}


def _table() -> Table:
    table = Table.grid(padding=(0, 0))
    table.add_column(width=_LABEL_WIDTH, style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def drafted_lines(done: Drafted, source: str | None) -> RenderableType:
    """Say what was drafted, and what to do next.

    Parameters
    ----------
    done : Drafted
    source : str or None
        The rows, for the command that comes next.

    Returns
    -------
    renderable
    """
    design, table = done.prompt.design, _table()
    table.add_row("written", Text(str(done.path)))
    table.add_row("instruction", Text(clean_text(design.instruction)))
    if design.labels:
        names = ", ".join(clean_text(label) for label in design.labels[:12])
        more = ", ..." if len(design.labels) > 12 else ""
        table.add_row("labels", Text(f"{len(design.labels)}, from {clean_text(done.labels_from)}: {names}{more}"))
    else:
        table.add_row("answer", Text("a text that is written"))
    shown = "none: without rows there are none to show"
    if done.counts:
        shown = f"{len(design.demonstrations)} of the n = {sum(done.counts.values())} labelled rows it may use"
    table.add_row("shown", Text(shown))
    rows, path = shlex.quote(source) if source else "DATA", shlex.quote(str(done.path))
    following = f"try {path} {rows}" if design.labels or source else f"write {path}"
    table.add_row("next", Text(f"edit it, then: bakeoff prompt {following}"))
    return table


def tried_lines(done: TryOutcome, prompt: Path, source: str, rows: int) -> RenderableType:
    """Say how a version did, and which rows it gained and lost.

    Parameters
    ----------
    done : TryOutcome
    prompt : Path
    source : str
        The rows, for the command that comes next.
    rows : int
        Gained and lost rows that are printed, of each at most.

    Returns
    -------
    renderable
    """
    tried, table = done.tried, _table()
    table.add_row(f"version {tried.version}", Text(f"{prompt}, {_model_name(tried)}, {tried.dtype}"))
    left_out = f"; {done.shown} that the prompt shows are left out" if done.shown else ""
    table.add_row("rows", Text(f"{len(tried.rows)} of the n = {tried.n} labelled rows of seed {tried.seed}{left_out}"))
    score = f"{score_text(tried.score)} {interval_text(tried.interval)}"
    right = "" if tried.writes else f", {tried.right} of {len(tried.rows)} right"
    table.add_row(tried.metric, Text(f"{score}{right}", style="bold"))
    if not tried.writes:
        table.add_row("label mass", _mass(tried.label_mass))
    if tried.checks:
        table.add_row("checks", Text(checks_text(check_shares(*tried.said(), tried.checks))))
    shared = "" if tried.model_sha256 is None else " with the shared prefix"
    speed = f"{rate_text(tried.rows_per_second)}, {tried.tokens_per_row:.0f} tokens a row{shared}"
    table.add_row("speed", Text(f"{speed}; calibration: {tried.calibration}"))
    if done.unanswered is not None:
        table.add_row("no answer", Text(clean_text(done.unanswered)))
    if done.calls is not None:
        table.add_row("calls", Text(clean_text(done.calls)))
    if done.against is not None:
        _add_change(table, done.against, done.change, tried, rows)
    elif tried.writes:
        add_texts(table, tried.rows, rows)
    table.add_row("kept", Text(str(done.kept)))
    again = f"bakeoff run {shlex.quote(source)} --prompt {shlex.quote(str(prompt))}"
    table.add_row("note", Text(f"These rows choose a prompt. The score to quote is of rows it has not seen: {again}"))
    return table


def _model_name(tried: Tried) -> str:
    """Name a model: the last part of its path; a server's with its host, and what that calls it if unlike."""
    if not is_server(tried.model):
        return Path(tried.model).name
    server = parse_server(tried.model)
    said = tried.model_reported if tried.model_reported not in (None, "", server.model) else None
    return clean_text(f"{server.model} at {host_of(server.url)}{f', which says {said}' if said else ''}")


def improved_lines(done: Improved, target: Path, source: str, rows: int) -> RenderableType:
    """Say what the rewrites came to, and which rows the best one gained and lost.

    Parameters
    ----------
    done : Improved
    target : Path
        The file that is written where one was better.
    source : str
        The rows, for the command that comes next.
    rows : int
        Gained and lost rows that are printed, of each at most.

    Returns
    -------
    renderable
    """
    table, change, made = _table(), done.change, done.rewrites
    all_rows = len(done.start.rows)
    table.add_row(
        "rows",
        Text(
            f"{done.shown_rows} that the rewriter could see, {change.common} others that choose: {all_rows} of the n = "
            f"{done.start.n} labelled rows of seed {done.start.seed}"
        ),
    )
    refused = ", ".join(f"{count} {_REFUSED[kind]}" for kind, count in made.refused.items())
    told = f"{made.asked} asked for, {done.kept - 1} scored on the rows that choose"
    table.add_row("rewrites", Text(f"{told}{f'; {refused}' if refused else ''}. Ended: {clean_text(done.why)}"))
    for reason in list(dict.fromkeys(made.reasons))[:_REASONS]:
        table.add_row("", Text(clean_text(reason), style="dim"))
    table.add_row("spent", Text(_spent(done)))
    table.add_row(f"version {done.start.version}", _choosing_score(change.before, "the instruction as it stood"))
    if done.written is not None:
        table.add_row(f"version {done.best.version}", _choosing_score(change.after, "the best, chosen by these rows"))
        table.add_row("against", _against(change))
        _add_rows(table, change, rows)
        table.add_row("instruction", Text(visible_text(done.best.prompt.design.instruction)))
    unchanged = "is left as it was" if target.exists() else "is not written"
    table.add_row("written", Text(str(done.written) if done.written else f"nothing is better: {target} {unchanged}"))
    table.add_row("kept", Text(f"{done.kept} versions in {done.folder}"))
    again = f"bakeoff run {shlex.quote(source)} --prompt {shlex.quote(str(target))}"
    note = (
        f"The best of {done.kept} on these rows looks better than it is. The score to quote is of other rows: {again}"
    )
    if done.written is not None:
        table.add_row("note", Text(note))
    return table


def _choosing_score(tried: Tried, what: str) -> Text:
    score = f"{score_text(tried.score)} {interval_text(tried.interval)}"
    if tried.writes:
        return Text(f"{tried.metric} {score}: {what}", style="bold")
    return Text(f"{score}, {tried.right} of {len(tried.rows)} right: {what}", style="bold")


def _spent(done: Improved) -> str:
    spent = done.spent
    kept = f", {done.rewrites.from_disk} replies kept from before" if done.rewrites.from_disk else ""
    paid = f", {money_text(spent.money, done.currency)}" if spent.money else ""
    return (
        f"{spent.calls} calls with {spent.tokens:,} tokens{paid}{kept}; {done.rows_answered:,} rows answered here; "
        f"{duration_text(done.seconds)} in all"
    )


def _mass(mass: float | None) -> Text:
    if mass is None:
        return Text("-")
    low = "; the prompt hardly leads to its labels" if mass < _LOW_MASS else ""
    return Text(f"{share_text(mass)} of the probability is on the labels' words{low}")


def _add_change(table: Table, before: Tried, change: Change | None, after: Tried, rows: int) -> None:
    parts = ", ".join(
        dict.fromkeys(part.part for part in part_changes(before.prompt, after.prompt) if part.part[0] != " ")
    )
    table.add_row("changed", Text(f"{clean_text(parts) or 'nothing'}, since version {before.version}"))
    if before.asked != after.asked:
        table.add_row("", Text(f"Version {before.version} was tried with another model: {_model_name(before)}."))
    if change is None:
        table.add_row("against", Text(f"Version {before.version} was tried on other rows, so there is no paired test."))
        return
    table.add_row("against", _against(change))
    _add_rows(table, change, rows)


def _against(change: Change) -> Text:
    scores = [score_text(score) for score in (change.score_before, change.score_after)]
    test = "permutation test" if change.after.writes else "McNemar's mid-p, exact"
    return Text(
        f"{scores[1]} now, {scores[0]} before, on {change.common} rows that both answered; "
        f"gained {len(change.gained)}, lost {len(change.lost)}, {p_phrase(change.p)} ({test})"
    )


def _add_rows(table: Table, change: Change, most: int) -> None:
    for name, pairs, style in (("gained", change.gained, "green"), ("lost", change.lost, "red")):
        for number, (before, after) in enumerate(pairs[:most]):
            label = Text(f"  {name}" if number == 0 else "", style=style)
            table.add_row(label, text_change(before, after) if change.after.writes else _row(before, after))
        if len(pairs) > most > 0:
            table.add_row("", Text(f"and {len(pairs) - most} more {name}", style="dim"))


def _row(before: TriedRow, after: TriedRow) -> Text:
    answers = [clean_text(row.answer) if row.answer is not None else "no answer" for row in (before, after)]
    text = clean_text(after.text)
    cut = text if len(text) <= _TEXT_WIDTH else f"{text[: _TEXT_WIDTH - 3]}..."
    return Text.assemble((f"{answers[0]} -> {answers[1]}", "bold"), f"  {cut}")


def history_table(history: Sequence[Tried], folder: Path) -> RenderableType:
    """List versions, one try a line.

    Parameters
    ----------
    history : sequence of Tried
    folder : Path
        Of the history.

    Returns
    -------
    renderable
    """
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("version", "tried", "model", "rows"):
        table.add_column(name, no_wrap=name != "model", overflow="fold", justify="right" if name == "rows" else "left")
    writes = any(tried.writes for tried in history)
    for name in ("score" if writes else "accuracy", "mass", "+", "-", "p"):
        table.add_column(name, no_wrap=True, justify="left" if name in ("accuracy", "score") else "right")
    for tried, _before, change in changes_along(history):
        told = ["", "", ""]
        if change is not None:
            told = [str(len(change.gained)), str(len(change.lost)), p_phrase(change.p).removeprefix("p").strip("= ")]
        table.add_row(
            str(tried.version),
            tried.when[5:16].replace("T", " "),
            Text(_model_name(tried)),
            str(len(tried.rows)),
            f"{f'{tried.metric} ' if writes else ''}{score_text(tried.score)} {interval_text(tried.interval)}",
            "-" if tried.label_mass is None else share_text(tried.label_mass),
            *told,
        )
    test = "permutation test" if writes else "McNemar's mid-p"
    note = f"+ and -: rows gained and lost against the last other version; p: {test}. Kept in {folder}"
    return Group(table, Text(note, style="dim"))


def diff_lines(found: PromptDiff, rows: int) -> RenderableType:
    """Show changed words as ``[-gone-]`` and ``{+new+}``, then the rows that the two answer differently.

    Parameters
    ----------
    found : PromptDiff
    rows : int
        Gained and lost rows that are printed, of each at most.

    Returns
    -------
    renderable
    """
    table = _table()
    table.add_row("before", Text(found.before))
    table.add_row("after", Text(found.after))
    if not found.parts:
        table.add_row("words", Text("The two say the same."))
    for part in found.parts:
        table.add_row(Text(clean_text(part.part) if part.part[0] != " " else part.part), _words(part.pieces))
    if found.rows is None:
        table.add_row("rows", Text("The two were not tried on the same rows with the same model."))
        return table
    table.add_row("rows", _against(found.rows))
    _add_rows(table, found.rows, rows)
    return table


def _words(pieces: Sequence[Piece]) -> Text:
    marks = {"same": "{}", "gone": "[-{}-]", "new": "{{+{}+}}"}
    shown = [(marks[piece.kind].format(visible_text(piece.text)), _STYLES[piece.kind]) for piece in pieces]
    return Text.assemble(*shown)
