"""Names of servers that speak the OpenAI API, and whether one is on this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from bakeoff.errors import OptionError

__all__ = ["KEY_VARIABLE", "ServerName", "host_of", "is_loopback", "is_server", "parse_server"]

#: Environment variable that holds the key.
KEY_VARIABLE = "OPENAI_API_KEY"

_FORM = "http://host:port/v1#model-name"


@dataclass(frozen=True, slots=True)
class ServerName:
    """A server and one of its models.

    Attributes
    ----------
    url : str
        Base address, such as ``http://localhost:8080/v1``, without a slash at its end.
    model : str or None
        The model's name there; None for the only one.
    """

    url: str
    model: str | None


def parse_server(spec: str) -> ServerName:
    """Read a server's address and model name.

    Parameters
    ----------
    spec : str
        ``http://host:port/v1#model-name``; the part from ``#`` on may be left out.

    Returns
    -------
    ServerName

    Raises
    ------
    OptionError
        If it is not an http or https address, or holds a password.
    """
    url, _, model = spec.strip().partition("#")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise OptionError(f"{url!r} is not an address: {error}.", next_step=f"Write {_FORM}.") from error
    if parts.username is not None or parts.password is not None:
        # Not repeated in the message, which may end in a log.
        raise OptionError(
            "A server's address must not hold a name or a password.",
            next_step=f"Put the key into the environment variable {KEY_VARIABLE}.",
        )
    if parts.scheme not in ("http", "https") or not host or parts.query:
        raise OptionError(f"A server is named by an http or https address, got {spec!r}.", next_step=f"Write {_FORM}.")
    return ServerName(url.rstrip("/"), model or None)


def is_server(spec: str) -> bool:
    """Say whether a model's name is that of a server."""
    return spec.startswith(("http://", "https://"))


def host_of(url: str) -> str:
    """Give the host of an address, in lower case."""
    return str(urlsplit(url).hostname).lower()


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine by its name or number, without asking a name server."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
