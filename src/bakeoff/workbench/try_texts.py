"""Try typed texts on the finalists of a study, side by side; the texts are kept nowhere."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bakeoff.decision.comparisons import field_of
from bakeoff.decision.panel import Panel
from bakeoff.errors import OptionError, StudyError
from bakeoff.methods.registry import method_spec
from bakeoff.records import Arm
from bakeoff.ship import Bundle, read_bundle
from bakeoff.study.evidence import gather_evidence
from bakeoff.tasks import ONE_LABEL
from bakeoff.workbench.opened import opened_study, refuse_undecided
from bakeoff.workbench.options import Watcher
from bakeoff.workbench.processes import StudyProcess, start_process

if TYPE_CHECKING:
    from bakeoff.methods.contract import Method

__all__ = ["MOST_CHARACTERS", "MOST_TEXTS", "Answered", "Given", "Side", "TextRun", "lines_of", "ship_side", "sides_of"]

#: Texts that are answered at a time, and characters of each.
MOST_TEXTS, MOST_CHARACTERS = 50, 10_000
#: Fitted methods that are kept loaded.
_MOST_LOADED = 4
#: Probabilities of a text that are given.
_MOST_SHARES = 5
#: Asked once when a method is loaded: the first answer would tell the time of more than one text.
_WARM_UP = "An ordinary sentence."


@dataclass(frozen=True, slots=True)
class Side:
    """A contender whose answers are shown.

    Parameters
    ----------
    arm : str
    contender : str
    bundle : Path or None
        Folder of its bundle; None where it was not shipped yet.
    cost_per_1k : float or None
        Cost of 1,000 predictions, as the study found it.
    currency : str
    refused : str
        Why it cannot be tried here; empty where it can.
    """

    arm: Arm
    contender: str
    bundle: Path | None
    cost_per_1k: float | None
    currency: str
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """One answer to a typed text.

    Parameters
    ----------
    value : str or None
        None for an abstention.
    abstention : str
        Why there is no value.
    shares : tuple of (str, float)
        The likeliest labels, each with its probability; empty where there are no honest ones.
    milliseconds : float
        From the text to the answer, asked alone.
    """

    value: str | None
    abstention: str
    shares: tuple[tuple[str, float], ...]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered to typed texts.

    Parameters
    ----------
    contenders, texts : tuple of str
    answers : tuple of tuple of Given
        By contender, then by text.
    """

    contenders: tuple[str, ...]
    texts: tuple[str, ...]
    answers: tuple[tuple[Given, ...], ...]


def sides_of(study: Path) -> tuple[Side, ...]:
    """Give the finalist of each arm, as validation rows choose it, and what was shipped.

    Parameters
    ----------
    study : Path

    Returns
    -------
    tuple of Side

    Raises
    ------
    StudyError
        If the study runs, has no finalist yet, or its rows are not one text each.
    """
    with opened_study(study) as store:
        evidence = gather_evidence(store)
        if evidence.task.kind in ("pair", "tagging"):
            raise StudyError(
                f"Texts are typed here one by one; rows of the kind {evidence.task.kind} have more than one part.",
                next_step="Answer a file of them: bakeoff predict BUNDLE FILE.",
            )
        field = field_of(Panel(evidence))
    arms = {one.name: one for one in evidence.contenders}
    found = [cell.contender.name for cell in (field.finetune, field.prompt, field.both) if cell is not None]
    shipped = _contender_of(study / "bundle")
    if shipped in arms and shipped not in found:
        found.append(str(shipped))
    if not found:
        raise StudyError("The study has no finalist yet.", next_step="It has one when its trials are done.")
    costs, currency = _costs(study), evidence.assumptions.currency
    sides = []
    for name in found:
        arm = arms[name].arm
        places = [place for place in (study / "bundle", _place(study, arm)) if _contender_of(place) == name]
        asks_server = method_spec(arms[name].method).model == "server" if arm != "current" else False
        why = "It asks a server, and what servers answer is kept on disk: use bakeoff predict." if asks_server else ""
        sides.append(Side(arm, name, places[0] if places else None, costs.get(name), currency, why))
    return tuple(sides)


def ship_side(study: Path, contender: str) -> StudyProcess:
    """Start the process that refits a finalist on every labelled row and writes its bundle to ``try/ARM``.

    Parameters
    ----------
    study : Path
    contender : str
        Of one of the study's sides.

    Returns
    -------
    StudyProcess

    Raises
    ------
    OptionError
        If it is none of them.
    StudyError
        If the study runs already, or has no verdict yet: shipping would decide it.
    """
    refuse_undecided(study)
    side = next((one for one in sides_of(study) if one.contender == contender), None)
    if side is None:
        raise OptionError("That is no finalist of this study.", next_step="Load the page again.")
    place = _place(study, side.arm)
    place.parent.mkdir(exist_ok=True)
    return start_process(
        study,
        ("ship", str(study.absolute()), f"--contender={contender}", f"--output={place}"),
        contender=contender,
    )


def lines_of(text: str) -> tuple[str, ...]:
    """Give the texts that were typed, one a line, blank lines left out.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of str

    Raises
    ------
    OptionError
        If there is none, there are too many, or one is too long.
    """
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not lines:
        raise OptionError("No text came.", next_step="Type a text, or several, one a line.")
    if len(lines) > MOST_TEXTS:
        raise OptionError(
            f"At most {MOST_TEXTS} texts are answered at a time; {len(lines)} came.",
            next_step="Answer more of them from a file: bakeoff predict BUNDLE FILE.",
        )
    longest = max(map(len, lines))
    if longest > MOST_CHARACTERS:
        raise OptionError(
            f"A text has at most {MOST_CHARACTERS:,} characters here; {longest:,} came.", next_step="Shorten it."
        )
    return lines


@dataclass(frozen=True, slots=True)
class TextRun:
    """Answer typed texts with several bundles, as a piece of work for a process of its own.

    Parameters
    ----------
    bundles : tuple of Path
    texts : tuple of str
    """

    bundles: tuple[Path, ...]
    texts: tuple[str, ...]

    def do(self, watcher: Watcher) -> Answered:
        """Load what is not loaded yet, and ask each text alone.

        Parameters
        ----------
        watcher : Watcher

        Returns
        -------
        Answered
        """
        names = tuple(_contender_of(place) or place.name for place in self.bundles)
        found = []
        for name, place in zip(names, self.bundles, strict=True):
            watcher.step(f"loading {name}")
            method = _loaded(place)
            watcher.step(f"asking {name}")
            found.append(tuple(_given(method, text) for text in self.texts))
        return Answered(names, self.texts, tuple(found))


#: Methods that this process keeps loaded, by folder and by what `bundle.json` says; the one used last stands last.
_LOADED: OrderedDict[tuple[str, bytes], Method] = OrderedDict()


def _loaded(place: Path) -> Method:
    key = (str(place), (place / "bundle.json").read_bytes())
    if key in _LOADED:
        _LOADED.move_to_end(key)
        return _LOADED[key]
    bundle: Bundle = read_bundle(place)
    if method_spec(bundle.facts.contender.method).model == "server":
        raise OptionError(
            "A bundle that asks a server is not tried here: what servers answer is kept on disk.",
            next_step="Use bakeoff predict.",
        )
    while len(_LOADED) >= _MOST_LOADED:
        _LOADED.popitem(last=False)
    method = bundle.load()
    method.answer([_WARM_UP])
    _LOADED[key] = method
    return method


def _given(method: Method, text: str) -> Given:
    started = time.perf_counter()
    answer = method.answer([text])[0]
    milliseconds = 1000 * (time.perf_counter() - started)
    labels, shares = method.task.labels, answer.probabilities or ()
    ranked: list[tuple[str, float]] = []
    if method.task.kind in (*ONE_LABEL, "multi-label") and len(shares) == len(labels):
        ranked = sorted(zip(labels, shares, strict=True), key=lambda pair: -pair[1])[:_MOST_SHARES]
    return Given(answer.value, answer.abstention or "", tuple(ranked), milliseconds)


def _place(study: Path, arm: str) -> Path:
    return study.absolute() / "try" / arm


def _contender_of(place: Path) -> str | None:
    """Read which contender a bundle holds, without looking at its files."""
    try:
        name = json.loads((place / "bundle.json").read_text(encoding="utf-8"))["contender"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None


def _costs(study: Path) -> dict[str, float]:
    """Read what 1,000 predictions of each contender cost, at the verdict's label budget or the nearest below."""
    try:
        document: dict[str, Any] = json.loads((study / "verdict.json").read_text(encoding="utf-8"))
        most = document["verdict"]["n"]
        rows = sorted(document["leaderboard"], key=lambda row: (row["n"] <= most, row["n"]))
        return {row["contender"]: row["cost_per_1k"] for row in rows if row["cost_per_1k"] is not None}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
