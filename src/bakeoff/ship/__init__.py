"""What is handed over: a bundle folder that answers rows, and its model card."""

from __future__ import annotations

from bakeoff.ship.bundle import SCHEMA, Bundle, BundleFacts, read_bundle
from bakeoff.ship.card import model_card
from bakeoff.ship.contents import BundleFile
from bakeoff.ship.reference import reference_of
from bakeoff.ship.tuned_card import TunedFigures, tuned_card
from bakeoff.ship.write import check_place, write_bundle

__all__ = [
    "SCHEMA",
    "Bundle",
    "BundleFacts",
    "BundleFile",
    "TunedFigures",
    "check_place",
    "model_card",
    "read_bundle",
    "reference_of",
    "tuned_card",
    "write_bundle",
]
