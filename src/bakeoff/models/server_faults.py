"""What can go wrong with a call to a server, and which of it may pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakeoff.catalog.servers import KEY_VARIABLE
from bakeoff.errors import BakeoffError, ModelError

__all__ = ["ServerFault", "fault_of_status"]

#: Answers that tell the caller to try again, besides a server's own faults (500 and above).
_PASSING = frozenset({408, 409, 425, 429})
#: Faults of a server that another try would meet again: not implemented, version not supported.
_LASTING = frozenset({501, 505})
#: What servers call an account without means; it comes with status 429, but waiting does not help.
_WITHOUT_MEANS = ("insufficient_quota", "billing_hard_limit", "billing_not_active")
#: Characters of a server's own words that are passed on.
_QUOTED = 300


class ServerFault(BakeoffError):  # noqa: N818
    """One call failed and the next one may not: the row becomes an abstention with this reason.

    Parameters
    ----------
    reason : str
        What kind of failure it was: ``"timeout"``, ``"connection-lost"``, ``"rate-limit"``, ``"server-error"``,
        ``"broken-answer"`` (what came is no whole JSON object), ``"no-answer"`` (it holds no message),
        ``"refused-request"``, ``"refused-by-model"`` or ``"limit"`` (a limit on money, tokens or calls).
    detail : str
        What the server said.
    passing : bool
        Whether another try may succeed.
    overload : bool
        Whether it tells of a server with too much to do.
    perhaps_billed : bool
        Whether the server may have done the work, and charge for it.
    wait : float or None
        Seconds that the server asked to wait.
    """

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        passing: bool = False,
        overload: bool = False,
        perhaps_billed: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.passing = passing
        self.overload = overload
        self.perhaps_billed = perhaps_billed
        self.wait = wait

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def fault_of_status(
    url: str, model: str | None, status: int, body: object, wait: float | None = None
) -> ServerFault | ModelError:
    """Tell failures of one call from those of the server, its account or its settings.

    Parameters
    ----------
    url : str
    model : str or None
        What was asked.
    status : int
        Of the answer; 300 or more.
    body : object
        The answer's parsed JSON, or its text.
    wait : float, optional
        Seconds that the server asked to wait.

    Returns
    -------
    ServerFault or ModelError
        The latter where no call can succeed.
    """
    code, told = _told(body)
    if status == 402 or any(word in code for word in _WITHOUT_MEANS):
        return ModelError(
            f"The server {url} does no more work for this account: {told or status}.",
            next_step="Look at the account's balance and limits; answers that came are kept.",
        )
    if status in (401, 403):
        return ModelError(
            f"The server {url} refuses the key.",
            next_step=f"Put a valid key into the environment variable {KEY_VARIABLE}.",
        )
    if status == 404:
        return ModelError(
            f"The server {url} does not know the model {model!r}, or has no chat endpoint there.",
            next_step="Check the address and the model's name: http://host:port/v1#model-name.",
        )
    if 300 <= status < 400:
        return ModelError(
            f"The server {url} answers with a redirect, which is not followed.",
            next_step="Give the address it leads to, if texts may be sent there.",
        )
    detail = told or f"status {status}"
    if status == 429:
        return ServerFault("rate-limit", detail, passing=True, overload=True, wait=wait)
    if status >= 500:
        passing = status not in _LASTING
        return ServerFault("server-error", detail, passing=passing, overload=passing, wait=wait)
    return ServerFault("refused-request", detail, passing=status in _PASSING, wait=wait)


def _told(body: object) -> tuple[str, str]:
    """Read the error's code and the server's words, in the forms that servers use."""
    error: Any = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        code = " ".join(str(error.get(name) or "") for name in ("code", "type"))
        error = error.get("message") or error.get("detail") or code.strip()
    else:
        code = ""
    return code, " ".join(str(error or "").split())[:_QUOTED]
