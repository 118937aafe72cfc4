"""What is handed over: a bundle folder that answers rows, and its model card."""

from __future__ import annotations

from bakeoff.ship.bundle import SCHEMA, Bundle, BundleFacts, BundleFile, read_bundle
from bakeoff.ship.card import model_card
from bakeoff.ship.write import write_bundle

__all__ = ["SCHEMA", "Bundle", "BundleFacts", "BundleFile", "model_card", "read_bundle", "write_bundle"]
