"""Download files of a repository of the Hugging Face hub, and give up quickly where it cannot be reached."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["HubDownloadError", "download_file", "download_snapshot", "is_offline", "latest_commit"]

Progress = Callable[[int, int], None]

CONNECT_SECONDS = 3.0
_WANTED = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "README.md", "LICENSE*"]
# The same weights once more, for other programs.
_UNWANTED = ["onnx/*", "openvino/*", "original/*", "consolidated*.safetensors", "*.fp16.safetensors"]
_unreachable: dict[str, str] = {}  # endpoint to reason: asked once per process


class HubDownloadError(Exception):
    """The hub did not give the file; the text is the reason, in one line."""


def is_offline() -> bool:
    """Say whether the user closed the hub with ``HF_HUB_OFFLINE``.

    Returns
    -------
    bool
    """
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def download_file(repository: str, revision: str, path: str, work: Path, progress: Progress | None = None) -> Path:
    """Download one file.

    Parameters
    ----------
    repository : str
        ``owner/name``.
    revision : str
        A commit.
    path : str
        Path in the repository.
    work : Path
        An existing folder to write in.
    progress : callable, optional
        Called with the bytes done of this file, and with its size.

    Returns
    -------
    Path
        The file, unchecked.

    Raises
    ------
    HubDownloadError
        If the hub is closed, cannot be reached, or refuses.
    """
    endpoint = _reachable_endpoint()
    import huggingface_hub as hub

    try:
        # One try without the client's retries, so that an unreachable hub costs seconds.
        url = hub.hf_hub_url(repository, path, revision=revision, endpoint=endpoint)
        hub.get_hf_file_metadata(url, timeout=CONNECT_SECONDS, endpoint=endpoint)
        local = hub.hf_hub_download(
            repository,
            path,
            revision=revision,
            local_dir=work / "hub",
            endpoint=endpoint,
            tqdm_class=_bar(progress),
        )
    except Exception as error:  # the client raises its HTTP library's errors, which differ between releases
        raise _failure(error, endpoint) from error
    return Path(local)


def latest_commit(repository: str, revision: str | None = None) -> str:
    """Ask for the commit that a revision stands for now.

    Parameters
    ----------
    repository : str
        ``owner/name``.
    revision : str, optional
        A branch, a tag or a commit; the default branch otherwise.

    Returns
    -------
    str
        40 hexadecimal digits.

    Raises
    ------
    HubDownloadError
        If the hub is closed, cannot be reached, or does not know the repository.
    """
    endpoint = _reachable_endpoint()
    import huggingface_hub as hub

    try:
        info = hub.HfApi(endpoint=endpoint).model_info(repository, revision=revision, timeout=CONNECT_SECONDS)
    except Exception as error:  # see download_file
        raise _failure(error, endpoint) from error
    if not info.sha:
        raise HubDownloadError(f"{endpoint} names no commit of {repository}")
    return info.sha


def download_snapshot(repository: str, commit: str, folder: Path) -> None:
    """Download a model's configuration, tokenizer and safetensors weights.

    Parameters
    ----------
    repository : str
        ``owner/name``.
    commit : str
        The commit.
    folder : Path
        An existing folder to write in.

    Raises
    ------
    HubDownloadError
        If the hub is closed, cannot be reached, or refuses.
    """
    endpoint = _reachable_endpoint()
    import huggingface_hub as hub

    try:
        hub.snapshot_download(
            repository,
            revision=commit,
            local_dir=folder,
            allow_patterns=_WANTED,
            ignore_patterns=_UNWANTED,
            endpoint=endpoint,
            tqdm_class=_bar(None),
        )
    except Exception as error:  # see download_file
        raise _failure(error, endpoint) from error
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes about the download


def _reachable_endpoint() -> str:
    from huggingface_hub.constants import ENDPOINT

    if is_offline():
        raise HubDownloadError("HF_HUB_OFFLINE is set")
    endpoint = os.environ.get("HF_ENDPOINT", ENDPOINT).rstrip("/")
    if endpoint in _unreachable:
        raise HubDownloadError(_unreachable[endpoint])
    return endpoint


def _failure(error: Exception, endpoint: str) -> HubDownloadError:
    cause = error.__cause__ or error
    first_line = (str(cause).strip().splitlines() or [""])[0]
    reason = f"{endpoint}: {type(cause).__name__}: {first_line}"[:300]
    no_answer = getattr(cause, "response", None) is None and getattr(cause, "errno", None) is None
    if no_answer:  # unlike a refusal, or a full disk here
        _unreachable[endpoint] = reason
    return HubDownloadError(reason)


def _bar(progress: Progress | None) -> Any:
    """Make a progress bar class that draws nothing and tells ``progress`` of every step."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Silent(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            self.size = int(kwargs.get("total") or 0)
            self.done = int(kwargs.get("initial") or 0)
            super().__init__(*args, **(kwargs | {"disable": True}))

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            if progress is not None:
                progress(self.done, self.size)

    return Silent
