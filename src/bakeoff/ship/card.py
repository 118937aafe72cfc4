"""The model card of a bundle: what it is for, how it was measured, and what nobody knows of it."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Mapping, Sequence

from bakeoff.catalog import entries
from bakeoff.decision import expected_of_refit
from bakeoff.records import Comparison, Contender, Decision, Evidence, LeaderboardRow
from bakeoff.report.figures import (
    clean_text,
    count_text,
    duration_text,
    interval_text,
    milliseconds_text,
    p_phrase,
    points_interval_text,
    points_text,
    rate_text,
    score_text,
    share_text,
    size_text,
)
from bakeoff.report.lookup import resolution_text
from bakeoff.tasks import Task, metrics_of

__all__ = ["model_card"]

_SHOWN_LABELS = 100

_ARMS: Mapping[str, str] = {
    "finetune": "fine-tuning",
    "prompt": "a prompt to a language model",
    "both": "fine-tuning and a prompt together",
    "floor": "a plain baseline without any pre-trained model",
}


def model_card(
    evidence: Evidence,
    decision: Decision,
    contender: Contender,
    *,
    rows_refitted: int,
    seconds: float,
    share_of_steps: float = 1.0,
    seed: int = 0,
    demonstrations: int = 0,
    licence: str | None = None,
    repeat: Sequence[str] = (),
    bundle_name: str = "bundle",
) -> str:
    """Write the model card of a shipped contender from the study that measured it.

    Parameters
    ----------
    evidence : Evidence
    decision : Decision
    contender : Contender
        The shipped one; it may be another than the chosen one.
    rows_refitted, seconds, share_of_steps, seed : int, float, float, int
        Labelled rows of the refit, its time, the share of its training steps that time allowed, and its seed.
    demonstrations : int
        Rows of the data that stand in its prompt.
    licence : str, optional
        Of the pre-trained model; found in the catalogue where it is not given and the model stands there.
    repeat : sequence of str
        Commands that make the bundle again, in order; each is shown as it is.
    bundle_name : str
        Name of the bundle's folder, for the commands.

    Returns
    -------
    str
        Markdown. Text that comes from the data is escaped: it shows as it is written and marks nothing up.
    """
    sections = [
        _head(evidence, contender),
        _score(evidence, decision, contender, rows_refitted),
        _against(decision, contender),
        _data(evidence, contender, rows_refitted, demonstrations),
        _limits(evidence, decision),
        base_model_section(contender, licence),
        use_section(bundle_name),
        _repeat(evidence, contender, seed, (seconds, share_of_steps), repeat),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def escape(text: str) -> str:
    """Make text from data safe inside a line of markdown.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        One line that a markdown reader shows as `text`, without markup, HTML or hidden changes of direction.
    """
    plain = clean_text(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    marked = re.sub(r"([\\`*_\[\]{}|~$#!])", r"\\\1", plain)
    # A list or a heading begins at the start of a line only.
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", marked)


def _head(evidence: Evidence, contender: Contender) -> str:
    task = evidence.task
    model = f", on the model {escape(contender.model)}" if contender.model else ""
    lines = [
        f"# {escape(task.name)}: {escape(contender.name)}",
        f"Gives {given_line(task)}, by {_ARMS.get(contender.arm, contender.arm)}: the method "
        f"`{contender.method}` of version {escape(contender.version)}{model}.",
        labels_line(task),
    ]
    if contender.arm in {"prompt", "both"} and task.instruction:
        lines.append(f"Instruction: {escape(task.instruction)}")
    return "\n\n".join(line for line in lines if line)


def given_line(task: Task) -> str:
    """Say what is given for what, by the kind of task."""
    told = {
        "multi-label": f"each text any of {task.extent}",
        "regression": "each text a number",
        "pair": f"each pair of texts one of {task.extent}",
        "tagging": f"each token one of {task.extent}",
        "generation": "a text for each text",
    }
    return told.get(task.kind, f"each text one of {task.extent}")


def labels_line(task: Task) -> str:
    """Name the labels, the first hundred of many, as a line of a card; empty where there are none."""
    if not task.labels:
        return ""
    shown = ", ".join(escape(label) for label in task.labels[:_SHOWN_LABELS])
    more = len(task.labels) - _SHOWN_LABELS
    return f"Labels: {shown}{f', and {more} more in bundle.json' if more > 0 else ''}."


def leaderboard_row(decision: Decision, contender: Contender) -> LeaderboardRow | None:
    rows = [row for row in decision.leaderboard if row.contender == contender.name]
    at_n = [row for row in rows if row.n == decision.verdict.n]
    return at_n[0] if at_n else max(rows, key=lambda row: row.n, default=None)


def _score(evidence: Evidence, decision: Decision, contender: Contender, rows_refitted: int) -> str:
    row = leaderboard_row(decision, contender)
    metric = evidence.task.metric
    if row is None:
        return "## Score\n\nThis contender was not measured on test rows: nothing is known of its score."
    meaning = metrics_of(evidence.task.kind, evidence.task.checks).get(metric)
    figures = [
        ("valid answers", share_text(row.valid_rate)),
        ("latency, one row alone, median", milliseconds_text(row.p50_ms)),
        ("latency, one row alone, 95th percentile", milliseconds_text(row.p95_ms)),
        ("rate, all rows together", rate_text(row.rows_per_second)),
        ("size", size_text(row.size_mb)),
    ]
    learned = f"with n = {count_text(row.n)} labelled rows" if contender.uses_labels else "without labelled rows"
    interval = interval_text(row.ci)
    runs = f"{row.seeds} seed{'s' if row.seeds != 1 else ''} on {count_text(len(evidence.test_labels))} test rows"
    if evidence.folds:
        rounds = len(evidence.folds) // evidence.round_folds
        runs = f"{rounds} rounds of {evidence.round_folds} folds, {count_text(len(evidence.test_labels))} test rows"
    lines = [
        "## Score",
        f"**{metric} {score_text(row.score)}**, 95% interval {interval}: the mean of {runs}, {learned}.",
        f"{metric[:1].upper()}{metric[1:]} is the {meaning}." if meaning else "",
        _estimated(contender, rows_refitted),
        _expected(row, metric, contender, rows_refitted),
        "| figure | measured |\n| --- | --- |\n" + "\n".join(f"| {name} | {value} |" for name, value in figures),
    ]
    return "\n\n".join(line for line in lines if line)


def _estimated(contender: Contender, rows_refitted: int) -> str:
    if not contender.uses_labels:
        return "This is the score of the procedure, estimated by the study on rows that it did not see."
    return (
        "This is the score of the procedure, estimated by the study. What is in this bundle is a refit of that "
        f"procedure on all {count_text(rows_refitted)} labelled rows, the test rows among them; the refit's own score "
        "was not measured, and cannot be on these rows."
    )


def _expected(row: LeaderboardRow, metric: str, contender: Contender, rows_refitted: int) -> str:
    # A baseline may learn nothing from further rows, as the most frequent label does.
    if contender.arm == "floor" or not contender.uses_labels or not 0 < row.n < rows_refitted:
        return ""
    expected = expected_of_refit(row.ci, row.n, rows_refitted)
    return (
        f"**Expected of this bundle: {metric} in {interval_text(expected)}.** The lower end is that of the measured "
        f"interval. The upper one allows for {count_text(rows_refitted)} labelled rows where {count_text(row.n)} were "
        "measured: what the score lacks of 1 falls at most with the square root of their number (Hestness et al. 2017)."
    )


def _against(decision: Decision, contender: Contender) -> str:
    met = [pair for pair in decision.comparisons if contender.name in (pair.a, pair.b)]
    if not met:
        return "## Compared with\n\nThe study declared no comparison of this contender with another."
    rows = "\n".join(_comparison_row(pair, contender.name) for pair in met)
    return (
        "## Compared with\n\nDifferences are this contender's score less the other's, on the same rows and seeds.\n\n"
        "| other contender | n | difference | 95% interval | p, corrected | test |\n"
        f"| --- | --- | --- | --- | --- | --- |\n{rows}"
    )


def _comparison_row(pair: Comparison, name: str) -> str:
    low, high = pair.ci
    other, difference, bounds = pair.b, pair.difference, (low, high)
    if pair.b == name:
        other, difference, bounds = pair.a, -pair.difference, (-high, -low)
    cells = (
        escape(other),
        count_text(pair.n),
        points_text(difference),
        points_interval_text(bounds),
        p_phrase(pair.p_holm),
        escape(pair.test),
    )
    return f"| {' | '.join(cells)} |"


def _data(evidence: Evidence, contender: Contender, rows_refitted: int, demonstrations: int) -> str:
    rows = ", ".join(f"{count_text(count)} {name}" for name, count in evidence.rows.items())
    lines = [
        "## Data",
        f"Rows of the study: {escape(rows)}; fingerprint `{re.sub('[^0-9a-zA-Z]', '', evidence.fingerprint)}`. "
        f"Mean length {evidence.text_words:.0f} words. Refitted on {count_text(rows_refitted)} labelled rows.",
    ]
    found = [
        f"- {escape(check.name)} ({check.status}): {escape(check.detail)}"
        for check in evidence.checks
        if check.status != "PASS"
    ]
    lines.append("Checks that warned:\n\n" + "\n".join(found) if found else "All checks of the rows passed.")
    if demonstrations:
        lines.append(
            f"**This bundle holds rows of the data:** its prompt carries {demonstrations} labelled "
            f"text{'s' if demonstrations != 1 else ''} word for word, and whoever has the bundle can read them. "
            "Look at `method/` before you pass it on."
        )
    elif contender.method == "tfidf":
        lines.append("The vocabulary in `method/` holds words and pieces of words from the rows.")
    return "\n\n".join(lines)


def _limits(evidence: Evidence, decision: Decision) -> str:
    points = [
        escape(decision.verdict.scope),
        f"{resolution_text(evidence, decision).capitalize()}.",
        f"Gives {given_line(evidence.task)} in every case, for a text about something else too, unless it abstains.",
        "The score holds for rows like those of the study; rows of another source, time or language were not measured.",
        *(escape(sentence) for sentence in evidence.missing),
    ]
    return "## Limits\n\n" + "\n".join(f"- {point}" for point in points if point)


def base_model_section(contender: Contender, licence: str | None = None) -> str:
    """Tell of the pre-trained model and its licence, as a section of a card."""
    if contender.model is None:
        return "## Base model\n\nNone."
    known = next((item for item in entries("model") if item.name == contender.model), None)
    terms = licence or (known.licence if known else None)
    lines = [
        f"{escape(contender.model)}{f', sha256 `{contender.model_sha256}`' if contender.model_sha256 else ''}.",
        escape(known.description) if known else "",
        f"Licence: {escape(terms)}." if terms else "Licence: not known here; ask whoever published the model.",
        _prompted_model(contender),
    ]
    return "## Base model\n\n" + " ".join(line for line in lines if line)


def _prompted_model(contender: Contender) -> str:
    """Tell of the second model of a mixture: for labels of the fit alone, or for answers as well."""
    if contender.second_sha256 is None:
        return ""
    name = str(contender.parameters["prompt_model"])
    known = next((item for item in entries("model") if item.name == name), None)
    licence = f" (licence: {escape(known.licence)})" if known else ""
    return f"A prompt asked {escape(name)}{licence}, sha256 `{contender.second_sha256}`."


def score_told(card: str) -> str:
    """Find in a model card what it says of the score, with its interval.

    Parameters
    ----------
    card : str
        Of either kind, as `model_card` or `tuned_card` wrote it.

    Returns
    -------
    str
        One line without markup; empty where the card has no score.
    """
    section = card.partition("\n## Score\n")[2].partition("\n## ")[0]
    told = next((part.strip() for part in section.split("\n\n") if "95% interval" in part), "")
    if told.startswith("|"):
        lines = told.splitlines()
        # The head, a line of dashes, and the test rows.
        names, values = (
            [cell.strip() for cell in line.strip("| ").split("|")]
            for line in (lines[0], lines[-1 if len(lines) < 3 else 2])
        )
        if len(names) == len(values) == 4:
            told = f"{names[2]} {values[2]}, {names[3]} {values[3]}, on {values[1]} {values[0]} rows"
        else:
            told = ", ".join(f"{name}: {value}" for name, value in zip(names, values, strict=False))
    return html.unescape(re.sub(r"\\(.)", r"\1", told.replace("**", ""))).replace("\n", " ")


def use_section(bundle_name: str) -> str:
    """Tell how to use a bundle, as a section of a card."""
    name = shlex.quote(clean_text(bundle_name))
    commands = code_block(f"bakeoff predict {name} new.csv\nbakeoff serve {name}")
    return f"## Use\n\n{commands}"


def _repeat(
    evidence: Evidence, contender: Contender, seed: int, refit: tuple[float, float], repeat: Sequence[str]
) -> str:
    seconds, share = refit
    shortened = "" if share >= 1 else f"Time allowed {share_text(share)} of its training steps. "
    plain = {key: value for key, value in contender.parameters.items() if "\n" not in str(value)}
    settings = ", ".join(f"{escape(key)} = {escape(str(value))}" for key, value in sorted(plain.items()))
    lines = [
        "## Repeat",
        f"The study's seed is {evidence.seed}. The refit's is {seed}; it took {duration_text(seconds)}. {shortened}"
        f"Settings: {settings or 'none'}. `bundle.json` has the versions of all packages.",
    ]
    if repeat:
        lines.append(code_block("\n".join(clean_text(command) for command in repeat)))
    return "\n\n".join(lines)


def code_block(command: str) -> str:
    """Fence a command with more backticks than it holds."""
    longest = max((len(run) for run in re.findall("`+", command)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{command}\n{fence}"
