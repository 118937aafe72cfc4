"""A file that is written in parts, survives a kill as far as it was written, and takes its name once it is whole.

Beside the target stand ``.NAME.unfinished``, the rows so far, and ``.NAME.unfinished.json``, which says how many of its
bytes hold whole rows and what they were made from. Bytes behind those are cut off when it is gone on with, so that a
half-written line never survives; rows made from anything else are never gone on with.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Self

from bakeoff.errors import OptionError

__all__ = ["Counts", "Unfinished"]

#: What was written is kept, against a kill or a loss of power, after so many seconds at most.
_KEEP_SECONDS = 1.0


@dataclass(slots=True)
class Counts:
    """What the rows so far come to.

    Parameters
    ----------
    rows, answered, unshared : int
        Rows that were written, those with an answer, and answers without the probabilities that were asked for.
    """

    rows: int = 0
    answered: int = 0
    unshared: int = 0


class Unfinished:
    """Write a file in parts.

    Parameters
    ----------
    target : Path
    made_from : mapping of str to str
        What the rows hang on, by a name that is told to the user; the same whenever the same rows come out.

    Attributes
    ----------
    counts : Counts
        Of the rows that are there.
    """

    def __init__(self, target: Path, made_from: Mapping[str, str]) -> None:
        self.target, self._made_from = target, dict(made_from)
        self._rows = target.with_name(f".{target.name}.unfinished")
        self._about = target.with_name(f".{target.name}.unfinished.json")
        self.counts = Counts()
        self._bytes, self._kept_at = 0, time.monotonic()

    @contextlib.contextmanager
    def opened(self, *, restart: bool = False) -> Iterator[Self]:
        """Open it behind the rows that are there, and give it its name when the block ends well.

        Parameters
        ----------
        restart : bool
            Whether to begin anew, whatever is there.

        Yields
        ------
        Unfinished

        Raises
        ------
        OptionError
            If another process writes it, or what is there was made from something else.
        """
        with self._rows.open("ab") as stream:
            self._stream: BinaryIO = stream
            self._lock()
            try:
                if restart:  # what is said of the old rows must not outlive them
                    self._about.unlink(missing_ok=True)
                kept, self.counts = self._take_up()
                stream.truncate(kept)
                self._bytes = kept
                yield self
                self._sync()
                self._rows.replace(self.target)
                self._about.unlink(missing_ok=True)
            except BaseException:
                self._leave()
                raise

    def write(self, rows: bytes, counts: Counts) -> None:
        """Write whole rows.

        Parameters
        ----------
        rows : bytes
        counts : Counts
            Of all rows, these included.
        """
        self._stream.write(rows)
        self._bytes += len(rows)
        self.counts = counts
        if time.monotonic() - self._kept_at >= _KEEP_SECONDS:
            self._keep()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A process that was done a moment ago may have given the file its name since it was opened here.
            if not os.path.samestat(os.fstat(self._stream.fileno()), self._rows.stat()):
                raise FileNotFoundError(self._rows)
        except OSError as error:
            raise OptionError(
                f"Another process is writing {self.target}.", next_step="Wait for it, or name another output."
            ) from error

    def _take_up(self) -> tuple[int, Counts]:
        """Give the bytes that hold whole rows, and their counts; 0 where nothing is kept."""
        try:
            told = json.loads(self._about.read_text(encoding="utf-8"))
            made_from, size, counts = dict(told["made_from"]), int(told["bytes"]), Counts(**told["counts"])
        except FileNotFoundError:
            return 0, Counts()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._other("what is said of them cannot be read") from error
        changed = [name for name, value in self._made_from.items() if made_from.get(name) != value]
        if changed:
            raise self._other(f"{' and '.join(changed)} {'has' if len(changed) == 1 else 'have'} changed since")
        if self._rows.stat().st_size < size:
            raise self._other(f"{self._rows.name} is shorter than it was")
        return size, counts

    def _other(self, why: str) -> OptionError:
        return OptionError(
            f"An interrupted run left answers beside {self.target}, and they cannot be gone on with: {why}.",
            next_step="Begin anew with --restart, or name another output.",
        )

    def _keep(self) -> None:
        """Note how far the file is whole, once what it holds is on the disk."""
        self._sync()
        told = {"made_from": self._made_from, "bytes": self._bytes, "counts": asdict(self.counts)}
        fresh = self._about.with_name(f"{self._about.name}.new")
        with fresh.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(told, indent=1) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self._about)
        self._kept_at = time.monotonic()

    def _sync(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _leave(self) -> None:
        """Keep the rows of a run that broke off; leave nothing behind where there are none."""
        if self.counts.rows and self._bytes:
            self._keep()
        elif not self._about.exists():
            self._rows.unlink(missing_ok=True)
