"""Named models and data sets: where they come from, and the cache that keeps them.

Each entry names its sources in the order in which they are tried (the Hugging Face hub, packages of a package index),
its licence, and the sha256 of every file. A local folder or file can be given in place of any name.
"""

from __future__ import annotations

from bakeoff.catalog.cache import aside, cache_folder, entry_cache, publish, write_file
from bakeoff.catalog.entries import entries, entry
from bakeoff.catalog.facts import (
    CatalogFile,
    Entry,
    HubSource,
    InstalledSource,
    SdistSource,
    Source,
    WheelSource,
)
from bakeoff.catalog.pull import is_here, locate, pull
from bakeoff.catalog.resolve import ModelFiles, resolve_model

__all__ = [
    "CatalogFile",
    "Entry",
    "HubSource",
    "InstalledSource",
    "ModelFiles",
    "SdistSource",
    "Source",
    "WheelSource",
    "aside",
    "cache_folder",
    "entries",
    "entry",
    "entry_cache",
    "is_here",
    "locate",
    "publish",
    "pull",
    "resolve_model",
    "write_file",
]
