"""Write a bundle aside and put it in place as a whole."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bakeoff.catalog import aside, publish
from bakeoff.errors import BundleError, OptionError
from bakeoff.ship.bundle import SCHEMA, Bundle, BundleFacts, read_bundle, replaced_name
from bakeoff.ship.contents import CARD, CODE_SUFFIXES, MANIFEST, METHOD, WEIGHTS, BundleFile, digest, walk

__all__ = ["check_place", "write_bundle"]

#: Packages whose version can change an answer.
_PACKAGES = ("numpy", "peft", "safetensors", "scikit-learn", "tokenizers", "torch", "transformers")
_ATTEMPTS = 5


def write_bundle(
    final: Path,
    *,
    method_folder: Path,
    facts: BundleFacts,
    card: str,
    weights: Path | None = None,
    check: Callable[[Bundle], None] | None = None,
) -> Path:
    """Write a bundle; a reader finds the old one or the new one, never a part of either.

    Parameters
    ----------
    final : Path
        Where the bundle will stand. A bundle that stands there is replaced as a whole; anything else is left alone.
    method_folder : Path
        What the method's `save` wrote; copied.
    facts, card : BundleFacts, str
        The card is markdown.
    weights : Path, optional
        A model's folder in the Hugging Face layout, copied so that the bundle needs no model from elsewhere.
    check : callable, optional
        Given the bundle as it was read back, before it takes its place; where it raises, what stood there is kept.

    Returns
    -------
    Path
        `final`, absolute.

    Raises
    ------
    OptionError
        If something else than a bundle stands at `final`.
    BundleError
        If a file to be copied is of a kind that could carry code.
    OSError
        If it cannot be written; what stood there is kept.
    """
    final = Path(final).absolute()
    check_place(final)
    folder = aside(final)
    try:
        _fill(folder, method_folder, facts, card, weights)
        bundle = read_bundle(folder)
        if check:
            check(bundle)
        staged = publish(folder, final.with_name(f".{final.name}.new-{secrets.token_hex(6)}"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _replace(staged, final)


def _fill(folder: Path, method_folder: Path, facts: BundleFacts, card: str, weights: Path | None) -> None:
    shutil.copytree(method_folder, folder / METHOD)
    if weights is not None:
        shutil.copytree(weights, folder / WEIGHTS)
    (folder / CARD).write_text(card, encoding="utf-8")
    manifest = _manifest(folder, facts, _is_self_contained(folder, facts))
    (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def check_place(final: Path) -> None:
    """Refuse to replace anything that is not a bundle and nothing but a bundle."""
    if final.is_symlink() or (final.exists() and not final.is_dir()):
        raise OptionError(
            f"A bundle is a folder; {final} is a {'link' if final.is_symlink() else 'file'}.",
            next_step="Name another place.",
        )
    if not final.is_dir():
        return
    there = {path.name for path in final.iterdir()}
    strange = sorted(there - {MANIFEST, CARD, METHOD, WEIGHTS})
    if there and (strange or MANIFEST not in there):
        raise OptionError(
            f"The folder {final} holds {strange[0] if strange else 'no ' + MANIFEST!r}: it is not just a bundle, "
            "and is not replaced.",
            next_step="Name another place, or move those files away.",
        )


def _manifest(folder: Path, facts: BundleFacts, self_contained: bool) -> Mapping[str, object]:
    files = []
    for path in walk(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() in CODE_SUFFIXES:
            raise BundleError(
                f"A bundle holds no file that could carry code; {name!r} came.",
                next_step="Save the method or the model with safetensors and JSON only.",
            )
        files.append(BundleFile(name, digest(path), path.stat().st_size))
    return {
        "schema": SCHEMA,
        "bakeoff_version": version("bakeoff"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **asdict(facts),
        "versions": _versions(),
        "self_contained": self_contained,
        "files": [asdict(file) for file in files],
    }


def _versions() -> dict[str, str]:
    import platform

    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _is_self_contained(folder: Path, facts: BundleFacts) -> bool:
    """Say whether answering needs no model from elsewhere: tuned weights are whole, adapters and prompts are not."""
    from bakeoff.methods.registry import method_spec

    spec = method_spec(facts.contender.method)
    if spec.model is None or facts.contender.model is None or (folder / WEIGHTS).is_dir():
        return True
    # A mixture may hold tuned weights and name another model for its prompt.
    return not any((folder / METHOD).rglob("prompt*.yaml")) and any((folder / METHOD).rglob("model*.safetensors"))


def _replace(staged: Path, final: Path) -> Path:
    """Swap by two renames; between them the old bundle stands whole under a hidden name beside its place."""
    old = None
    try:
        for attempt in range(_ATTEMPTS):
            with contextlib.suppress(FileNotFoundError):  # nothing stands there, or another process was faster
                waiting = final.with_name(f"{replaced_name(final)}{secrets.token_hex(6)}")
                final.rename(waiting)
                old = waiting
            try:
                staged.rename(final)
                break
            except OSError:
                # Another process put its bundle there since; ours is the later one.
                if not final.is_dir() or attempt == _ATTEMPTS - 1:
                    raise
    except OSError:
        if old is not None and not final.exists():
            old.rename(final)
        shutil.rmtree(staged, ignore_errors=True)
        raise
    for past in final.parent.iterdir():
        if past.name.startswith(replaced_name(final)):
            shutil.rmtree(past, ignore_errors=True)
    return final
