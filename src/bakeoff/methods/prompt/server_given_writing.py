"""A prompt file of the user's whose answer is a text, written by a server model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_text
from bakeoff.methods.prompt.server_written import ServerWriter, most_tokens_of
from bakeoff.methods.prompt.template import PromptDesign
from bakeoff.methods.prompt.writing_control import WritingControl, stop_of
from bakeoff.tasks import Task

__all__ = ["GivenServerWriting", "server_writing"]


class GivenServerWriting(ServerWriter):
    """Have a server write with a prompt file that is given whole: its design, its demonstrations, its control.

    Parameters
    ----------
    task : Task
        Of the kind generation.
    model : str
        The server: ``http://host:port/v1#model-name``.
    seed : int
        Passed on to the server, which need not heed it.
    shots, characters, candidates : int
        Demonstrations of the file, characters that stand around a text, and texts asked for each row; for forecasts.
    prompt : str
        The text of the prompt file.

    Notes
    -----
    A plain prompt is sent as one message, a chat prompt as a conversation.
    """

    #: Stands for the file in messages; its text is `prompt`.
    prompt_file = "that was given"
    #: As of `ServerWriter`; the file says what it wants of them.
    wording: str = "instruction first"
    tell_length: bool = False
    most_tokens: int | None = None
    stop: Sequence[str] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    required: Sequence[str] = ()
    forbidden: Sequence[str] = ()
    schema: str | None = None
    field: str | None = None

    def __init__(
        self,
        task: Task,
        model: str,
        seed: int = 0,
        shots: int = 0,
        characters: int = 0,
        candidates: int = 1,
        prompt: str = "",
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.shots = shots
        self.characters = characters
        self.candidates = candidates
        self.prompt = prompt

    def _made_design(self, _texts: list[str], _labels: list[str]) -> PromptDesign:
        given = read_prompt_text(self.prompt, self.prompt_file)
        control, design = server_writing(given, self.prompt_file), given.design
        targets = [each.label for each in design.demonstrations]
        stop = control.stop
        if not stop and design.form == "plain" and control.schema is None:
            stop = stop_of(targets, design.row.partition("{{")[0].strip())
        self.control_ = replace(control, most_tokens=control.most_tokens or most_tokens_of(targets), stop=stop)
        return design


def server_writing(prompt: PromptFile, name: str) -> WritingControl:
    """Give the control with which a server is asked for a prompt file whose answer is a text.

    Parameters
    ----------
    prompt : PromptFile
    name : str
        Of the file, for messages.

    Returns
    -------
    WritingControl

    Raises
    ------
    OptionError
        If the file asks for what the API of servers does not know.
    """
    control = prompt.writing or WritingControl()
    for asked, what in (
        (control.no_repeat_ngram > 0, "no_repeat_ngram"),
        (control.pattern is not None, "pattern"),
        (control.beams > 1, "beams"),
        (control.candidates > 1 and control.choose_by == "probability", "choose_by: probability"),
    ):
        if asked:
            raise OptionError(
                f"The prompt file {name} sets {what}, which models in process alone are asked for.",
                next_step="Remove it under 'control', or take a model in process.",
            )
    return control
