"""lm-evaluation-harness as `benchmarks/scoring.py` asks it, in the harness's own environment.

    python benchmarks/scoring_peer.py MODEL_FOLDER DTYPE

Each line of the standard input is a request: contexts, continuations and a batch size. Each line of the output is the
answer: the log-probability of every continuation after every context, and the seconds that the harness took.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def main() -> None:
    # What the harness prints must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    folder, dtype = sys.argv[1:3]
    model: Any = HFLM(pretrained=folder, dtype=dtype, device="cpu", batch_size=1)
    for line in sys.stdin:
        asked = json.loads(line)
        model.batch_size_per_gpu = asked["batch"]
        pairs = [(context, label) for context in asked["contexts"] for label in asked["continuations"]]
        requests = [
            Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=number)
            for number, pair in enumerate(pairs)
        ]
        began = time.perf_counter()
        found = model.loglikelihood(requests, disable_tqdm=True)
        seconds = time.perf_counter() - began
        width = len(asked["continuations"])
        values = [float(value) for value, _ in found]
        rows = [values[start : start + width] for start in range(0, len(values), width)]
        answers.write(json.dumps({"seconds": seconds, "log_probabilities": rows}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
