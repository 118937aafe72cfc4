"""The card of an exported model: what it is, what was measured of it, and how to run it."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.report.figures import count_text, points_text, score_text, share_text, size_text
from bakeoff.ship.card import code_block, escape

__all__ = ["exported_card"]

_ANSWER = 'python -m pip install numpy onnxruntime tokenizers\npython predict.py "Works well." "Broke after two days."'


def exported_card(
    contender: str,
    metric: str,
    compared: tuple[int, str, float | None],
    models: Sequence[tuple[str, float, float, int | None, float | None]],
) -> str:
    """Write the card of an exported folder.

    Parameters
    ----------
    contender, metric : str
    compared : tuple of (int, str, float or None)
        Rows on which answers were compared, where they came from, and the bundle's score on them.
    models : sequence of tuples
        File, size in MB, largest difference of scores, rows answered as the bundle does (None for numbers), and
        the score.

    Returns
    -------
    str
        Markdown; text that comes from the data is escaped.
    """
    rows, source, score = compared
    scored = score is not None
    head = f"| model | size | largest difference of scores | same answers |{f' {metric} |' if scored else ''}"
    lines = [head, "| --- " * (5 if scored else 4) + "|"]
    if score is not None:
        lines.append(f"| the bundle, as it is served | | | | {score_text(score)} |")
    for name, size, difference, same, own in models:
        told = f"| {score_text(own)} ({points_text(own - score)}) |" if own is not None and score is not None else "|"
        alike = "" if same is None else share_text(same / rows)
        lines.append(f"| `{name}` | {size_text(size)} | {difference:.2g} | {alike} {told}")
    sections = [
        f"# {escape(contender)}, as ONNX",
        "It answers without the package that trained it. Labels, thresholds and the longest text stand in "
        "`answers.json`; the bundle that it was made from is described in `BUNDLE.md`.",
        f"## How near it is to the bundle\n\nMeasured on {count_text(rows)} rows, {escape(source)}.\n\n"
        + "\n".join(lines)
        + "\n\nScores are compared with those of the bundle's network in float32, before they become probabilities; "
        "answers with the bundle's as it is served. Other rows can come out otherwise.",
        f"## Use\n\n{code_block(_ANSWER)}\n\n"
        "`--model model.int8.onnx` takes the model of 8-bit integers, where it was written. In a program: "
        "`Exported(folder).answers(texts)` of `predict.py`.",
    ]
    return "\n\n".join(sections) + "\n"
