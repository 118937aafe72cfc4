"""Files that say little and unpack to more than any memory holds: told before they are read.

A workbook is an archive, in which a megabyte of zeros takes a kilobyte; a parquet file writes a value and how often it
comes. Both are packed honestly ten or twenty times, seldom a hundred. What is small stays allowed, however packed.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from bakeoff.errors import DataError

__all__ = ["refuse_swelling_sheet", "refuse_swelling_table", "refuse_swelling_texts"]

#: So much may come out of any file.
_ALWAYS_BYTES = 64 * 2**20
_ALWAYS_CELLS = 4_000_000
#: And of a larger one so many times its size, but never more than this.
_MOST_TIMES = 200
_MOST_BYTES = 8 * 2**30
#: Cells of a parquet file for each of its bytes: long runs of one label take next to nothing.
_CELLS_A_BYTE = 20
_MOST_CELLS = 500_000_000
_CHUNK = 2**20


def refuse_swelling_sheet(path: Path) -> None:
    """Refuse a workbook that unpacks to far more than it holds; what its own index says of that is not believed.

    Parameters
    ----------
    path : Path
        A .xlsx file. What is no archive is left to the reader to refuse.

    Raises
    ------
    DataError
    """
    size = path.stat().st_size
    most = min(max(_ALWAYS_BYTES, _MOST_TIMES * size), _MOST_BYTES)
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
            members = [one for one in archive.infolist() if one.compress_type == zipfile.ZIP_DEFLATED]
            for member in members:
                most -= _unpacked(stream, member, most)
                if most < 0:
                    raise _swells(path, f"unpack to more than {_MOST_TIMES} times their size")
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError):
        return


def _unpacked(stream: BinaryIO, member: zipfile.ZipInfo, most: int) -> int:
    """Count the bytes of a member as they come out of it, no further than one above what is allowed."""
    stream.seek(member.header_offset + 26)
    name, extra = (int.from_bytes(stream.read(2), "little") for _ in range(2))
    stream.seek(name + extra, 1)
    unpacker, count, left = zlib.decompressobj(-15), 0, member.compress_size
    while left > 0 and count <= most and not unpacker.eof:
        packed = stream.read(min(left, _CHUNK))
        if not packed:
            break
        left -= len(packed)
        while packed and count <= most:
            count += len(unpacker.decompress(packed, _CHUNK))
            packed = unpacker.unconsumed_tail
    return count


def refuse_swelling_table(path: Path, rows: int, columns: int, *, in_parts: bool = False) -> None:
    """Refuse a parquet file of far more cells than its bytes could hold.

    Parameters
    ----------
    path : Path
    rows, columns : int
        As the file says, which the reader would believe.
    in_parts : bool
        Whether the file is never in memory as a whole, so that only what its size makes likely counts.

    Raises
    ------
    DataError
    """
    cells = rows * columns
    likely = max(_ALWAYS_CELLS, _CELLS_A_BYTE * path.stat().st_size)
    if cells > (likely if in_parts else min(likely, _MOST_CELLS)):
        raise _swells(path, f"hold {cells:,} cells")


def refuse_swelling_texts(path: Path, count: int, *, in_parts: bool = False) -> None:
    """Refuse a parquet file whose texts, each as often as it comes, are far larger than the file.

    Parameters
    ----------
    path : Path
    count : int
        Bytes of all texts.
    in_parts : bool
        As for `refuse_swelling_table`.

    Raises
    ------
    DataError
    """
    likely = max(_ALWAYS_BYTES, _MOST_TIMES * path.stat().st_size)
    if count > (likely if in_parts else min(likely, _MOST_BYTES)):
        raise _swells(path, f"hold {count:,} bytes of text")


def _swells(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} has {path.stat().st_size:,} bytes, which would {what}: such a file is made to fill the memory.",
        next_step="Do not use it, unless you know who made it; if it is yours, export it as .csv.",
    )
