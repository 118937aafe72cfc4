"""Download one file of a package index with pip, whose configuration (indexes, proxies, certificates) is the user's.

Nothing is installed, and no code of a package runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["PackageDownloadError", "download_sdist", "download_wheel"]

Progress = Callable[[int, int], None]

# pip builds the metadata of a source package to compare its name and version, which would run the package's own
# setup.py in a fresh environment. This stand-in for setuptools copies the metadata that every source package carries.
_STAND_IN = '''\
"""Metadata of a source package without running its code."""
import pathlib
import sys


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = pathlib.Path(metadata_directory, {folder!r})
    folder.mkdir()
    (folder / "METADATA").write_bytes(pathlib.Path("PKG-INFO").read_bytes())
    (folder / "WHEEL").write_text("Wheel-Version: 1.0\\n")
    return folder.name


__legacy__ = sys.modules[__name__]
'''


class PackageDownloadError(Exception):
    """Pip did not give the file; the text is the reason, in one line."""


def download_wheel(package: str, version: str, sha256: str, work: Path, progress: Progress | None = None) -> Path:
    """Download a wheel.

    Parameters
    ----------
    package, version : str
        What pip is asked for.
    sha256 : str
        pip refuses any other file.
    work : Path
        An existing folder to write in.
    progress : callable, optional
        Called with bytes done and bytes in all.

    Returns
    -------
    Path
        The wheel.

    Raises
    ------
    PackageDownloadError
        If pip cannot give it.
    """
    return _download(package, version, sha256, work, ["--only-binary", ":all:"], dict(os.environ), progress)


def download_sdist(package: str, version: str, sha256: str, work: Path, progress: Progress | None = None) -> Path:
    """Download a source package that has a ``setup.py`` and no ``pyproject.toml``.

    Parameters
    ----------
    package, version : str
        What pip is asked for.
    sha256 : str
        pip refuses any other file.
    work : Path
        An existing folder to write in.
    progress : callable, optional
        Called with bytes done and bytes in all.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    PackageDownloadError
        If pip cannot give it.
    """
    stand_in = work / "stand-in" / "setuptools"
    stand_in.mkdir(parents=True, exist_ok=True)
    folder = f"{package.replace('-', '_')}-{version}.dist-info"
    (stand_in / "__init__.py").write_text("", encoding="utf-8")
    (stand_in / "build_meta.py").write_text(_STAND_IN.format(folder=folder), encoding="utf-8")
    environment = dict(os.environ)
    own_path = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(stand_in.parent), own_path)))
    # Releases of pip before 25.3 take this; later ones have no other way.
    environment["PIP_USE_PEP517"] = "1"
    options = ["--no-binary", package, "--no-build-isolation"]
    return _download(package, version, sha256, work, options, environment, progress)


def _download(
    package: str,
    version: str,
    sha256: str,
    work: Path,
    options: list[str],
    environment: dict[str, str],
    progress: Progress | None,
) -> Path:
    target = work / "download"
    target.mkdir(exist_ok=True)
    requirements = work / "requirements.txt"
    requirements.write_text(f"{package}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
    # Temporary files go where an interrupted pull is cleaned away; a virtual environment is no matter here.
    environment |= {"TMPDIR": str(work), "PIP_REQUIRE_VIRTUALENV": "0"}
    # pip's own cache would keep a second copy, and keep giving a file that was broken on the way.
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-input"]
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-color", "--progress-bar=raw", *options]
    command += ["--requirement", str(requirements), "--dest", str(target)]
    _run(command, environment, progress)
    found = list(target.iterdir())
    if len(found) != 1:
        raise PackageDownloadError(f"pip left {len(found)} files instead of one")
    return found[0]


def _run(command: list[str], environment: dict[str, str], progress: Progress | None) -> None:
    lines: list[str] = []
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                done = _bytes_done(line)
                if done is None:
                    lines.append(line.strip())
                elif progress is not None:
                    progress(*done)
        except BaseException:  # an interrupt: leave no download behind
            process.kill()
            raise
    if process.returncode != 0:
        raise PackageDownloadError(_reason(lines))


def _bytes_done(line: str) -> tuple[int, int] | None:
    words = line.split()
    if len(words) == 4 and words[0] == "Progress" and words[1].isdigit() and words[3].isdigit():
        return int(words[1]), int(words[3])
    return None


def _reason(lines: list[str]) -> str:
    text = "\n".join(lines)
    if "DO NOT MATCH THE HASHES" in text:
        return "the file that was offered has another sha256 than the catalogue"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    last = next((line for line in reversed(lines) if line), "pip gave no reason")
    reason = errors[0] if errors else last
    if "(from versions: none)" in reason and "Connection" in text:
        return "no package index could be reached"
    return reason[:300]
