"""A prompt bundle that carries its weights answers where the model cannot be had, and as it did before."""

from __future__ import annotations

import pytest

from bakeoff.methods import loaded
from bakeoff.methods.registry import load_method
from bakeoff.models.decoder import converted_folder
from bakeoff.records import Contender
from bakeoff.ship import BundleFacts, read_bundle, write_bundle

TEXTS = ["love it", "awful", "great sound, bad buy"]


@pytest.mark.models
@pytest.mark.usefixtures("catalogue_cache")
def test_weights_in_the_bundle_answer_as_the_model_that_they_were_made_from(task, tmp_path):
    parameters = {"shots": 0, "calibration": "contextual"}
    method = load_method("zero-shot-calibrated")(task, "smollm2-135m", seed=0, **parameters).fit([], [])
    (tmp_path / "saved").mkdir()
    method.save(tmp_path / "saved")
    files = loaded.model_files("smollm2-135m")
    contender = Contender(
        "zero", "zero-shot-calibrated", "1", "prompt", "smollm2-135m", files.sha256, parameters, False, False
    )
    facts = BundleFacts(contender, task, seed=0, rows=0, fingerprint="f" * 64)
    folder = write_bundle(
        tmp_path / "bundle",
        method_folder=tmp_path / "saved",
        facts=facts,
        card="# Card\n",
        weights=converted_folder(files),
    )
    loaded.decoder.cache_clear()
    loaded.scorer.cache_clear()
    again = read_bundle(folder).load()
    assert again.model == str(folder / "weights")
    assert [(a.value, a.probabilities) for a in again.answer(TEXTS)] == [
        (a.value, a.probabilities) for a in method.answer(TEXTS)
    ]
