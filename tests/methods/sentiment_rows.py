"""One small task for all prompted methods: two labels, rows that are easily told, the small real decoder."""

from __future__ import annotations

from bakeoff.tasks import classification_task
from bakeoff.testing import text_rows

MODEL = "smollm2-135m"
TASK = classification_task(name="sentiment", labels=("negative", "positive"), metric="accuracy")
TEXTS, LABELS = text_rows(16)
UNSEEN = ["The lens is superb, I am happy.", "A waste of money, it broke.", "Lovely sound.", "Awful, awful support."]
RIGHT = ["positive", "negative", "positive", "negative"]
