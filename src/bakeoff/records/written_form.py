"""What a fitted method came to when it was written for another library."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WrittenForm"]


@dataclass(frozen=True, slots=True)
class WrittenForm:
    """A fitted method in the form of another library, and what that form leaves out.

    Parameters
    ----------
    loader : str
        Class of the other library that loads it, such as ``"AutoModelForSequenceClassification"``.
    pipeline : str
        Its name for what the method does, such as ``"text-classification"``.
    most_tokens : int
        Longest text in tokens; the rest of a longer one has to be cut.
    notes : tuple of str
        What the form does not hold, a sentence each.
    compared_rows : int
        Texts by which it was held to the method before it was written.
    largest_difference : float
        Of a score, over these texts.
    question : tuple of (str, str), optional
        Role and content of the messages around a text, ``{text}`` in its place; the role is empty where a model has no
        chat form. Nothing where a text is given alone.
    """

    loader: str
    pipeline: str
    most_tokens: int
    notes: tuple[str, ...] = ()
    compared_rows: int = 0
    largest_difference: float = 0.0
    question: tuple[tuple[str, str], ...] = ()
