"""A bundle as a folder in the Hugging Face layout: weights, tokenizer and a model card, loaded without this package.

What the layout cannot hold, such as the thresholds of several labels, stands in the card. What has no weights of its
own, a prompt or a floor, is refused.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from bakeoff.catalog import HubSource, aside, entries, publish
from bakeoff.errors import BundleError, OptionError
from bakeoff.records import Contender, WrittenForm
from bakeoff.ship.bundle import Bundle
from bakeoff.ship.card import code_block, escape
from bakeoff.ship.contents import CARD, CODE_SUFFIXES, walk
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.methods.contract import Method

__all__ = ["write_hugging_face"]

#: Names of scores by the hub's metrics; others keep their own.
_METRICS = {
    "accuracy": "accuracy",
    "macro-F1": "f1",
    "micro-F1": "f1",
    "pearson": "pearsonr",
    "chrf": "chrf",
    "bleu": "bleu",
    "rouge-l": "rouge",
}
_SCORE = re.compile(
    r"\*\*(?P<metric>[\w-]+) (?P<score>-?\d?\.\d+)\*\*, 95% interval \[(?P<low>[^,]+), (?P<high>[^\]]+)\]"
)
_TABLED = re.compile(r"\| test \| (?P<rows>[\d,]+) \| (?P<score>-?\d?\.\d+) \| \[(?P<low>[^,]+), (?P<high>[^\]]+)\] \|")


@runtime_checkable
class _Writer(Protocol):
    """A method that can write what it learned for the transformers library."""

    def write_hugging_face(self, folder: Path) -> WrittenForm:
        """Write weights and tokenizer into an existing folder, and say what that leaves out."""


def write_hugging_face(bundle: Bundle, final: Path) -> WrittenForm:
    """Write a bundle's tuned model as a folder that transformers loads by itself.

    Parameters
    ----------
    bundle : Bundle
    final : Path
        Where the folder will stand; nothing may stand there.

    Returns
    -------
    WrittenForm

    Raises
    ------
    OptionError
        If something stands at `final`, or what was fitted has no such form.
    """
    final = Path(final).absolute()
    if final.exists() or final.is_symlink():
        raise OptionError(
            f"The folder to write must be a new one; {final} is there already.", next_step="Name another folder."
        )
    method = bundle.load()
    _check_kind(bundle.facts.contender, method)
    folder = aside(final)
    try:
        form = cast("_Writer", method).write_hugging_face(folder)
        card = (bundle.folder / CARD).read_text(encoding="utf-8")
        (folder / CARD).write_text(_card(bundle, form, card, final.name), encoding="utf-8")
        for path in walk(folder):
            if path.suffix.lower() in CODE_SUFFIXES:
                raise BundleError(
                    f"A written model holds no file that could carry code; {path.name!r} came.",
                    next_step="Report this with the bundle's folder.",
                )
        publish(folder, final)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return form


def _check_kind(contender: Contender, method: Method) -> None:
    if isinstance(method, _Writer):
        return
    told = {
        "prompt": "is a prompt, which has no weights of its own: a folder of weights would be the model as it came",
        "floor": "is a plain baseline without a pre-trained model",
        "both": "answers with a prompt as well as with tuned weights, and a folder of weights would be half of it",
    }
    why = told.get(contender.arm, f"of the method {contender.method} has no form of its own in transformers")
    raise OptionError(
        f"The contender {contender.name!r} {why}.",
        next_step="Serve the bundle with bakeoff serve, or ship a contender that tunes an encoder, such as full or "
        "probe, or a decoder that writes.",
    )


def _card(bundle: Bundle, form: WrittenForm, card: str, name: str) -> str:
    """Write the card: what the bundle's says, with the hub's metadata, other commands, and what is left out."""
    before, _, rest = card.partition("\n## Use\n")
    after = rest.partition("\n## ")[2]
    sections = [before.rstrip(), _use(bundle.facts.task, form, name), _left_out(bundle, form)]
    if after:
        sections.append(f"## {after.rstrip()}")
    return _front_matter(_metadata(bundle, form, card)) + "\n\n".join(sections) + "\n"


def _front_matter(values: Mapping[str, Any]) -> str:
    import yaml

    return f"---\n{yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)}---\n\n"


def _metadata(bundle: Bundle, form: WrittenForm, card: str) -> dict[str, Any]:
    contender, task = bundle.facts.contender, bundle.facts.task
    known = next((entry for entry in entries("model") if entry.name == contender.model), None)
    found: dict[str, Any] = {}
    if known is not None:
        found |= {"license": known.licence.lower()} if " " not in known.licence else {}
        found |= {"language": list(known.languages)} if known.languages else {}
        hub = next((source for source in known.sources if isinstance(source, HubSource)), None)
        found |= {"base_model": hub.repository} if hub else {}
    found |= {"library_name": "transformers", "pipeline_tag": form.pipeline, "tags": ["bakeoff", contender.method]}
    score = _score_in(card, task)
    if score is None:
        return found
    result = {
        "task": {"type": form.pipeline, "name": task.name},
        "dataset": {
            "name": bundle.facts.rows_from or task.name,
            "type": "private",
            "revision": bundle.facts.fingerprint,
        },
        "metrics": [score],
    }
    return {**found, "model-index": [{"name": contender.name, "results": [result]}]}


def _score_in(card: str, task: Task) -> dict[str, Any] | None:
    """Find the score that the study measured, where the card has one."""
    met = _SCORE.search(card) or _TABLED.search(card)
    if met is None:
        return None
    metric = met.groupdict().get("metric") or task.metric
    told = f"{metric}, 95% interval [{met['low']}, {met['high']}]; of the procedure, not of these weights"
    if "metric" not in met.groupdict():
        told = f"{metric}, 95% interval [{met['low']}, {met['high']}]"
    return {"type": _METRICS.get(metric, metric), "value": float(met["score"]), "name": told}


def _use(task: Task, form: WrittenForm, name: str) -> str:
    if form.loader == "AutoModelForCausalLM":
        return f"## Use\n\n{_code(_writing_lines(form, name))}"
    asked = '{"text": "one text", "text_pair": "another"}' if task.kind == "pair" else '"a text"'
    more = {"multi-label": ", top_k=None", "regression": ', function_to_apply="none"'}.get(task.kind, "")
    lines = (
        "from transformers import pipeline\n\n"
        f"classify = pipeline({form.pipeline!r}, {name!r})\n"
        f"classify({asked}, truncation=True{more})"
    )
    return f"## Use\n\n{_code(lines)}\n\nTexts are cut at {form.most_tokens} tokens, which `truncation=True` does."


def _writing_lines(form: WrittenForm, name: str) -> str:
    messages = ", ".join(f'{{"role": {role!r}, "content": {content!r}}}' for role, content in form.question)
    role, told = form.question[0]
    asked = (
        'asked = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")\n'
        if role
        else f'asked = tokenizer({told!r}.format(text="a text"), return_tensors="pt")\n'
    )
    given = f"messages = [{messages}]  # {{text}}: the text\n" if role else ""
    return (
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        f"tokenizer = AutoTokenizer.from_pretrained({name!r})\n"
        f"model = AutoModelForCausalLM.from_pretrained({name!r})\n"
        f"{given}{asked}"
        "model.generate(**asked, do_sample=False)"
    )


def _code(lines: str) -> str:
    return code_block(lines).replace("```\n", "```python\n", 1)


def _left_out(bundle: Bundle, form: WrittenForm) -> str:
    points = list(form.notes)
    if form.compared_rows:
        points.append(
            f"Held to the bundle by {form.compared_rows:,} texts of random words before it was written: scores differ "
            f"by {form.largest_difference:.1g} at most. Load it in float32: in float16 they would not hold."
        )
    if bundle.facts.task.kind in ("classification", "pair"):
        points.append(
            "Labels' scores are those of the bundle, its calibration included; softmax makes the probabilities."
        )
    command = f"bakeoff predict {shlex.quote(bundle.folder.name)} new.csv"
    points.append(f"Written from a bundle, which `{command}` answers with; rows without a text are not asked there.")
    return "## In this form\n\n" + "\n".join(f"- {escape(point) if '`' not in point else point}" for point in points)
