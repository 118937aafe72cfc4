"""Every exception that bakeoff raises on purpose.

::

    BakeoffError
    ├── UserError              the user can mend it: printed without traceback, exit code 2
    │   ├── DataError          a file of rows, a column or a cell
    │   ├── OptionError        an option or a combination of options
    │   ├── SourceError        a catalogue entry that no source could give
    │   ├── ModelError         a model that cannot be loaded, or does not fit the method
    │   ├── MissingExtraError  an optional dependency that is not installed
    │   ├── StudyError         a study folder that is in use, broken, or of another version
    │   └── BundleError        a bundle that is incomplete, changed, or of another version
    ├── ServerFault            one call to a server failed (in ``models.server``): an abstention with its reason
    ├── AnsweringFault         one request to a served bundle failed (in ``workbench.answering``): told to who asked
    ├── TrialError             one trial cannot be finished: recorded, the study goes on
    └── NoVerdictError         finished, but nothing can be decided: exit code 3
"""

from __future__ import annotations

__all__ = [
    "BakeoffError",
    "BundleError",
    "DataError",
    "MissingExtraError",
    "ModelError",
    "NoVerdictError",
    "OptionError",
    "SourceError",
    "StudyError",
    "TrialError",
    "UserError",
]


class BakeoffError(Exception):
    """Base of all exceptions that bakeoff raises on purpose."""


class UserError(BakeoffError):
    """Something that the user can mend.

    Parameters
    ----------
    message : str
        One sentence: the thing, what is allowed, and what came.
    next_step : str
        One sentence: what to do about it.
    """

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild across process borders, where keyword-only arguments would be lost."""
        return _rebuild_user_error, (type(self), self.message, self.next_step)

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}"


def _rebuild_user_error(kind: type[UserError], message: str, next_step: str) -> UserError:
    return kind(message, next_step=next_step)


class DataError(UserError):
    """A file of rows, a column or a cell that cannot be used."""


class OptionError(UserError):
    """An option, or a combination of options, that cannot be used."""


class SourceError(UserError):
    """A catalogue entry that no source could give; the message says what was tried."""


class ModelError(UserError):
    """A model that cannot be loaded, or that does not fit the method it was named for."""


class MissingExtraError(UserError):
    """An optional dependency that is needed here and is not installed."""


class StudyError(UserError):
    """A study folder that is in use, broken, or written by another version."""


class BundleError(UserError):
    """A bundle that is incomplete, changed since it was written, or of another version."""


class TrialError(BakeoffError):
    """One trial cannot be finished; it is recorded as failed with this reason."""


class NoVerdictError(BakeoffError):
    """The study is finished, but what was measured decides nothing; the message says why."""
