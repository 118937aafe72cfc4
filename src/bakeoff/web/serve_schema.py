"""What a served bundle is asked and what it answers, as types made for its kind of task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, create_model

if TYPE_CHECKING:
    from bakeoff.workbench.serve import Served

__all__ = ["Fault", "Health", "ServeLimits", "ServeSchema", "UnfitError"]


class UnfitError(Exception):
    """A request that is well formed and cannot be answered; the message says what is allowed and what came."""


@dataclass(frozen=True, slots=True)
class ServeLimits:
    """What one request may hold, and what may wait.

    Parameters
    ----------
    bytes : int
        Of a request's body.
    rows : int
        Of a request.
    characters : int
        Of a row, all of its texts together.
    waiting : int
        Rows that may wait for the model.
    seconds : float
        From a request's arrival to its answer.
    """

    bytes: int = 1_000_000
    rows: int = 256
    characters: int = 20_000
    waiting: int = 1024
    seconds: float = 30.0


class Fault(BaseModel):
    """Why a request was not answered, and what to do about it; the names are those of ``bakeoff --json``."""

    error: str
    next_step: str | None = None


class Health(BaseModel):
    """Whether requests are answered, and how many rows wait."""

    status: str = Field(description="ok, stopping or failed", examples=["ok"])
    contender: str
    bundle: str = Field(description="first 12 digits of the sha256 of bundle.json")
    waiting: int = Field(description="rows that wait for the model")


class ServeSchema:
    """Types of requests and answers.

    Parameters
    ----------
    served : Served
    limits : ServeLimits

    Attributes
    ----------
    request, response : type of pydantic model
    """

    def __init__(self, served: Served, limits: ServeLimits) -> None:
        self.served, self.limits = served, limits
        self.columns = served.columns
        #: A row of one text may be given as that text.
        self.one_text = self.columns == ("text",)
        #: A row may stand in the request itself, where its fields cannot be mistaken for others.
        self.alone = len(served.bundle.facts.text_columns) <= 1
        self.row = self._row_type()
        self.request = self._request_type()
        self.response = self._response_type()

    def rows_of(self, body: Any) -> list[list[Any]]:
        """Give the cells of every row that a request holds, within the limits.

        Parameters
        ----------
        body : pydantic model
            Of the type `request`.

        Returns
        -------
        list of list

        Raises
        ------
        UnfitError
            If it holds none, two forms of them, too many, or too long ones.
        """
        given = [name for name in ("texts", "rows") if getattr(body, name, None) is not None]
        alone = self.alone and any(getattr(body, name) is not None for name in self.columns)
        if len(given) + alone != 1:
            came = " and ".join([*([self.columns[0]] if alone else []), *given]) or "none of them"
            raise UnfitError(f"A request holds one of {', '.join(self.forms)}; {came} came.")
        if alone:
            rows = [[getattr(body, name) for name in self.columns]]
            if any(cell is None for cell in rows[0]):
                raise UnfitError(f"A row has the fields {' and '.join(self.columns)}; one of them did not come.")
        elif given == ["texts"]:
            rows = [[text] for text in body.texts]
        else:
            rows = [[getattr(row, field) for field in self.row.model_fields] for row in body.rows]
        self._check(rows)
        return rows

    @property
    def forms(self) -> tuple[str, ...]:
        """Fields of a request that can hold its rows."""
        return (*([" with ".join(self.columns)] if self.alone else []), *(["texts"] if self.one_text else []), "rows")

    def _check(self, rows: Sequence[Sequence[Any]]) -> None:
        limits = self.limits
        if not 1 <= len(rows) <= limits.rows:
            raise UnfitError(f"A request has 1 to {limits.rows:,} rows; {len(rows):,} came.")
        for number, row in enumerate(rows, start=1):
            # Tokens are one text, with a character between two of them, however many of them are empty.
            texts = [cell if isinstance(cell, str) else " ".join(cell) for cell in row if cell]
            length = sum(map(len, texts))
            if any("\0" in text for text in texts):  # refused in files, too
                raise UnfitError(f"Text must hold no NUL character; row {number:,} does.")
            if length > limits.characters:
                raise UnfitError(f"A row has at most {limits.characters:,} characters; row {number:,} has {length:,}.")

    def _row_type(self) -> type[BaseModel]:
        if self.alone:
            fields = {name: (self._cell_type(name), _cell_field(name)) for name in self.columns}
        else:
            # Any text may be the name of a column, and a field's name has to be one of Python's.
            fields = {
                f"column_{number}": (self._cell_type(name) | None, Field(default=None, alias=name))
                for number, name in enumerate(self.columns)
            }
        return create_model("Row", __doc__="One row.", **fields)  # type: ignore[call-overload,no-any-return]

    def _request_type(self) -> type[BaseModel]:
        many: Any = {"maxItems": self.limits.rows, "minItems": 1}
        fields: dict[str, Any] = {}
        if self.alone:
            fields |= {name: (self._cell_type(name) | None, _cell_field(name, default=None)) for name in self.columns}
        if self.one_text:
            fields["texts"] = (
                _listed(self._cell_type("text")) | None,
                Field(default=None, description="several texts", json_schema_extra=many),
            )
        fields["rows"] = (
            _listed(self.row) | None,
            Field(default=None, description="several rows", json_schema_extra=many),
        )
        fields["probabilities"] = (
            StrictBool,
            Field(default=True, description="give each label's probability, where the method has honest ones"),
        )
        told = f"One of {', '.join(self.forms)}; fields that are not known are ignored."
        examples = [example["value"] for example in self.examples.values()]
        more: Any = {"examples": examples, "oneOf": self._one_form()}
        # By default the reader keeps up to 16,384 short strings in a cache of its own, long after they were answered.
        settings = ConfigDict(json_schema_extra=more, cache_strings=False)
        return create_model("Request", __doc__=told, __config__=settings, **fields)

    def _cell_type(self, name: str) -> Any:
        """Tell what `_check` looks at, which says more of it than a schema's faults would."""
        told: Any = {"maxLength": self.limits.characters, "pattern": "^[^\\u0000]*$"}
        text = Annotated[str, Field(json_schema_extra=told)]
        return _listed(text) if name == "tokens" else text

    def _one_form(self) -> list[dict[str, Any]]:
        """Tell that a request holds its rows in one form alone."""
        forms = [self.columns] if self.alone else []
        forms += [("texts",)] if self.one_text else []
        every = {name for form in (*forms, ("rows",)) for name in form}
        return [
            {
                "required": list(form),
                "properties": {
                    name: {"not": {"type": "null"}} if name in form else {"type": "null"} for name in sorted(every)
                },
            }
            for form in (*forms, ("rows",))
        ]

    def _response_type(self) -> type[BaseModel]:
        served = self.served
        answer: Any = create_model(
            "Answer",
            __doc__="The answer to one row, under the names that `bakeoff predict` writes.",
            prediction=(_prediction_type(served.kind, served.labels) | None, Field(description=_told(served.kind))),
            abstention=(str | None, Field(description="why there is no prediction", examples=[None])),
            probabilities=(
                dict[str, float] | None,
                Field(description="by label; null where the method has no honest ones"),
            ),
            tokens_in=(int | None, Field(description="tokens read; null where the method counts none")),
            tokens_out=(int | None, Field(description="tokens written; null where the method writes none")),
            seconds=(float | None, Field(description="the row's share of the time that its batch took")),
        )
        return create_model(
            "Response",
            __doc__="The answers, in the order of the rows.",
            answers=(list[answer], ...),
            contender=(str, Field(examples=[self.served.contender])),
            bundle=(str, Field(description="first 12 digits of the sha256 of bundle.json")),
        )

    @property
    def examples(self) -> dict[str, dict[str, Any]]:
        """Requests that are answered, by name, as OpenAPI has them."""
        values = [_example(name) for name in self.columns]
        row = dict(zip(self.columns, values, strict=True))
        found: dict[str, dict[str, Any]] = {}
        if self.alone:
            found["one"] = {"summary": "one row", "value": row}
        if self.one_text:
            found["texts"] = {"summary": "several texts", "value": {"texts": [values[0], "Broke after two days."]}}
        found["rows"] = {"summary": "several rows", "value": {"rows": [row, row], "probabilities": False}}
        return found


def _listed(kind: Any) -> Any:
    """Give the type of a list that is read no further than to its first fault: half a million would be one each."""
    return Annotated[list[kind], Field(fail_fast=True)]


def _cell_field(name: str, **settings: Any) -> Any:
    told = {"tokens": "the tokens of one text", "text_pair": "the second text of the pair"}.get(name, "the text")
    return Field(description=told, examples=[_example(name)], **settings)


def _example(name: str) -> Any:
    if name == "tokens":
        return ["Anna", "lives", "in", "Oslo", "."]
    return "Does it work with Linux?" if name == "text_pair" else "Works well and was easy to set up."


def _prediction_type(kind: str, labels: Sequence[str]) -> Any:
    kinds: dict[str, Any] = {"regression": float, "multi-label": list[str], "tagging": list[str]}
    found = kinds.get(kind, str)
    if not labels:
        return found
    # The labels are told to readers of the schema; an answer needs no check against them.
    place: Any = {"enum": list(labels)}
    if found is str:
        return Annotated[str, Field(json_schema_extra=place)]
    return list[Annotated[str, Field(json_schema_extra=place)]]


def _told(kind: str) -> str:
    told = {
        "regression": "a number",
        "multi-label": "the labels of the text",
        "tagging": "a tag for each token",
        "generation": "the text that was written",
    }
    return f"{told.get(kind, 'the label')}; null where the row was not answered"
