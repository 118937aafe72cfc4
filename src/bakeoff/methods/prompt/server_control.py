"""Classification by a server model whose answer is held to the labels by a JSON Schema or a grammar."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bakeoff.errors import OptionError
from bakeoff.methods.prompt.control import OutputControl, object_schema, read_answer
from bakeoff.methods.prompt.prompt_file import PromptFile, write_prompt_file
from bakeoff.methods.prompt.server_answers import ServerPrompt
from bakeoff.records import Answer
from bakeoff.tasks import Task

if TYPE_CHECKING:
    from bakeoff.models.server import ServerAnswer

__all__ = ["ControlledServerPrompt", "llama_grammar", "response_format"]

_PROMPT_NAME = "prompt.yaml"
_WAYS = ("response_format", "grammar")
#: Answers that were given and are no label, which another attempt may mend.
_UNREADABLE = ("answer ", "the answer was cut")


class ControlledServerPrompt(ServerPrompt):
    """A server prompt with output control, which the server has to keep; what it does not keep is read and counted.

    Parameters
    ----------
    task, model, seed, shots
        As of `ServerPrompt`.
    control : {"choice", "regex", "json-schema", "free"}
        As of `bakeoff.methods.prompt.control.OutputControl`, like `pattern` to `retry_temperature`.
    send_as : {"response_format", "grammar"}
        A JSON Schema, which most servers know (a choice and an expression become objects with the label alone); or
        llama.cpp's own grammar, for a choice.

    Attributes
    ----------
    control_ : OutputControl
        As it is sent.
    """

    #: What a server is held to write says nothing of what its model would rather write.
    some_probabilities: ClassVar[bool] = False

    def __init__(
        self,
        task: Task,
        model: str,
        seed: int = 0,
        shots: int = 0,
        control: str = "choice",
        send_as: str = "response_format",
        pattern: str | None = None,
        schema: str | None = None,
        field: str = "label",
        most_tokens: int | None = None,
        stop: Sequence[str] = (),
        temperature: float = 0.0,
        top_p: float = 1.0,
        retries: int = 0,
        retry_temperature: float = 0.7,
    ) -> None:
        super().__init__(task, model, seed, shots)
        self.control = control
        self.send_as = send_as
        self.pattern = pattern
        self.schema = schema
        self.field = field
        self.most_tokens = most_tokens
        self.stop = stop
        self.temperature = temperature
        self.top_p = top_p
        self.retries = retries
        self.retry_temperature = retry_temperature

    def _connect(self) -> None:
        self.control_ = self._sent()
        # Rows are asked side by side, each in a thread of its own with its own count of attempts.
        self._attempts = threading.local()
        super()._connect()
        self.details_["control"] = {"sent_as": self.send_as, **self.control_.to_plain()}

    def _given_control(self) -> OutputControl:
        """Give the control as it was asked for."""
        named = ("pattern", "schema", "field", "most_tokens", "temperature", "top_p", "retries", "retry_temperature")
        given: dict[str, Any] = {name: getattr(self, name) for name in named}
        return OutputControl(kind=self.control, stop=tuple(self.stop), **given)  # type: ignore[arg-type]  # it checks

    def _sent(self) -> OutputControl:
        """Give the control in the form in which it is sent and its answer read."""
        if self.send_as not in _WAYS:
            raise OptionError(
                f"send_as must be one of {', '.join(_WAYS)}; {self.send_as!r} came.", next_step="Choose one of these."
            )
        control = self._given_control()
        if self.send_as == "grammar":
            if control.kind != "choice":
                raise OptionError(
                    f"A grammar is sent for the control 'choice'; {control.kind!r} came.",
                    next_step="Set send_as to response_format.",
                )
            return control
        if control.kind == "regex":
            held = {control.field: {"type": "string", "pattern": f"^({control.pattern})$"}}
            return replace(control, kind="json-schema", pattern=None, schema=json.dumps(object_schema(held)))
        return replace(control, kind="json-schema") if control.kind == "choice" else control

    def _settings(self) -> dict[str, Any]:
        control, attempt = self.control_, getattr(self._attempts, "number", 0)
        settings: dict[str, Any] = {"max_tokens": self._most_tokens(), "seed": self.seed * 101 + attempt}
        settings["temperature"] = (
            control.temperature if not attempt else max(control.temperature, control.retry_temperature)
        )
        further: dict[str, Any] = {}
        if control.top_p < 1.0:
            further["top_p"] = control.top_p
        if control.stop:
            further["stop"] = list(control.stop)
        if control.kind == "json-schema":
            further["response_format"] = response_format(control, self.design_.said_words()[1])
        elif self.send_as == "grammar":
            further["grammar"] = llama_grammar(self.design_.said_words()[1])
        return settings | {"settings": further}

    def _most_tokens(self) -> int:
        if self.control_.most_tokens is not None:
            return self.control_.most_tokens
        return self.control_.tokens_for(self.design_.said_words()[1])

    def _ask(self, text: str, stop: threading.Event, alone: bool) -> Answer:
        self._attempts.number = 0
        answer = super()._ask(text, stop, alone)
        while self._attempts.number < self.control_.retries and (answer.abstention or "").startswith(_UNREADABLE):
            self._attempts.number += 1
            again = super()._ask(text, stop, alone)
            told = again.abstention
            if told is not None and told.startswith(_UNREADABLE):
                told = f"{told.partition(' (the last of')[0]} (the last of {self._attempts.number + 1} attempts)"
            answer = replace(
                again,
                abstention=told,
                tokens_in=answer.tokens_in + again.tokens_in,
                tokens_out=answer.tokens_out + again.tokens_out,
                seconds=answer.seconds + again.seconds,
            )
        return answer

    def _read(self, found: ServerAnswer, alone: bool) -> Answer:
        ended = "length" if found.finish_reason == "length" else "whole"
        label, reason = read_answer(self.control_, found.text, ended, *self.design_.said_words())
        return replace(super()._read(found, alone), value=label, probabilities=None, abstention=reason)

    def _save(self, folder: Path) -> None:
        prompt = PromptFile(self.design_, "generated", model=self.model, output=self.control_)
        write_prompt_file(folder / _PROMPT_NAME, prompt)


def response_format(control: OutputControl, words: Sequence[str]) -> dict[str, Any]:
    """Give the ``response_format`` of a request that holds the answer to the control's schema.

    Parameters
    ----------
    control : OutputControl
        Of the kind ``"json-schema"``.
    words : sequence of str
        What stands for the labels.

    Returns
    -------
    dict
    """
    schema: Mapping[str, Any] | str = control.json_schema(words)
    plain = json.loads(schema) if isinstance(schema, str) else dict(schema)
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": plain}}


def llama_grammar(words: Sequence[str]) -> str:
    """Give llama.cpp's grammar (GBNF) of one of several texts.

    Parameters
    ----------
    words : sequence of str

    Returns
    -------
    str
    """
    # Quotes, backslashes and line breaks are escaped as in JSON; other characters stand as they are.
    return "root ::= " + " | ".join(json.dumps(word, ensure_ascii=False) for word in words)
