"""Examples of every command, which its help shows; a test has the parser read each of them."""

from __future__ import annotations

__all__ = ["EXAMPLES"]

#: By the command as it is typed after ``bakeoff``: what an example does, and the example.
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        ("What is in the file, before anything runs", "bakeoff check reviews.csv"),
        ("Which way is better on these rows", "bakeoff run reviews.csv --time-limit 12m"),
        ("Answer new rows with the winner", "bakeoff predict STUDY/bundle new.csv -o answers.csv"),
    ),
    "demo": (
        ("Real reviews, to a verdict in six minutes", "bakeoff demo"),
        ("Keep the study in a folder of that name", "bakeoff demo -o my-first-study"),
    ),
    "run": (
        ("Columns are found; twelve minutes at most", "bakeoff run reviews.csv --time-limit 12m"),
        (
            "Name the columns, and set hard limits",
            "bakeoff run reviews.csv --text review --label sentiment --require 'accuracy>=0.9' --require 'p95_ms<=50'",
        ),
        (
            "Two methods alone, with 64 and all labelled rows",
            "bakeoff run amazon-reviews --method probe --method few-shot --budgets 64,all",
        ),
        (
            "Today's system among the contenders; JSON for a program",
            "bakeoff run tickets.csv --predictions today.csv --json",
        ),
    ),
    "resume": (
        ("Go on where it was stopped", "bakeoff resume bakeoff-studies/reviews"),
        ("Give it twenty more minutes", "bakeoff resume bakeoff-studies/reviews --time-limit 20m"),
        ("All that was left out when it was decided", "bakeoff resume bakeoff-studies/reviews --until measured"),
        ("Go on with it on a Ray cluster", "bakeoff resume bakeoff-studies/reviews --on ray"),
    ),
    "add": (
        ("A further method on the study's models", "bakeoff add bakeoff-studies/reviews --method contrastive"),
        ("A prompt of yours, against what was measured", "bakeoff add bakeoff-studies/reviews --prompt prompt.yaml"),
        ("More labelled rows to learn from", "bakeoff add bakeoff-studies/reviews --rows more.csv"),
        ("A further model to prompt", "bakeoff add bakeoff-studies/reviews --prompt-model models/qwen.gguf"),
    ),
    "report": (
        ("Card and files again, from the records", "bakeoff report bakeoff-studies/reviews"),
        ("Decide again with another price", "bakeoff report bakeoff-studies/reviews --assume hour_cost=80"),
        ("Rows by their ids alone", "bakeoff report bakeoff-studies/reviews --no-texts"),
    ),
    "compare": (
        (
            "Two contenders of a study",
            "bakeoff compare bakeoff-studies/reviews 'full minilm-l6' 'few-shot smollm2-135m'",
        ),
        ("At another label budget", "bakeoff compare bakeoff-studies/reviews tfidf 'probe minilm-l6' --n 64"),
        ("Two files of answers, against labelled rows", "bakeoff compare labelled.csv old-answers.csv new-answers.csv"),
    ),
    "adjudicate": (
        ("Settle rows one by one", "bakeoff adjudicate bakeoff-studies/reviews --rows 20"),
        ("Or in a table", "bakeoff adjudicate bakeoff-studies/reviews --write sheet.csv"),
        ("Then take its labels", "bakeoff adjudicate bakeoff-studies/reviews --read sheet.csv"),
    ),
    "rate": (
        ("Rate twenty rows, blind", "bakeoff rate bakeoff-studies/poems --rows 20"),
        ("The wins so far, for a program", "bakeoff rate bakeoff-studies/poems --json"),
    ),
    "check": (
        ("Columns are found", "bakeoff check reviews.csv"),
        (
            "Name them, and keep a customer's rows together",
            "bakeoff check reviews.csv --text title --text review --label stars --group customer",
        ),
        ("As JSON, for a program", "bakeoff check reviews.tsv --json"),
    ),
    "advise": (
        ("What to expect, in seconds", "bakeoff advise reviews.csv"),
        ("For a volume and a limit of yours", "bakeoff advise reviews.csv --volume 2000000 --require 'p95_ms<=50'"),
    ),
    "label": (
        ("A sheet of 200 texts to label by hand", "bakeoff label mails.csv --write sheet.csv"),
        ("A larger one, of another column", "bakeoff label mails.csv --write sheet.csv --rows 500 --text body"),
    ),
    "finetune": (
        ("All weights of an encoder, to a bundle", "bakeoff finetune reviews.csv -o bundle"),
        (
            "Another method, with a setting and 500 rows",
            "bakeoff finetune reviews.csv --method lora --set learning_rate=2e-4 -n 500",
        ),
        ("Try 20 settings inside the labelled rows first", "bakeoff finetune reviews.csv --tune 20"),
        ("Go on with new rows", "bakeoff finetune more.csv --continue bundle -o bundle-2"),
    ),
    "prompt": (
        ("Draft a prompt from rows", "bakeoff prompt new reviews.csv -o prompt.yaml"),
        ("Try it on labelled rows", "bakeoff prompt try prompt.yaml reviews.csv"),
        ("What the last change did", "bakeoff prompt diff prompt.yaml"),
    ),
    "prompt new": (
        ("From rows", "bakeoff prompt new reviews.csv -o prompt.yaml"),
        ("From a sentence alone", "bakeoff prompt new --sentence 'Is this review positive or negative?'"),
        ("Without demonstrations", "bakeoff prompt new reviews.csv --shots 0 --force"),
    ),
    "prompt try": (
        ("With the small model of the catalogue", "bakeoff prompt try prompt.yaml reviews.csv"),
        (
            "With a model on a server of this machine",
            "bakeoff prompt try prompt.yaml reviews.csv --model http://localhost:8080/v1#qwen",
        ),
        ("On 200 labelled rows, against version 2", "bakeoff prompt try prompt.yaml reviews.csv --n 200 --against 2"),
    ),
    "prompt write": (
        ("Three texts, from a sentence alone", "bakeoff prompt write harbour.yaml"),
        (
            "Another seed, with something for a source",
            "bakeoff prompt write sums.yaml 'A report' --seeds 1 --seed 7",
        ),
    ),
    "prompt improve": (
        (
            "A strong model rewrites the instruction",
            "bakeoff prompt improve prompt.yaml reviews.csv --rewriter http://localhost:8080/v1#big",
        ),
        (
            "To another file, within ten minutes",
            "bakeoff prompt improve prompt.yaml reviews.csv --rewriter http://localhost:8080/v1#big -o better.yaml "
            "--time-limit 10m",
        ),
    ),
    "prompt history": (
        ("Every version, with its score", "bakeoff prompt history prompt.yaml"),
        ("As JSON, for a program", "bakeoff prompt history prompt.yaml --json"),
    ),
    "prompt diff": (
        ("The file as it stands against the last version tried", "bakeoff prompt diff prompt.yaml"),
        ("Two versions", "bakeoff prompt diff prompt.yaml@1 prompt.yaml@3 --rows 10"),
    ),
    "track": (
        (
            "To a server on this machine; again, after more has run",
            "bakeoff track bakeoff-studies/reviews --mlflow http://localhost:5000",
        ),
        (
            "Into a file, in an experiment of its own",
            "bakeoff track bakeoff-studies/reviews --mlflow sqlite:///mlflow.db --experiment reviews",
        ),
    ),
    "ship": (
        ("The contender that was chosen", "bakeoff ship bakeoff-studies/reviews"),
        (
            "Another one, to a folder of yours",
            "bakeoff ship bakeoff-studies/reviews --contender 'probe minilm-l6' -o probe-bundle",
        ),
    ),
    "predict": (
        ("Answers beside the columns of the file", "bakeoff predict bundle new.csv -o answers.csv"),
        ("With a column of probabilities for each label", "bakeoff predict bundle new.csv --probabilities"),
        ("Anew, where an interrupted run left answers", "bakeoff predict bundle new.csv -o answers.csv --restart"),
        ("A summary as JSON, for a program", "bakeoff predict bundle new.jsonl -o answers.jsonl --json"),
    ),
    "watch": (
        ("What has shifted since the study", "bakeoff watch bakeoff-studies/reviews/bundle new.csv"),
        (
            "And 50 rows to label, drawn at random",
            "bakeoff watch bakeoff-studies/reviews/bundle new.csv --audit 50",
        ),
        (
            "Whether to decide again, by their labels",
            "bakeoff watch bakeoff-studies/reviews/bundle new.csv --labelled new.audit.csv",
        ),
        ("A loss of ten points is what matters", "bakeoff watch bundle labelled.csv --loss 10 --json"),
    ),
    "export": (
        ("As an ONNX model, beside its study", "bakeoff export bakeoff-studies/reviews/bundle --onnx exported"),
        ("For transformers, with a model card", "bakeoff export bundle --hugging-face reviews-model"),
        (
            "One of 8-bit integers too, its loss on labelled rows",
            "bakeoff export bundle --onnx exported --int8 --rows held-out.csv --label sentiment",
        ),
    ),
    "serve": (
        ("On this machine, port 8000", "bakeoff serve bakeoff-studies/reviews/bundle"),
        (
            "For other machines, with a key",
            "bakeoff serve bundle --host 0.0.0.0 --key-file key.txt",
        ),
        ("For a program: a free port, told as JSON", "bakeoff serve bundle --port 0 --quiet --json"),
    ),
    "ui": (
        ("The studies of bakeoff-studies, in the browser", "bakeoff ui"),
        ("Another folder, on a port of yours", "bakeoff ui studies --port 8800 --no-browser"),
    ),
    "models": (
        ("What there is, and what is here", "bakeoff models"),
        ("Fetch one", "bakeoff models pull minilm-l6"),
    ),
    "models pull": (
        ("An encoder to fine-tune", "bakeoff models pull minilm-l6"),
        ("A decoder to prompt", "bakeoff models pull smollm2-135m"),
    ),
    "data": (
        ("What there is, and what is here", "bakeoff data"),
        ("Fetch one", "bakeoff data pull amazon-reviews"),
    ),
    "data pull": (
        ("Real reviews, rated by people", "bakeoff data pull amazon-reviews"),
        ("As JSON, for a program", "bakeoff data pull amazon-reviews --json"),
    ),
}
