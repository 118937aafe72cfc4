"""The header of a GGUF file: its plain fields and the shapes of its tensors.

The library's own reader makes an array of every word of the vocabulary, which takes seconds at every start. Here lists
are passed over. The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["GgufHeader", "read_gguf_header"]

#: Formats of single values by the number of their type, as `struct` names them.
_SINGLE = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _LIST = 8, 9
_VERSIONS = (2, 3)
#: Far more than any tensor has: a broken file must not ask for much memory.
_MOST_DIMENSIONS = 8


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What stands before the weights.

    Attributes
    ----------
    fields : dict
        Texts, numbers and truth values by name; lists are left out.
    shapes : tuple of tuple of int
        Of the tensors.
    """

    fields: dict[str, str | float | bool]
    shapes: tuple[tuple[int, ...], ...]


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the header of a GGUF file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    GgufHeader

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no GGUF file of version 2 or 3, or is broken.
    """
    with path.open("rb") as stream:
        return _Reader(stream, path.stat().st_size).header()


class _Reader:
    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream, self.size, self.order = stream, size, "<"

    def header(self) -> GgufHeader:
        if self.stream.read(4) != b"GGUF":
            raise ValueError("it does not begin with GGUF")
        version = self.stream.read(4)
        if version[:2] == b"\0\0":  # written on a machine that puts the largest byte first
            self.order = ">"
        if len(version) < 4 or struct.unpack(f"{self.order}I", version)[0] not in _VERSIONS:
            raise ValueError(f"its version is none of {' and '.join(map(str, _VERSIONS))}")
        tensors, entries = self.single("Q"), self.single("Q")
        if tensors + entries > self.size:
            raise ValueError("it names more entries than it has bytes")
        fields = {}
        for _ in range(entries):
            name, kind = self.text(), self.single("I")
            value = self.value(kind)
            if value is not None:
                fields[name] = value
        return GgufHeader(fields, tuple(self.shape() for _ in range(tensors)))

    def single(self, form: str) -> int:
        """Read one value of a type of `struct`."""
        size = struct.calcsize(f"{self.order}{form}")
        found = self.stream.read(size)
        if len(found) < size:
            raise ValueError("it ends in its header")
        value: int = struct.unpack(f"{self.order}{form}", found)[0]
        return value

    def text(self) -> str:
        return self.stream.read(self.within(self.single("Q"))).decode("utf-8")

    def within(self, size: int) -> int:
        """Give a size that the rest of the file can have."""
        if size > self.size - self.stream.tell():
            raise ValueError("it ends in its header")
        return size

    def value(self, kind: int) -> str | float | bool | None:
        """Read a value of a type of GGUF; pass over a list, and give None for it."""
        if kind == _STRING:
            return self.text()
        if kind == _LIST:
            self.pass_list()
            return None
        return self.single(self.form(kind))

    def form(self, kind: int) -> str:
        if kind not in _SINGLE:
            raise ValueError(f"it holds a value of the unknown type {kind}")
        return _SINGLE[kind]

    def pass_list(self) -> None:
        kind, count = self.single("I"), self.single("Q")
        if kind == _STRING:
            for _ in range(self.within(count)):
                self.stream.seek(self.within(self.single("Q")), os.SEEK_CUR)
        elif kind == _LIST:
            for _ in range(self.within(count)):
                self.pass_list()
        else:
            size = struct.calcsize(f"{self.order}{self.form(kind)}")
            self.stream.seek(self.within(count * size), os.SEEK_CUR)

    def shape(self) -> tuple[int, ...]:
        """Read a tensor's entry; give its shape."""
        self.text()
        dimensions = self.single("I")
        if dimensions > _MOST_DIMENSIONS:
            raise ValueError(f"it holds a tensor of {dimensions} dimensions")
        shape = tuple(self.single("Q") for _ in range(dimensions))
        self.single("I")  # how the weights are packed
        self.single("Q")  # where they stand
        return shape
