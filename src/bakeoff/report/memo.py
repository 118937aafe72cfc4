"""``memo.md``: the decision on one page, for those who did not run the study."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bakeoff.records import Decision, Evidence
from bakeoff.report import figures
from bakeoff.report.lookup import (
    ARM_WORDS,
    CHOICE_WORDS,
    CONSIDERATION_WORDS,
    Headline,
    difference_text,
    flip_text,
    headline,
    requirement_text,
    resolution_text,
    row_of,
    seeds_text,
)

__all__ = ["render_memo"]

#: What Markdown or HTML takes for markup anywhere in a line.
_MARKS = re.compile(r"[\\`*_\[\]<>|~&$]")

#: Characters of a consideration's finding.
_MOST_CHARACTERS = 240


def render_memo(
    evidence: Evidence,
    decision: Decision,
    *,
    created: str,
    version: str,
    title: str,
    commands: Sequence[str] = (),
    next_command: str | None = None,
) -> str:
    """Write the memo.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision
    created, version, title, commands, next_command
        As of `bakeoff.report.render_report`.

    Returns
    -------
    str
        Markdown (CommonMark, with a table), in which texts from data are escaped. It holds no text of any row.
    """
    verdict, met = decision.verdict, headline(decision)
    task = evidence.task
    parts = [
        f"# {_plain(title)}: fine-tune or prompt?",
        f"**Question.** {_plain(task.name)}, {_plain(task.extent)}: which way to take, by {_plain(task.metric)} "
        f"on {figures.count_text(len(evidence.test_labels))} test rows that no method saw? "
        f"{resolution_text(evidence, decision).capitalize()}.",
        f"**Verdict.** {_verdict(decision, met, next_command)}",
        _table(decision, met),
        _difference(evidence, met),
        f"**Scope.** {_plain(verdict.scope)}" if verdict.scope else "",
        _listed("Why", [_plain(reason) for reason in verdict.reasons]),
        _listed("Left out of the final", [_plain(one) for one in verdict.left_out]),
        _listed("The five considerations", _considerations(decision)),
        _listed(
            "Would flip it", [_plain(flip_text(flip)) for flip in verdict.flips] or ["nothing that was looked for"]
        ),
        _listed("Hard limits", [_plain(requirement_text(one)) for one in evidence.requirements]),
        f"**Spent.** {_spent(evidence)}",
        _repeat(evidence, commands),
        f"Bakeoff {_plain(version)}, {_plain(created)}. Rows: {_plain(evidence.fingerprint[:16])}. "
        "All figures: report.html, verdict.json.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _plain(text: str) -> str:
    """Make a text one line of Markdown that shows it as it is."""
    shown = figures.clean_text(str(text))
    escaped = _MARKS.sub(r"\\\g<0>", shown)
    # What begins a line of its own kind: a heading, a list, a rule, a numbered item.
    return re.sub(r"^(\d+)([.)](?:\s|$))", r"\1\\\2", re.sub(r"^([#+=-])", r"\\\1", escaped))


def _verdict(decision: Decision, met: Headline, next_command: str | None) -> str:
    verdict = decision.verdict
    word = CHOICE_WORDS.get(verdict.choice, verdict.choice)
    against = f" rather than {_plain(met.second)}" if met.second else ""
    if not verdict.contender:
        meanwhile = f" Meanwhile, use {_plain(verdict.meanwhile)}." if verdict.meanwhile else ""
        following = f" {_plain(verdict.next.detail)}" if verdict.next.detail else ""
        typed = f" To run what the time did not allow: {_plain(next_command)}" if next_command else ""
        return f"{_plain(word)}: neither way is shown to be the better.{meanwhile}{following}{typed}"
    sure = f" {_plain(verdict.confidence)}" if verdict.confidence else ""
    return f"{_plain(word)}: {_plain(verdict.contender)}{against}, with {verdict.n:,} labelled rows.{sure}"


def _table(decision: Decision, met: Headline) -> str:
    rows = [row for name in (met.first, met.second) if (row := row_of(decision, name, decision.verdict.n)) is not None]
    if not rows:
        return ""
    lines = [
        "| contender | way | n | score | 95% interval | p95 | fit |",
        "| --- | --- | --: | --: | --- | --: | --: |",
    ]
    for row in rows:
        cells = (
            _plain(row.contender),
            ARM_WORDS.get(row.arm, row.arm),
            figures.count_text(row.n),
            figures.score_text(row.score),
            figures.interval_text(row.ci),
            figures.milliseconds_text(row.p95_ms),
            figures.duration_text(row.fit_seconds),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _difference(evidence: Evidence, met: Headline) -> str:
    one = met.comparison
    if one is None:
        return ""
    return (
        f"**Difference.** {_plain(difference_text(one))} (95% interval), "
        f"{figures.p_phrase(one.p).replace('<', '&lt;')}, {seeds_text(evidence, one)}. Its two means are over the "
        "seeds that both have; the table's are over all seeds of each."
    )


def _considerations(decision: Decision) -> list[str]:
    return [
        f"{_plain(CONSIDERATION_WORDS.get(one.name, ('', one.name))[1])} (favours {_plain(one.favours)}): "
        f"{_plain(_short(one.finding))}"
        for one in decision.considerations
    ]


def _short(finding: str) -> str:
    """Keep a finding to about two lines: whole clauses of it, and what is left out is in the report."""
    shown = figures.clean_text(finding)
    if len(shown) <= _MOST_CHARACTERS:
        return shown
    cut = max(shown.rfind(mark, 0, _MOST_CHARACTERS) for mark in ("; ", ", ", ". "))
    return f"{shown[: cut if cut > 0 else _MOST_CHARACTERS]} ..."


def _spent(evidence: Evidence) -> str:
    usages = [trial.usage for trial in evidence.trials]
    calls, money = sum(usage.calls for usage in usages), sum(usage.money for usage in usages)
    price = _plain(figures.money_text(money, evidence.assumptions.currency))
    served = f"; {figures.count_text(calls)} server calls, {price}" if calls else ""
    return (
        f"{figures.duration_text(evidence.spent_seconds)}, {figures.count_text(len(evidence.trials))} trials, "
        f"{figures.count_text(sum(usage.tokens_in + usage.tokens_out for usage in usages))} tokens{served}."
    )


def _repeat(evidence: Evidence, commands: Sequence[str]) -> str:
    lines = [figures.clean_text(command) for command in commands]
    if not lines:
        return ""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    told = f"**To repeat it** (same data, settings and seed {evidence.seed} give the same answers on the same machine):"
    return "\n".join([told, "", fence, *lines, fence])


def _listed(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([f"**{heading}**", "", *(f"- {line}" for line in lines)]) if lines else ""
