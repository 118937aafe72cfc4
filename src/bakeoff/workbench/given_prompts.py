"""Prompt files that a person brings to a study: which contenders they make, and which rows they have seen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bakeoff.data import Check, Rows, Source, Split
from bakeoff.data.duplicates import same_key
from bakeoff.data.split import refuse_empty
from bakeoff.errors import OptionError
from bakeoff.methods.prompt.prompt_file import prompt_digest, read_prompt_file
from bakeoff.methods.prompt.server_given import sent_characters, server_control
from bakeoff.methods.prompt.server_given_writing import server_writing
from bakeoff.report.figures import score_text
from bakeoff.study.contenders import GivenPromptFile, PromptTry
from bakeoff.workbench.options import StudyOptions
from bakeoff.workbench.prompt_history import history_folder, read_history
from bakeoff.workbench.rows import divide

__all__ = ["divide_unseen", "given_prompt_facts", "read_given_prompts", "versions_told"]


def read_given_prompts(
    paths: Sequence[Path], labels: Collection[str], *, servers: bool = False
) -> tuple[GivenPromptFile, ...]:
    """Read prompt files for a study.

    Parameters
    ----------
    paths : sequence of Path
    labels : collection of str
        Of the rows.
    servers : bool
        Whether the study has server models, which are asked with every file.

    Returns
    -------
    tuple of GivenPromptFile

    Raises
    ------
    OptionError, DataError
        If one cannot be read, has other labels, asks for an answer that is written where there is no server, or for
        reasons before it where there is one.
    """
    given = tuple(_given(path, servers) for path in paths)
    for prompt in given:
        odd = sorted(set(prompt.labels) ^ set(labels))
        if odd:
            where = "in the prompt" if odd[0] in prompt.labels else "in the rows"
            raise OptionError(
                f"The labels of {prompt.name} must be those of the rows; {odd[0]!r} stands {where} alone.",
                next_step="Give each entry of its list 'labels' a label of the rows; its words may stay as they are.",
            )
    return given


def _given(path: Path, servers: bool) -> GivenPromptFile:
    prompt = read_prompt_file(path)
    if servers and prompt.control == "written":
        server_writing(prompt, str(path))
    elif servers:
        server_control(prompt, str(path))
    elif prompt.control == "generated":
        raise OptionError(
            f"For models in process, --prompt takes a prompt whose control is 'label-scores' or 'written'; that of "
            f"{path} is {prompt.control!r}.",
            next_step="Set 'control: label-scores' in the file, or give a server with --prompt-model.",
        )
    design, history = prompt.design, read_history(history_folder(path))
    seen = {each.text for each in design.demonstrations}
    seen |= {row.text for tried in history for row in tried.rows}
    return GivenPromptFile(
        name=path.name,
        text=path.read_text(encoding="utf-8"),
        labels=design.labels,
        shots=len(design.demonstrations),
        characters=sent_characters(design),
        calibration=prompt.calibration,
        shift_of=prompt.model_sha256 if prompt.shift else None,
        seen=frozenset(map(same_key, seen)),
        written=prompt.control == "generated",
        draws=1 if prompt.writing is None else prompt.writing.candidates,
        digest=prompt_digest(prompt),
        tries=tuple(
            PromptTry(
                tried.version,
                prompt_digest(tried.prompt),
                tried.model,
                tried.when,
                len(tried.rows),
                tried.fingerprint,
                tried.score,
            )
            for tried in history
        ),
    )


def divide_unseen(
    read: Source, prompts: Sequence[GivenPromptFile], options: StudyOptions
) -> tuple[Source, Split, tuple[Check, ...]]:
    """Divide rows so that none is validation or test that a prompt shows or was tried on.

    They stay training rows where one split stands for all seeds, and take no part where every row is tested.

    Parameters
    ----------
    read : Source
    prompts : sequence of GivenPromptFile
    options : StudyOptions

    Returns
    -------
    read : Source
        Without the rows that take no part.
    split : Split
    checks : tuple of Check
        How many rows that concerns, and how many versions of each prompt were tried.
    """

    def divided(source: Source) -> Split:
        return divide(source, seed=options.seed, seeds=options.seeds, division=options.division)

    split, seen = divided(read), frozenset(key for prompt in prompts for key in prompt.seen)
    versions = tuple(versions_told(prompt) for prompt in prompts if prompt.tries)
    if not seen:
        return read, split, versions
    if split.rows is None:
        unseen = replace(split, validation=_unseen(split.validation, seen), test=_unseen(split.test, seen))
        refuse_empty({"train": split.train, "validation": unseen.validation, "test": unseen.test}, read.name)
        left = len(split.validation) + len(split.test) - len(unseen.validation) - len(unseen.test)
        return read, unseen, (_told(left, "are neither validation nor test rows"), *versions)
    kept = replace(read, splits=tuple((name, _unseen(rows, seen)) for name, rows in read.splits))
    left = len(read) - len(kept)
    return kept, divided(kept) if left else split, (_told(left, "take no part"), *versions)


def _unseen(rows: Rows, seen: Collection[str]) -> Rows:
    return rows.take([place for place, text in enumerate(rows.texts) if same_key(text) not in seen])


def given_prompt_facts(prompts: Sequence[GivenPromptFile]) -> list[dict[str, Any]]:
    """Give what a study keeps of prompt files: what each says, by its sha256, and its tries, as plain JSON values.

    Parameters
    ----------
    prompts : sequence of GivenPromptFile

    Returns
    -------
    list of dict
    """
    return [
        {"name": one.name, "digest": one.digest, "tries": [asdict(tried) for tried in one.tries]} for one in prompts
    ]


def versions_told(prompt: GivenPromptFile) -> Check:
    """Say which of how many versions a prompt is, and what trying them did to its score: that is a choice by labels.

    Parameters
    ----------
    prompt : GivenPromptFile
        With tries.

    Returns
    -------
    Check
    """
    name, count = f"versions of {prompt.name}", max(one.version for one in prompt.tries)
    own = [one for one in prompt.tries if one.digest == prompt.digest]
    if not own:
        return Check(name, "WARN", f"{count} tried, and this one is none of them.")
    last = own[-1]
    first = next(one for one in prompt.tries if (one.model, one.fingerprint) == (last.model, last.fingerprint))
    before = f"{score_text(first.accuracy)} -> " if first.version != last.version else ""
    said = (
        f"Version {last.version} of {count} tried; try score {before}{score_text(last.accuracy)} on {last.rows} rows."
    )
    if count == 1:
        return Check(name, "PASS", said)
    return Check(
        name, "WARN", f"{said} Their labels chose it, though it stands at n = 0; its scores here are of other rows."
    )


def _told(rows: int, what: str) -> Check:
    said = (
        f"{rows:,} rows that a given prompt shows, or was tried on, {what}." if rows else "No row of theirs is tested."
    )
    return Check("rows of given prompts", "WARN" if rows else "PASS", said)
