"""A prompt file of the user's, answered by a server model."""

from __future__ import annotations

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.control import OutputControl
from bakeoff.methods.prompt.prompt_file import PromptFile, read_prompt_text
from bakeoff.methods.prompt.rendering import design_for_task
from bakeoff.methods.prompt.server_control import ControlledServerPrompt
from bakeoff.methods.prompt.template import PromptDesign
from bakeoff.tasks import Task

__all__ = ["GivenServerPrompt", "sent_characters", "server_control"]


class GivenServerPrompt(ControlledServerPrompt):
    """Ask a server with a prompt file that is given whole: its design, its words, its demonstrations, its control.

    Parameters
    ----------
    task : Task
        With the labels of the prompt file.
    model : str
        The server: ``http://host:port/v1#model-name``.
    seed : int
        Passed on to the server, which need not heed it.
    shots, characters : int
        How many demonstrations the file has, and how many characters stand around a text; for forecasts.
    prompt : str
        The text of the prompt file.

    Notes
    -----
    A server writes its answer, so that labels cannot be compared by their scores: a file whose control is
    ``"label-scores"`` is asked with the control ``"choice"``, which leaves the label's words alone possible, too.
    A plain prompt is sent as one message, a chat prompt as a conversation.
    """

    #: Stands for the file in messages; its text is `prompt`.
    prompt_file = "that was given"
    send_as = "response_format"

    def __init__(
        self, task: Task, model: str, seed: int = 0, shots: int = 0, characters: int = 0, prompt: str = ""
    ) -> None:
        self.task = task
        self.model: str = model
        self.seed = seed
        self.shots = shots
        self.characters = characters
        self.prompt = prompt

    def _made_design(self, _texts: list[str], _labels: list[str]) -> PromptDesign:
        given = read_prompt_text(self.prompt, self.prompt_file)
        return design_for_task(given.design, self.task, self.prompt_file)

    def _given_control(self) -> OutputControl:
        return server_control(read_prompt_text(self.prompt, self.prompt_file), self.prompt_file)


def server_control(prompt: PromptFile, name: str) -> OutputControl:
    """Give the control with which a server is asked for a prompt file.

    Parameters
    ----------
    prompt : PromptFile
    name : str
        Of the file, for messages.

    Returns
    -------
    OutputControl

    Raises
    ------
    OptionError
        If the file wants reasons before the answer, which are had in process alone.
    """
    control = prompt.output or OutputControl()
    if control.reasoning_tokens:
        raise OptionError(
            f"The prompt file {name} asks for {control.reasoning_tokens} tokens of reasons before the answer, which "
            "models in process alone are asked for.",
            next_step="Set reasoning_tokens to 0 under 'control', or take a model in process.",
        )
    return control


def sent_characters(design: PromptDesign) -> int:
    """Count the characters that go to a server with every text of a prompt, the text left out.

    Parameters
    ----------
    design : PromptDesign

    Returns
    -------
    int
    """
    return sum(len(message["content"]) for message in design.messages(""))
