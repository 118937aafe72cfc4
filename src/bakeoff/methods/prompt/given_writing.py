"""A prompt of the user's own whose answer is a text, as a method: its file is used as it stands."""

from __future__ import annotations

from collections.abc import Sequence

from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_text
from bakeoff.methods.prompt.written import WrittenPrompt
from bakeoff.tasks import Task

__all__ = ["GivenWriting"]


class GivenWriting(WrittenPrompt):
    """Write with a prompt file that is given whole, so that a study holds it and its version can be told.

    Parameters
    ----------
    task : Task
        Of the kind generation.
    model : str
        Name of a decoder.
    seed : int
        Of what is drawn.
    shots : int
        How many demonstrations the file has, for forecasts.
    calibration : str
        Nothing is calibrated; there so that all given prompts are made alike.
    candidates : int
        How many texts of each row the file has written, for forecasts.
    prompt : str
        The text of the prompt file.
    """

    #: Stands for the file in messages and details; its text is `prompt`.
    prompt_file = "that was given"
    #: As of `WrittenPrompt`; the file says what it wants of them.
    demonstrations: str = "drawn"
    form: str = "chat"
    wording: str = "instruction first"
    tell_length: bool = False
    prompt_tokens: int = 1536
    most_tokens: int | None = None
    stop: Sequence[str] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    no_repeat_ngram: int = 0
    required: Sequence[str] = ()
    forbidden: Sequence[str] = ()
    pattern: str | None = None
    schema: str | None = None
    field: str | None = None
    choose_by: str = "risk"
    retries: int = 0
    beams: int = 1
    length_penalty: float = 1.0

    def __init__(
        self,
        task: Task,
        model: str,
        seed: int = 0,
        shots: int = 0,
        calibration: str = "none",
        candidates: int = 1,
        prompt: str = "",
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.shots = shots
        self.calibration = calibration
        self.candidates = candidates
        self.prompt = prompt

    def _given_prompt(self) -> PromptFile:
        return read_prompt_text(self.prompt, self.prompt_file)
