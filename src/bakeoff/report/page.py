"""The report: one HTML file that works offline, in light and dark, on a phone and printed."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bakeoff.decision.panel import Panel
from bakeoff.records import Comparison, Consideration, Decision, Evidence, Trial
from bakeoff.report import figures
from bakeoff.report.confusions import confusions
from bakeoff.report.disagreements import ShownRows, disagreements
from bakeoff.report.looks import at_budget, fronts, looks
from bakeoff.report.lookup import (
    ARM_WORDS,
    CHOICE_WORDS,
    CONSIDERATION_WORDS,
    Headline,
    assumption_lines,
    finding_parts,
    flip_text,
    headline,
    oriented,
    requirement_text,
    resolution_text,
    row_of,
    seeds_text,
)
from bakeoff.report.plots import ARM_COLOURS, GRID, INK, learning_curves
from bakeoff.report.prices import prices
from bakeoff.report.sources import SOURCES, trial_list
from bakeoff.report.spread import spread
from bakeoff.report.written import TARGETS, written

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["render_report"]

#: Aspects of the differences table, as a heading each.
_ASPECT_WORDS: Mapping[str, str] = {
    "weights": "Weights",
    "tailoring": "Tailored by",
    "re-training": "Re-training",
    "adaptation": "Adaptation and control",
    "impractical where": "Impractical where",
}

_ROLE_WORDS: Mapping[str, str] = {
    "verdict": "the verdict",
    "floor": "against the floor",
    "same-base": "same model, both ways",
    "current": "against today's system",
    "mixture": "both ways together",
}

#: Parts of the page's one script, in order.
_SCRIPTS = ("rows.js", "student.js", "bills.js", "rule.js", "prices.js", "report.js")

_STATUS_ORDER = {"FAIL": 0, "WARN": 1, "PASS": 2}


def render_report(
    evidence: Evidence,
    decision: Decision,
    *,
    created: str,
    version: str,
    title: str,
    commands: Sequence[str] = (),
    next_command: str | None = None,
    rows: ShownRows | None = None,
) -> str:
    """Render the report.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision
    created : str
        Time of the decision, ISO 8601.
    version : str
        Version of the package that decided.
    title : str
        What was studied, such as the data file's name.
    commands : sequence of str
        Command lines that repeat the study or use its result, in the order to be shown.
    next_command : str, optional
        What to type to go on where the choice is open.
    rows : ShownRows, optional
        Test rows to be shown; whoever reads their texts has seen them.

    Returns
    -------
    str
        A whole HTML document, which its content policy lets load nothing else. Every text from data is escaped; no text
        of a row is in it but those of `rows`.
    """
    environment = _environment()
    script = _script(environment)
    return environment.get_template("report.html").render(
        evidence=evidence,
        decision=decision,
        **{"verdict": decision.verdict, "task": evidence.task},
        **_parts(evidence, decision),
        **_traced(evidence, decision, rows, commands),
        **{"created": created, "version": version, "title": title, "commands": commands, "next_command": next_command},
        **_words(),
        script=_markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _parts(evidence: Evidence, decision: Decision) -> dict[str, Any]:
    """Give the page's parts under the names that the template uses."""
    shown = _Shown(evidence, decision)
    return {
        "sides": shown.sides(),
        "resolution": resolution_text(evidence, decision).capitalize(),
        "considerations": [_consider(one, decision) for one in decision.considerations],
        "gap": shown.gap(),
        "comparisons": shown.comparisons(),
        "leaderboard": shown.leaderboard(),
        "checks": sorted(evidence.checks, key=lambda check: _STATUS_ORDER.get(check.status, 3)),
        "limits": [requirement_text(one) for one in evidence.requirements],
        "assumed": assumption_lines(evidence, decision),
        "flips": [flip_text(flip) for flip in decision.verdict.flips],
        "spent": shown.spent(),
        "troubled": [trial for trial in evidence.trials if trial.status != "done"],
        "curves": _markup(learning_curves(decision)),
        "fronts": [(one, _markup(one.drawn)) for one in fronts(decision, evidence.assumptions.currency)],
        "arms": [arm for arm in ARM_COLOURS if any(row.arm == arm for row in decision.leaderboard)],
    }


def _words() -> dict[str, Any]:
    """Give the page's words and colours under the names that the template uses."""
    return {
        "words": {"arm": ARM_WORDS, "choice": CHOICE_WORDS, "consideration": CONSIDERATION_WORDS},
        "aspects": _ASPECT_WORDS,
        "roles": _ROLE_WORDS,
        "colours": {**ARM_COLOURS, "ink": INK, "grid": GRID},
    }


def _traced(evidence: Evidence, decision: Decision, rows: ShownRows | None, commands: Sequence[str]) -> dict[str, Any]:
    """Give the parts that stand on single answers and trials, under the names that their templates use."""
    desk = prices(evidence, decision, commands)
    panel = Panel(evidence)
    differing = disagreements(panel, decision, rows)
    return {
        "looks": looks(panel, decision),
        "desk": desk,
        "desk_data": None if desk is None else _markup(desk.data),
        "differing": differing,
        "differing_data": None if differing is None else _markup(differing.data),
        "confused": confusions(panel, decision),
        "wrote": written(panel, decision),
        "targets_name": TARGETS,
        "scattered": spread(panel, decision),
        "sources": SOURCES,
        "trials": trial_list(evidence),
    }


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bakeoff.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=figures.visible_value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    forms = {
        "score": figures.score_text,
        "interval": figures.interval_text,
        "points": figures.points_text,
        "points_interval": figures.points_interval_text,
        "p": figures.p_text,
        "p_phrase": figures.p_phrase,
        "ms": figures.milliseconds_text,
        "duration": figures.duration_text,
        "count": figures.count_text,
        "money": figures.money_text,
        "about": figures.about_text,
        "share": figures.share_text,
        "rate": figures.rate_text,
        "size": figures.size_text,
    }
    environment.filters.update({name: _typeset(form) for name, form in forms.items()})
    environment.filters["figure_name"] = figures.figure_name
    environment.filters["plain"] = lambda value: "" if value is None else repr(value).removesuffix(".0")
    environment.globals["figure"] = _typeset(figures.figure_text)
    environment.globals["sort_value"] = _sort_value
    return environment


def _typeset(form: Any) -> Any:
    """Wrap a form of figures: a true minus, an en dash for what is missing, no break between figure and unit."""

    def typeset(*values: Any, **settings: Any) -> str:
        text: str = form(*values, **settings)
        if text == figures.MISSING:
            return "\u2013"
        if any(isinstance(value, (str, Mapping, list, tuple)) for value in values[1:]):
            return text
        return text.replace("-", "\u2212").replace(" ", "\u00a0")

    return typeset


def _sort_value(value: float | str | None) -> str:
    """Give what a column is sorted by; missing figures are empty, and stand last."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return value if isinstance(value, str) else repr(value)


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _script(environment: Environment) -> str:
    return "\n".join(_source(environment, name) for name in _SCRIPTS)


def _markup(text: str | None) -> Any:
    from markupsafe import Markup

    # Only what this room itself makes: scripts, rows as JSON without a bracket, and charts whose texts are escaped.
    return None if text is None else Markup(text)


@dataclass(frozen=True, slots=True)
class _Considered:
    """A consideration: what was found, by contender, and its figures, of both ways side by side, and the others."""

    fact: Consideration
    finding: tuple[str, ...]
    paired: tuple[tuple[str, Any, Any], ...]
    single: tuple[tuple[str, Any], ...]


def _consider(fact: Consideration, decision: Decision) -> _Considered:
    # Lists of facts (what each requirement came to) are left to the finding, which says them in words.
    flat = {key: value for key, value in fact.figures.items() if not _is_nested(value)}
    stems = dict.fromkeys(
        stem for key in flat for arm, _, stem in [key.partition("_")] if arm in ("finetune", "prompt")
    )
    paired = tuple((stem, flat.pop(f"finetune_{stem}", None), flat.pop(f"prompt_{stem}", None)) for stem in stems)
    return _Considered(fact, finding_parts(fact.finding, decision), paired, tuple(flat.items()))


def _is_nested(value: Any) -> bool:
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    return any(isinstance(part, (Mapping, list, tuple)) for part in parts)


@dataclass(frozen=True, slots=True)
class _Bar:
    """An interval drawn as a bar: positions in per cent of the axis."""

    low: float
    high: float
    at: float
    zero: float
    margin_low: float
    margin_high: float


@dataclass(frozen=True, slots=True)
class _Compared:
    """A comparison with what its line in the table needs."""

    fact: Comparison
    pairs: str
    bar: _Bar | None


class _Shown:
    """The parts of evidence and decision, arranged for the template."""

    def __init__(self, evidence: Evidence, decision: Decision) -> None:
        self.evidence = evidence
        self.decision = decision
        self.pair: Headline = headline(decision)
        declared = next((one for one in decision.comparisons if one.role == "verdict"), None)
        #: The comparison that is shown first: where what to use meanwhile is no finalist, that of the finalists.
        self.met = self.pair.comparison or (declared if self.pair.second is None else None)

    def sides(self) -> list[dict[str, Any]]:
        """Give the verdict's two contenders, or what to use meanwhile and the finalists, each with its row."""
        arms = {contender.name: contender.arm for contender in self.evidence.contenders}
        sides = []
        chosen = "chosen" if self.decision.verdict.contender else "meanwhile"
        shown = [(self.pair.first, chosen), (self.pair.second, "against")]
        if self.met is not None and self.pair.comparison is None:
            # What to use meanwhile is no finalist: who met is shown beside it.
            shown = [(self.pair.first, chosen), (self.met.a, "finalist"), (self.met.b, "finalist")]
        for name, role in shown:
            if name is not None:
                row = row_of(self.decision, name, self.decision.verdict.n)
                arm = row.arm if row is not None else arms.get(name, "current")
                sides.append({"name": name, "row": row, "arm": arm, "role": role})
        return sides

    def gap(self) -> _Compared | None:
        """Give the verdict's comparison, from the side of its first contender where that met another."""
        fact = self.met
        return None if fact is None else _Compared(fact, seeds_text(self.evidence, fact), self._bar(fact, [fact]))

    def comparisons(self) -> list[_Compared]:
        """Give all declared comparisons on one common axis; the verdict's first."""
        first = self.pair.first
        turned = [oriented(one, first) if first else one for one in self.decision.comparisons]
        turned.sort(key=lambda one: one.role != "verdict")
        return [_Compared(one, seeds_text(self.evidence, one), self._bar(one, turned)) for one in turned]

    def _bar(self, fact: Comparison, others: Iterable[Comparison]) -> _Bar | None:
        margin = self.evidence.assumptions.margin
        if not all(math.isfinite(value) for value in (*fact.ci, fact.difference)):
            return None
        ends = [value for one in others for value in (*one.ci, one.difference) if math.isfinite(value)]
        low, high = min(*ends, -margin), max(*ends, margin)
        room = 0.05 * (high - low) or 1.0
        low, high = low - room, high + room

        def place(value: float) -> float:
            return round(100 * (value - low) / (high - low), 2)

        return _Bar(
            place(fact.ci[0]), place(fact.ci[1]), place(fact.difference), place(0.0), place(-margin), place(margin)
        )

    def leaderboard(self) -> list[dict[str, Any]]:
        """Give every row, marked where it is one of the verdict's two at its budget."""
        marked, now = {id(side["row"]) for side in self.sides()}, at_budget(self.decision)
        return [{"row": row, "finalist": id(row) in marked, "now": id(row) in now} for row in self.decision.leaderboard]

    def spent(self) -> dict[str, Any]:
        """Sum what the study cost."""
        trials: tuple[Trial, ...] = self.evidence.trials
        usages = [trial.usage for trial in trials]
        return {
            "seconds": self.evidence.spent_seconds,
            "tokens": sum(usage.tokens_in + usage.tokens_out for usage in usages),
            "calls": sum(usage.calls for usage in usages),
            "money": sum(usage.money for usage in usages),
            "memory": max((usage.peak_memory_mb for usage in usages), default=math.nan),
            "planned": self.evidence.trials_planned,
            "run": len(trials),
            "dropped": self.evidence.trials_dropped,
        }
