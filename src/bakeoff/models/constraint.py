"""What generated text may be: one of several texts, a regular expression, or JSON of a schema, held by token masks.

Before each token the grammar says which tokens can still lead to an allowed text; all others get no probability. The
masks are those of llguidance, an Earley parser over a lexer of derivatives, which needs no compilation of the whole
vocabulary beforehand.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bakeoff.errors import ModelError, OptionError
from bakeoff.extras import require

__all__ = ["Constraint", "Matcher", "Matchers", "choice_constraint", "json_constraint", "regex_constraint"]

_PURPOSE = "Constrained answers of models in process"
_KEPT_GRAMMARS = 8


@dataclass(frozen=True, slots=True)
class Constraint:
    """A set of allowed texts.

    Parameters
    ----------
    kind : {"choice", "regex", "json-schema"}
    text : str
        The choices as a JSON list, the regular expression, or the schema as JSON.
    """

    kind: Literal["choice", "regex", "json-schema"]
    text: str


def choice_constraint(options: Sequence[str]) -> Constraint:
    """Allow one of several texts.

    Parameters
    ----------
    options : sequence of str
        One or more, none empty.

    Returns
    -------
    Constraint

    Raises
    ------
    OptionError
        If there is none, or one is empty.
    """
    if not options or not all(options):
        raise OptionError(
            f"A choice needs one or more texts, none empty; {list(options)!r} came.", next_step="Give each one words."
        )
    return Constraint("choice", json.dumps(list(dict.fromkeys(options)), ensure_ascii=False))


def regex_constraint(pattern: str) -> Constraint:
    """Allow what matches a regular expression from beginning to end.

    Parameters
    ----------
    pattern : str
        In the syntax of Rust's ``regex``, which has neither look-around nor references back. It is checked where it
        is first used.

    Returns
    -------
    Constraint
    """
    return Constraint("regex", pattern)


def json_constraint(schema: Mapping[str, Any] | str) -> Constraint:
    """Allow JSON that a schema describes, written without white space between its parts.

    Parameters
    ----------
    schema : mapping or str
        A JSON Schema, or its text. Keywords that cannot be held by masks are refused where it is first used.

    Returns
    -------
    Constraint

    Raises
    ------
    OptionError
        If the text is not JSON, or is no schema.
    """
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator

    try:
        value = json.loads(schema) if isinstance(schema, str) else dict(schema)
        Draft202012Validator.check_schema(value)
    except (ValueError, SchemaError) as error:
        first = str(getattr(error, "message", error)).splitlines()[0]
        raise OptionError(f"The JSON Schema cannot be used: {first}.", next_step="Mend the schema.") from error
    return Constraint("json-schema", json.dumps(value, ensure_ascii=False))


class Matcher:
    """One text as it is written, and what may come next.

    Parameters
    ----------
    inner : llguidance matcher
        At the beginning of a text; owned by this object.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def fill(self, words: npt.NDArray[np.int32]) -> None:
        """Write the mask of the next token, one bit a token, into 32-bit words.

        Parameters
        ----------
        words : int32 array, shape (vocabulary / 32 rounded up,)
        """
        self._inner.unsafe_compute_mask_ptr(words.ctypes.data, words.nbytes)

    def take(self, token: int) -> list[int]:
        """Go on by one token, and by those that are the only way on from there.

        Parameters
        ----------
        token : int

        Returns
        -------
        list of int
            The token and those forced behind it.

        Raises
        ------
        ModelError
            If the grammar cannot follow, which a mask should have ruled out.
        """
        self._inner.consume_token(token)
        forced = [] if self._inner.is_stopped() else [int(each) for each in self._inner.compute_ff_tokens()]
        if forced:
            self._inner.consume_tokens(forced)
        self.check()
        return [token, *forced]

    def followed(self, token: int) -> Matcher:
        """Give the matcher behind a further token; this one stays where it is.

        Parameters
        ----------
        token : int
            One that may come next.

        Returns
        -------
        Matcher
        """
        further = Matcher(self._inner.deep_copy())
        further._inner.consume_token(token)
        further.check()
        return further

    def check(self) -> None:
        """Raise a `ModelError` if the grammar has come to a fault."""
        if self._inner.is_error():
            raise ModelError(
                f"The grammar cannot be followed: {_first_line(self._inner.get_error())}.",
                next_step="Give a simpler regular expression or schema.",
            )

    @property
    def whole(self) -> bool:
        """Whether the text is an allowed one as it stands."""
        return bool(self._inner.is_accepting())

    @property
    def ended(self) -> bool:
        """Whether nothing may follow."""
        return bool(self._inner.is_stopped())


class Matchers:
    """Makes matchers for one tokenizer; the last eight grammars are kept.

    Parameters
    ----------
    tokenizer : transformers tokenizer
        A fast one.
    vocabulary : int
        Columns of the model's logits.
    ends : sequence of int
        Tokens that end a text.

    Raises
    ------
    MissingExtraError
        If the `control` extra is not installed.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, ends: Sequence[int]) -> None:
        self._library = require("llguidance", extra="control", purpose=_PURPOSE)
        hub = require("llguidance.hf", extra="control", purpose=_PURPOSE)
        # A few models have fewer columns than their tokenizer has tokens; tokens beyond them are cut off by the mask.
        wide = max(vocabulary, len(tokenizer))
        self._tokenizer = hub.from_tokenizer(tokenizer, n_vocab=wide, eos_token=list(ends))
        self.words = (wide + 31) // 32
        self._grammars: OrderedDict[Constraint, Any] = OrderedDict()

    def start(self, constraint: Constraint) -> Matcher:
        """Give a matcher at the beginning of a text.

        Parameters
        ----------
        constraint : Constraint

        Returns
        -------
        Matcher

        Raises
        ------
        OptionError
            If the expression or the schema cannot be used.
        """
        if constraint not in self._grammars:
            self._grammars[constraint] = self._compiled(constraint)
            while len(self._grammars) > _KEPT_GRAMMARS:
                self._grammars.popitem(last=False)
        self._grammars.move_to_end(constraint)
        return Matcher(self._grammars[constraint].deep_copy())

    def _compiled(self, constraint: Constraint) -> Any:
        library = self._library
        if constraint.kind == "choice":
            grammar = library.grammar_from("choice", constraint.text)
        elif constraint.kind == "regex":
            grammar = library.grammar_from("regex", constraint.text)
        else:
            # A small model that may write white space can write nothing else until its tokens are used up.
            grammar = library.LLMatcher.grammar_from_json_schema(
                constraint.text, overrides={"whitespace_flexible": False}
            )
        made = library.LLMatcher(self._tokenizer, grammar, log_level=0)
        if made.is_error():
            what = {"choice": "choice", "regex": "regular expression", "json-schema": "JSON Schema"}[constraint.kind]
            raise OptionError(
                f"The {what} {_short(constraint.text)!r} cannot be used: {_first_line(made.get_error())}.",
                next_step=f"Mend the {what}; neither look-around nor references back can be held by masks."
                if constraint.kind == "regex"
                else f"Mend the {what}.",
            )
        return made


def _first_line(message: str) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    # The parser of expressions puts what is wrong last, behind a drawing of the place.
    told = next(
        (line.removeprefix("error: ") for line in lines if line.startswith("error: ")), lines[0] if lines else ""
    )
    return told.rstrip(".")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."
