"""Draft a prompt file, from rows or from a sentence alone."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bakeoff.data import LabelDefinition, Rows, nested_order, read_label_definitions, target_of
from bakeoff.errors import OptionError
from bakeoff.methods.prompt.demos import choose_demonstrations
from bakeoff.methods.prompt.prompt_file import PromptFile, write_prompt_file
from bakeoff.methods.prompt.template import Demonstration, Form, design_for
from bakeoff.methods.prompt.writing_control import WritingControl
from bakeoff.methods.prompt.written_design import written_design
from bakeoff.tasks import Task, classification_task, task_of_kind
from bakeoff.workbench.options import DataOptions, StudyOptions
from bakeoff.workbench.prepare import meaning, task_of
from bakeoff.workbench.rows import divide, read_source
from bakeoff.workbench.sentence import labels_in

__all__ = ["DraftOptions", "Drafted", "budget_rows", "draft_prompt"]

#: What every draft starts with: it takes no labels, and is found anew wherever the prompt is used.
_CALIBRATION = "contextual"
#: How a sentence begins that asks for a text.
_WRITING = re.compile(
    r"(answer|compose|continue|describe|draft|explain|paraphrase|reply|rephrase|rewrite|shorten|summari[sz]e|tell|"
    r"translate|write)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class DraftOptions:
    """What a draft is to hold.

    Parameters
    ----------
    sentence : str or None
        The instruction; without rows it also names the labels.
    labels : str or None
        A file of label definitions, or labels divided by commas.
    shots : int
        Demonstrations; none without rows.
    n, seed : int
        The label budget that demonstrations are chosen from, and the seed of the draw.
    form : {"plain", "chat"}, optional
        Where not given, plain for labels, which are scored, and chat for texts, which tuned models write as answers.
    """

    sentence: str | None = None
    labels: str | None = None
    shots: int = 8
    n: int = 64
    seed: int = 0
    form: Form | None = None


@dataclass(frozen=True, slots=True)
class Drafted:
    """A prompt file that was written.

    Parameters
    ----------
    path : Path
    prompt : PromptFile
    labels_from : str
        Where the labels come from, for people.
    counts : mapping of str to int
        Labelled rows of the budget by label; empty without rows.
    """

    path: Path
    prompt: PromptFile
    labels_from: str
    counts: dict[str, int]


def draft_prompt(
    output: Path, source: str | None, data: DataOptions, options: DraftOptions, *, replaced: bool = False
) -> Drafted:
    """Draft a prompt file.

    From rows: the task's own instruction (or the sentence), the labels of the rows, and demonstrations chosen among the
    first n rows of the train pool as the prompt methods choose them. From a sentence alone: the sentence, and the
    labels that it names.

    Parameters
    ----------
    output : Path
    source : str or None
        Rows; none for a sentence alone.
    data : DataOptions
    options : DraftOptions
    replaced : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    Drafted

    Raises
    ------
    OptionError
        If there is nothing to draft from, no labels can be told, or the file is there.
    """
    if output.exists() and not replaced:
        raise OptionError(
            f"{output} is there already, and would be lost.", next_step="Name another file with -o, or add --force."
        )
    if not output.parent.is_dir():
        raise OptionError(
            f"The folder {output.parent} is not there.", next_step="Make it, or name another file with -o."
        )
    drafted = _from_sentence(output, options) if source is None else _from_rows(output, source, data, options)
    write_prompt_file(output, drafted.prompt)
    return drafted


def budget_rows(train: Rows, n: int, seed: int) -> Rows:
    """Give the n rows of the train pool that a study's first seed learns from.

    Parameters
    ----------
    train : Rows
    n : int
        All rows where there are fewer.
    seed : int
        Of the study.

    Returns
    -------
    Rows
    """
    if n < 1:
        raise OptionError(f"--n is a number of labelled rows, 1 or more; {n} came.", next_step="Give --n 64.")
    return train.take(nested_order(train.strata, 1000 * seed)[:n])


def _from_rows(output: Path, source: str, data: DataOptions, options: DraftOptions) -> Drafted:
    read = read_source(source, data)
    split = divide(read, seed=options.seed, seeds=StudyOptions().seeds, division="auto")
    _check_file(options.labels)
    study = StudyOptions(instruction=options.sentence, labels=None if options.labels is None else Path(options.labels))
    task = task_of(read, split, study)
    sample = budget_rows(split.train, options.n, options.seed)
    if task.kind == "generation":
        return Drafted(output, _writing(task, options, sample), f"the rows of {read.name}", {"texts": len(sample)})
    chosen = choose_demonstrations(sample.texts, sample.labels, options.shots, options.seed)
    shown = [Demonstration(row, sample.texts[row], sample.labels[row]) for row in chosen]
    prompt = PromptFile(design_for(task, shown, form=options.form or "plain"), calibration=_CALIBRATION)
    return Drafted(output, prompt, f"the rows of {read.name}", dict(Counter(sample.labels)))


def _writing(task: Task, options: DraftOptions, sample: Rows | None = None) -> PromptFile:
    """Draft a prompt whose answer is a text; what ends it, and how long it may be, is found where it is used."""
    shown: list[Demonstration] = []
    if sample is not None:
        chosen = choose_demonstrations(sample.texts, [""] * len(sample), options.shots, options.seed)
        shown = [Demonstration(row, sample.texts[row], target_of(sample.labels[row])) for row in chosen]
    # Without rows there may be no text to write from: the instruction is then what is asked.
    wording = "instruction first" if shown else "instruction each time"
    design = written_design(task, shown, form=options.form or "chat", wording=wording)
    return PromptFile(design, "written", writing=WritingControl())


def _check_file(labels: str | None) -> None:
    """Refuse labels that are given by their names, where the rows have them."""
    if labels is not None and _are_names(labels):
        raise OptionError(
            "With rows, the labels are those of the rows.",
            next_step="Give --labels FILE to say what they mean, or leave it out.",
        )


def _from_sentence(output: Path, options: DraftOptions) -> Drafted:
    if not (options.sentence or "").strip():
        raise OptionError(
            "A prompt is drafted from rows, or from a sentence; neither came.",
            next_step="Give DATA, or --sentence 'Is this review positive or negative?'.",
        )
    sentence = " ".join(str(options.sentence).split())
    told: tuple[LabelDefinition, ...] = ()
    if options.labels is None:
        labels, origin = labels_in(sentence), "the sentence"
    elif _are_names(options.labels):
        labels, origin = tuple(part.strip() for part in options.labels.split(",") if part.strip()), "--labels"
    else:
        told = read_label_definitions(options.labels)
        labels, origin = tuple(item.label for item in told), options.labels
    if len(set(labels)) < 2:
        if options.labels is None and _WRITING.match(sentence):
            task = task_of_kind("generation", name="text", labels=(), metric="chrf", instruction=sentence)
            return Drafted(output, _writing(task, options), origin, {})
        raise OptionError(
            f"No two labels were found in {origin}.",
            next_step="Name them with --labels 'positive,negative'; for an answer that is a text, begin the sentence "
            "with what is to be done: Write, Summarise, Translate, Answer, Describe.",
        )
    task = classification_task(
        name="answer",
        labels=labels,
        metric="accuracy",
        words={item.label: item.words[0] for item in told},
        definitions={item.label: meaning(item) for item in told},
        instruction=sentence,
        other_words={item.label: item.words[1:] for item in told},
    )
    design = design_for(task, form=options.form or "plain")
    prompt = PromptFile(design.in_order(tuple(dict.fromkeys(labels))), calibration=_CALIBRATION)
    return Drafted(output, prompt, origin, {})


def _are_names(labels: str) -> bool:
    """Say whether labels are given by their names rather than by a file."""
    return "," in labels and not Path(labels).exists()
