"""Rows of text: read them, check them, divide them.

Nothing here writes a file, and nothing loads a model.
"""

from __future__ import annotations

from bakeoff.data.cells import KINDS, written_texts
from bakeoff.data.check import Check
from bakeoff.data.columns import Columns, find_columns
from bakeoff.data.cost_matrix import read_cost_matrix
from bakeoff.data.drawn import Drawn, draw_rows
from bakeoff.data.duplicates import least_likeness, near_by_keys, near_duplicates, same_key
from bakeoff.data.examine import LEAST_COUNTED, UNEVEN, check_rows
from bakeoff.data.folds import CROSS_FIT_BELOW, FOLDS, can_cross_fit, cross_fit_rows, fold_overlap
from bakeoff.data.forms import (
    FIELD_SEPARATOR,
    REFERENCE_SEPARATOR,
    SOURCE_SEPARATOR,
    counts_of,
    entity_type,
    join_fields,
    label_names,
    labels_of,
    references_of,
    source_of,
    spaced,
    split_fields,
    strata_of,
    target_of,
    write_labels,
    write_number,
    write_references,
    write_tags,
    write_truth,
    written_label,
)
from bakeoff.data.json_rows import JsonText, whole_characters
from bakeoff.data.label_definitions import LabelDefinition, match_definitions, read_label_definitions
from bakeoff.data.load import read_rows
from bakeoff.data.predictions import Predictions, read_predictions
from bakeoff.data.read import read_table
from bakeoff.data.row_file import RowFile, open_rows
from bakeoff.data.rows import Rows, Source, fingerprint
from bakeoff.data.sample import nested_order
from bakeoff.data.split import Fold, Split, split_rows
from bakeoff.data.spreadsheet import SHEET_COLUMN, plain_cell, safe_cell
from bakeoff.data.table import Cell, Table
from bakeoff.data.unlabelled import keep_unlabelled
from bakeoff.data.yaml_pairs import yaml_pairs

__all__ = [
    "CROSS_FIT_BELOW",
    "FIELD_SEPARATOR",
    "FOLDS",
    "KINDS",
    "LEAST_COUNTED",
    "REFERENCE_SEPARATOR",
    "SHEET_COLUMN",
    "SOURCE_SEPARATOR",
    "UNEVEN",
    "Cell",
    "Check",
    "Columns",
    "Drawn",
    "Fold",
    "JsonText",
    "LabelDefinition",
    "Predictions",
    "RowFile",
    "Rows",
    "Source",
    "Split",
    "Table",
    "can_cross_fit",
    "check_rows",
    "counts_of",
    "cross_fit_rows",
    "draw_rows",
    "entity_type",
    "find_columns",
    "fingerprint",
    "fold_overlap",
    "join_fields",
    "keep_unlabelled",
    "label_names",
    "labels_of",
    "least_likeness",
    "match_definitions",
    "near_by_keys",
    "near_duplicates",
    "nested_order",
    "open_rows",
    "plain_cell",
    "read_cost_matrix",
    "read_label_definitions",
    "read_predictions",
    "read_rows",
    "read_table",
    "references_of",
    "safe_cell",
    "same_key",
    "source_of",
    "spaced",
    "split_fields",
    "split_rows",
    "strata_of",
    "target_of",
    "whole_characters",
    "write_labels",
    "write_number",
    "write_references",
    "write_tags",
    "write_truth",
    "written_label",
    "written_texts",
    "yaml_pairs",
]
