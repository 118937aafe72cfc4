"""``bakeoff prompt``: design a prompt, try it, see what each change of it did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bakeoff.cli import complete, options
from bakeoff.cli.command import Command, Group
from bakeoff.cli.json_output import Given

__all__ = ["app"]

app = typer.Typer(
    help="Design a prompt file, try it, and see what each change of it did.",
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Prompt = Annotated[Path, typer.Argument(metavar="PROMPT", help="A prompt file.", show_default=False)]
_Rows = Annotated[
    str | None, typer.Argument(metavar="DATA", help="Rows to draft it from, as for 'run'.", show_default=False)
]
_Version = Annotated[
    str, typer.Argument(metavar="A", help="A prompt file, or a version of it: prompt.yaml@2.", show_default=False)
]
_Other = Annotated[
    str | None, typer.Argument(metavar="B", help="Another; else the last version of A tried.", show_default=False)
]
_Budget = Annotated[
    int,
    options.option(
        "--n", metavar="ROWS", min=1, help="Label budget: how many labelled rows it may use.", show_default=True
    ),
]
_Seed = Annotated[
    int,
    options.option(
        "--seed", metavar="NUMBER", min=0, help="Of the split and of the draw; that of the study.", show_default=True
    ),
]

_Model = Annotated[
    str | None,
    options.option(
        "--model",
        metavar="MODEL",
        help="A name, folder or .gguf file; else the prompt's, or smollm2-135m.",
        autocompletion=complete.models,
    ),
]
_Shown = Annotated[
    int,
    options.option(
        "--rows", metavar="ROWS", min=0, help="Most gained and lost rows to print, of each.", show_default=True
    ),
]

_Rewriter = Annotated[
    str,
    options.option("--rewriter", metavar="SERVER", help="The strong model: http://host:port/v1#model."),
]
_Output = Annotated[
    Path | None,
    options.option("--output", "-o", metavar="FILE", help="The file to write; else the prompt file itself."),
]
_Rewrites = Annotated[
    int, options.option("--rewrites", metavar="COUNT", min=1, help="Most rewrites to ask for.", show_default=True)
]
_Calls = Annotated[
    int | None, options.option("--calls", metavar="COUNT", min=1, help="Most rows to answer with the prompt's model.")
]
_ReplyTokens = Annotated[
    int, options.option("--reply-tokens", metavar="COUNT", min=16, help="Most tokens of a rewrite.", show_default=True)
]
_Draft = Annotated[Path, options.option("--output", "-o", metavar="FILE", help="The file to write.", show_default=True)]
_Sentence = Annotated[
    str | None,
    options.option("--sentence", metavar="TEXT", help="The instruction; without DATA it names the labels, too."),
]
_Labels = Annotated[
    str | None,
    options.option("--labels", metavar="FILE", help="File of label definitions; without DATA also 'a,b,c'."),
]
_Shots = Annotated[
    int, options.option("--shots", metavar="ROWS", min=0, help="Rows to show as demonstrations.", show_default=True)
]
_Form = Annotated[
    Literal["plain", "chat"] | None,
    options.option(
        "--form",
        metavar="plain|chat",
        help="Text to continue, or the model's chat format; else plain for labels, chat for texts.",
    ),
]
_Force = Annotated[bool, options.option("--force", help="Replace a file that is there.")]
_AnyModel = Annotated[
    str | None,
    options.option(
        "--model",
        metavar="MODEL",
        autocompletion=complete.models,
        help="A name, folder, .gguf file or http://host:port/v1#model; else the prompt's, or smollm2-135m.",
    ),
]
_Against = Annotated[
    int | None,
    options.option("--against", metavar="VERSION", min=1, help="Version to compare with; else the last other one."),
]


@app.command("new", cls=Command, short_help="Draft a prompt file from rows, or from a sentence")
def new(
    context: typer.Context,
    source: _Rows = None,
    output: _Draft = Path("prompt.yaml"),
    sentence: _Sentence = None,
    labels: _Labels = None,
    shots: _Shots = 8,
    n: _Budget = 64,
    seed: _Seed = 0,
    form: _Form = None,
    force: _Force = False,
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    time: options.Time = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    min_label_rows: options.MinLabelRows = 1,
    rare: options.Rare = "drop",
    task: options.TaskKind = "classification",
    as_json: options.Json = False,
) -> None:
    """Draft a prompt file from rows, or from a sentence alone."""
    from bakeoff.cli.prompt_show import drafted_lines
    from bakeoff.workbench.prompt_new import DraftOptions, draft_prompt

    draft = DraftOptions(sentence, labels, shots, n, seed, form)
    done = draft_prompt(output, source, options.data_options(context.params), draft, replaced=force)
    Given("prompt new", as_json).give(
        lambda: {
            "prompt": done.path,
            "instruction": done.prompt.design.instruction,
            "labels": done.prompt.design.labels,
            "labels_from": done.labels_from,
            "demonstrations": len(done.prompt.design.demonstrations),
            "rows": done.counts,
        },
        lambda console: console.print(drafted_lines(done, source)),
    )


@app.command("try", cls=Command, short_help="Measure a prompt on labelled rows, and keep the version")
def try_(
    context: typer.Context,
    prompt: _Prompt,
    source: options.Source,
    n: _Budget = 64,
    seed: _Seed = 0,
    model: _AnyModel = None,
    against: _Against = None,
    rows: _Shown = 5,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
    dtype: options.DataType = "auto",
    metric: options.Metric = None,
    checks: options.ChecksFile = None,
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    time: options.Time = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    min_label_rows: options.MinLabelRows = 1,
    rare: options.Rare = "drop",
    as_json: options.Json = False,
) -> None:
    """Try a prompt on labelled rows inside the budget, compare with the last version, and keep it."""
    from bakeoff.cli.documents import try_document
    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.prompt_show import tried_lines
    from bakeoff.workbench.prompt_try import TryOptions, try_prompt
    from bakeoff.workbench.sending import server_terms

    given, hosts, terms = Given("prompt try", as_json), frozenset(allow_send or ()), server_terms(prices, limit or ())
    with TerminalWatcher(given.console) as watcher:
        done = try_prompt(
            prompt,
            source,
            options.data_options(context.params),
            TryOptions(n, seed, model, against, dtype, hosts, terms, metric, checks),
            watcher=watcher,
        )
    given.give(
        lambda: {"prompt": prompt, **try_document(done)},
        lambda console: console.print(tried_lines(done, prompt, source, rows)),
    )


@app.command("write", cls=Command, short_help="Have a prompt write, by several seeds")
def write(
    prompt: _Prompt,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What stands for a row's text.", show_default=False)] = "",
    seeds: Annotated[
        int, options.option("--seeds", metavar="COUNT", min=1, help="Texts to draw.", show_default=True)
    ] = 3,
    seed: Annotated[
        int, options.option("--seed", metavar="NUMBER", min=0, help="Seed of the first.", show_default=True)
    ] = 0,
    model: _AnyModel = None,
    checks: options.ChecksFile = None,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
    as_json: options.Json = False,
) -> None:
    """Have a prompt whose answer is a text write, once by each seed; no rows are needed."""
    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.prompt_texts import wrote_document, wrote_lines
    from bakeoff.workbench.prompt_write import WriteOptions, write_with
    from bakeoff.workbench.sending import server_terms

    given = Given("prompt write", as_json)
    asked = WriteOptions(model, checks, frozenset(allow_send or ()), server_terms(prices, limit or ()))
    with TerminalWatcher(given.console) as watcher:
        done = write_with(prompt, text, range(seed, seed + seeds), asked, watcher=watcher)
    given.give(lambda: {"prompt": prompt, **wrote_document(done)}, lambda console: console.print(wrote_lines(done)))


@app.command("improve", cls=Command, short_help="Have a strong model rewrite the instruction")
def improve(
    context: typer.Context,
    prompt: _Prompt,
    source: options.Source,
    rewriter: _Rewriter,
    output: _Output = None,
    n: _Budget = 64,
    seed: _Seed = 0,
    model: _Model = None,
    rewrites: _Rewrites = 12,
    calls: _Calls = None,
    reply_tokens: _ReplyTokens = 2048,
    time_limit: options.TimeLimit = None,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
    force: Annotated[bool, options.option("--force", help="Replace another file that is there.")] = False,
    rows: _Shown = 5,
    dtype: options.DataType = "auto",
    metric: options.Metric = None,
    checks: options.ChecksFile = None,
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    time: options.Time = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    min_label_rows: options.MinLabelRows = 1,
    rare: options.Rare = "drop",
    as_json: options.Json = False,
) -> None:
    """Have a strong model rewrite the instruction, and keep the version that answers most rows it has not seen."""
    from bakeoff.cli.documents import improved_document
    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.prompt_show import improved_lines
    from bakeoff.workbench.options import parse_duration
    from bakeoff.workbench.prompt_improve import ImproveOptions, improve_prompt
    from bakeoff.workbench.sending import server_terms

    seconds, terms = parse_duration(time_limit) if time_limit else None, server_terms(prices, limit or ())
    bounds = (rewrites, calls, seconds, reply_tokens, frozenset(allow_send or ()), terms)
    asked = ImproveOptions(rewriter, n, seed, model, dtype, *bounds, metric, checks)
    given, data = Given("prompt improve", as_json), options.data_options(context.params)
    with TerminalWatcher(given.console) as watcher:
        watcher.kept = "Versions that were scored are kept; replies that came are not asked for again."
        done = improve_prompt(prompt, source, data, asked, output=output, replaced=force, watcher=watcher)
    kept = output or prompt
    given.give(lambda: improved_document(done, kept), lambda out: out.print(improved_lines(done, kept, source, rows)))


@app.command("history", cls=Command, short_help="List every version that was tried")
def history(prompt: _Prompt, as_json: options.Json = False) -> None:
    """List every version that was tried, with its score and what it gained and lost."""
    from bakeoff.cli.documents import history_document
    from bakeoff.cli.prompt_show import history_table
    from bakeoff.workbench.prompt_history import history_folder, known_history

    known, folder = known_history(prompt), history_folder(prompt)
    Given("prompt history", as_json).give(
        lambda: history_document(known, folder), lambda console: console.print(history_table(known, folder))
    )


@app.command("diff", cls=Command, short_help="Show what changed between two versions")
def diff(
    one: _Version,
    other: _Other = None,
    rows: _Shown = 5,
    as_json: options.Json = False,
) -> None:
    """Show the words that changed between two prompts, and the rows that they answer differently."""
    from bakeoff.cli.documents import diff_document
    from bakeoff.cli.prompt_show import diff_lines
    from bakeoff.workbench.prompt_diff import diff_prompts

    found = diff_prompts(one, other)
    Given("prompt diff", as_json).give(
        lambda: diff_document(found), lambda console: console.print(diff_lines(found, rows))
    )
