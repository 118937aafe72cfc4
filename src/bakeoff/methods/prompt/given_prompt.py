"""A prompt of the user's own as a method: its file is used as it stands."""

from __future__ import annotations

from bakeoff.methods.prompt.label_scores import LabelScorePrompt
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_text
from bakeoff.tasks import Task

__all__ = ["GivenPrompt"]


class GivenPrompt(LabelScorePrompt):
    """Score labels with a prompt file that is given whole, so that a study holds it and its version can be told.

    Parameters
    ----------
    task : Task
        With the labels of the prompt file.
    model : str
        Name of a decoder.
    seed : int
        Changes nothing.
    shots : int
        How many demonstrations the file has, for forecasts.
    calibration : str
        ``"file"`` takes the values in the file; else as for `LabelScorePrompt`.
    prompt : str
        The text of the prompt file.
    """

    #: Stands for the file in messages and details; its text is `prompt`.
    prompt_file = "that was given"

    def __init__(
        self,
        task: Task,
        model: str,
        seed: int = 0,
        shots: int = 0,
        calibration: str = "contextual",
        prompt: str = "",
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.shots = shots
        self.calibration = calibration
        self.prompt = prompt

    def _given_prompt(self) -> PromptFile:
        return read_prompt_text(self.prompt, self.prompt_file)
