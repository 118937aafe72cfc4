"""What a new user gets wrong: each mistake names the thing, what is allowed, what came, and the next step."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from in_process import Program

#: The command, and what the message must say.
MISTAKES = {
    "wrong path": ("run row.csv", ["row.csv", "rows.csv"]),
    "wrong data set": ("run amazon-review", ["amazon-review", "amazon-reviews"]),
    "folder without files": ("run nothing", ["nothing", "train.csv"]),
    "missing column": ("run rows.csv --label sentimnt", ["'sentimnt'", "'review'", "--label 'sentiment'"]),
    "missing text column": ("check rows.csv --text revue", ["'revue'", "--text 'review'"]),
    "wrong delimiter": ("run rows.csv --delimiter ;", ["one column", "--delimiter"]),
    "empty file": ("run empty.csv", ["empty.csv", "empty"]),
    "one label only": ("run one.csv", ["two different labels", "'p'"]),
    "no label column": ("run texts.csv", ["texts.csv", "--label", "bakeoff label"]),
    "binary file": ("run binary.csv", ["binary.csv", "no text", ".parquet"]),
    "file in place of a folder": ("run rows.csv -o empty.csv", ["--output", "empty.csv is a file"]),
    "folder that cannot be made": ("run rows.csv -o empty.csv/study", ["--output", "empty.csv is a file"]),
    "no study": ("resume nothing", ["study.sqlite", "nothing has none", "Did you mean study?"]),
    "study that is near": ("report studdy", ["studdy is not there", "Did you mean study?"]),
    "folder of studies": ("report .", ["study.sqlite", "Did you mean study?"]),
    "file in place of a study": ("report rows.csv", ["study.sqlite", "rows.csv is a file"]),
    "unknown command": ("runn rows.csv", ["'runn'", "resume", "Did you mean 'run'"]),
    "unknown verb": ("prompt tyr p.yaml", ["'tyr'", "history", "Did you mean 'try'"]),
    "unknown option": ("run rows.csv --sedes 3", ["--sedes", "--seeds", "bakeoff run --help"]),
    "unknown method": ("run rows.csv --method zeroshot", ["'zeroshot'", "few-shot", "'zero-shot'"]),
    "unknown tuning method": ("finetune rows.csv --method prob", ["'prob'", "contrastive", "Did you mean 'probe'?"]),
    "method of the other arm": ("finetune rows.csv --method zero-shot", ["'zero-shot'", "contrastive"]),
    "unknown model": ("run rows.csv --encoder minilm-l7", ["'minilm-l7'", "models minilm-l6, smollm2-135m", "Did you"]),
    "unknown catalogue model": ("models pull minilm", ["'minilm'", "Did you mean 'minilm-l6'?"]),
    "data set among models": ("models pull amazon-reviews", ["data set", "bakeoff data pull amazon-reviews"]),
    "unknown contender": ("ship study --contender zero-shot", ["full minilm", "Did you mean 'zero-shot smollm'?"]),
    "unknown contender to compare": ("compare study full zero", ["'full'", "Did you mean 'full minilm'?"]),
    "budget that none has": (
        "compare study full?minilm zero-shot?smollm --n 7",
        ["meet at 64", "--n 7 came"],
    ),
    "negative seeds": ("run rows.csv --seeds -1", ["--seeds", "at least 1", "'-1' came"]),
    "seeds in words": ("run rows.csv --seeds many", ["--seeds", "whole number", "'many' came"]),
    "negative volume": ("run rows.csv --volume -5", ["--volume", "at least 0"]),
    "unknown choice": ("check rows.csv --task sentiment", ["'sentiment'", "'classification'", "'tagging'"]),
    "broken requirement": ("run rows.csv --require fast", ["'fast'", "p95_ms", "--require 'accuracy>=0.9'"]),
    "requirement in percent": ("run rows.csv --require accuracy>=90", ["between 0 and 1", "accuracy>=0.9"]),
    "broken budgets": ("run rows.csv --budgets 16,many", ["'many'", "--budgets 0,16,64,all"]),
    "broken time limit": ("run rows.csv --time-limit soon", ["'soon'", "--time-limit 12m"]),
    "broken assumption": ("report study --assume volume=many", ["volume", "many", "--assume volume="]),
    "broken prompt file": ("run rows.csv --prompt broken.yaml", ["broken.yaml", "line 2", "bakeoff prompt new"]),
    "missing prompt file": ("prompt diff no.yaml", ["no.yaml", "not there", "bakeoff prompt new"]),
    "missing bundle": ("predict nothing rows.csv", ["nothing", "no bundle", "bakeoff ship"]),
    "nothing to add": ("add study", ["--method", "--encoder"]),
    "sheet that is there": ("label texts.csv --write rows.csv", ["rows.csv", "there already"]),
    "nothing named": ("run", ["DATA", "bakeoff run --help"]),
}


@pytest.fixture
def place(decided_study: Path, small_rows: Path, tmp_path: Path) -> list[str]:
    """Fill the working folder; give what is in it."""
    (tmp_path / "nothing").mkdir()
    (tmp_path / "empty.csv").touch()
    (tmp_path / "one.csv").write_text("review,sentiment\n" + "a longer text,p\n" * 30)
    (tmp_path / "texts.csv").write_text("review\n" + "".join(f"hello world {i}\n" for i in range(50)))
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "broken.yaml").write_text("a: [1, 2\n b: }")
    return sorted(path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_explained_at_60_columns(
    mistake: str, program: Program, place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # lines are broken as on a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    command, words = MISTAKES[mistake]
    # A name with a space is written with a question mark above.
    done = program(*(word.replace("?", " ") for word in command.split()))
    assert done.code == 2, done.out + done.err
    assert "Traceback" not in done.err
    lines = re.sub(r"\x1b\[[0-9;]*m", "", done.err).splitlines()
    assert lines[0].startswith("error:"), done.err
    assert all(len(line) <= 60 or " " not in line.strip() for line in lines), "broken between words alone"
    assert len(lines) > 1, "the next step is missing"
    told = " ".join(" ".join(lines).split())
    for word in words:
        assert word in told, told
    assert sorted(path.name for path in tmp_path.iterdir()) == place, "something was written"


def test_a_mistake_is_one_line_where_no_terminal_is(program: Program, small_rows: Path) -> None:
    done = program("run", small_rows, "--method", "zeroshot")
    assert [line[:7] for line in done.err.splitlines()] == ["error: ", " " * 7]
