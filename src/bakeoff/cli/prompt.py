"""``bakeoff prompt``: design a prompt, try it, see what each change of it did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bakeoff.cli import options

__all__ = ["app"]

app = typer.Typer(
    help="Design a prompt file, try it, and see what each change of it did.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Prompt = Annotated[Path, typer.Argument(metavar="PROMPT", help="A prompt file.", show_default=False)]
_Rows = Annotated[
    str | None, typer.Argument(metavar="[DATA]", help="Rows to draft it from, as for 'run'.", show_default=False)
]
_Version = Annotated[
    str, typer.Argument(metavar="A", help="A prompt file, or a version of it: prompt.yaml@2.", show_default=False)
]
_Other = Annotated[
    str | None, typer.Argument(metavar="[B]", help="Another; else the last version of A tried.", show_default=False)
]
_Budget = Annotated[int, typer.Option("--n", min=1, help="Label budget: how many labelled rows it may use.")]
_Seed = Annotated[int, typer.Option("--seed", min=0, help="Of the split and of the draw; that of the study.")]

_Model = Annotated[
    str | None, typer.Option("--model", help="A name, folder or .gguf file; else the prompt's, or smollm2-135m.")
]
_Shown = Annotated[int, typer.Option("--rows", min=0, help="Most gained and lost rows to print, of each.")]

_Rewriter = Annotated[
    str,
    typer.Option(
        "--rewriter", metavar="SERVER", help="The strong model: http://host:port/v1#model.", show_default=False
    ),
]
_Output = Annotated[Path | None, typer.Option("--output", "-o", help="The file to write; else the prompt file itself.")]
_Rewrites = Annotated[int, typer.Option("--rewrites", min=1, help="Most rewrites to ask for.")]
_Calls = Annotated[int | None, typer.Option("--calls", min=1, help="Most rows to answer with the prompt's model.")]
_ReplyTokens = Annotated[int, typer.Option("--reply-tokens", min=16, help="Most tokens of a rewrite.")]


@app.command("new")
def new(
    context: typer.Context,
    source: _Rows = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("prompt.yaml"),
    sentence: Annotated[
        str | None, typer.Option("--sentence", help="The instruction; without DATA it names the labels, too.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", help="File of label definitions; without DATA also 'a,b,c'.")
    ] = None,
    shots: Annotated[int, typer.Option("--shots", min=0, help="Rows to show as demonstrations.")] = 8,
    n: _Budget = 64,
    seed: _Seed = 0,
    form: Annotated[
        Literal["plain", "chat"], typer.Option("--form", help="Text to continue, or the model's chat format.")
    ] = "plain",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    time: options.Time = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    min_label_rows: options.MinLabelRows = 1,
    rare: options.Rare = "drop",
) -> None:
    """Draft a prompt file from rows, or from a sentence alone."""
    from rich.console import Console

    from bakeoff.cli.prompt_show import drafted_lines
    from bakeoff.workbench.prompt_new import DraftOptions, draft_prompt

    draft = DraftOptions(sentence, labels, shots, n, seed, form)
    done = draft_prompt(output, source, options.data_options(context.params), draft, replaced=force)
    Console(highlight=False).print(drafted_lines(done, source))


@app.command("try")
def try_(
    context: typer.Context,
    prompt: _Prompt,
    source: options.Source,
    n: _Budget = 64,
    seed: _Seed = 0,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="A name, folder, .gguf file or http://host:port/v1#model; else the prompt's, or smollm2-135m.",
        ),
    ] = None,
    against: Annotated[
        int | None, typer.Option("--against", min=1, help="Version to compare with; else the last other one.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Most gained and lost rows to print, of each.")] = 5,
    allow_send: options.AllowSend = None,
    prices: options.PricesFile = None,
    limit: options.Limits = None,
    dtype: options.DataType = "auto",
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    time: options.Time = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    min_label_rows: options.MinLabelRows = 1,
    rare: options.Rare = "drop",
) -> None:
    """Try a prompt on labelled rows inside the budget, compare with the last version, and keep it."""
    from rich.console import Console

    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.prompt_show import tried_lines
    from bakeoff.workbench.prompt_try import TryOptions, try_prompt
    from bakeoff.workbench.sending import server_terms

    console = Console(highlight=False)
    with TerminalWatcher(console) as watcher:
        done = try_prompt(
            prompt,
            source,
            options.data_options(context.params),
            TryOptions(n, seed, model, against, dtype, frozenset(allow_send or ()), server_terms(prices, limit or ())),
            watcher=watcher,
        )
    console.print(tried_lines(done, prompt, source, rows))


@app.command("improve")
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
    force: Annotated[bool, typer.Option("--force", help="Replace another file that is there.")] = False,
    rows: _Shown = 5,
    dtype: options.DataType = "auto",
    text: options.Text = None,
    label: options.Label = None,
    group: options.Group = None,
    time: options.Time = None,
    encoding: options.Encoding = None,
    delimiter: options.Delimiter = None,
    no_header: options.NoHeader = False,
    min_label_rows: options.MinLabelRows = 1,
    rare: options.Rare = "drop",
) -> None:
    """Have a strong model rewrite the instruction, and keep the version that answers most rows it has not seen."""
    from rich.console import Console

    from bakeoff.cli.live import TerminalWatcher
    from bakeoff.cli.prompt_show import improved_lines
    from bakeoff.workbench.options import parse_duration
    from bakeoff.workbench.prompt_improve import ImproveOptions, improve_prompt
    from bakeoff.workbench.sending import server_terms

    seconds, hosts = parse_duration(time_limit) if time_limit else None, frozenset(allow_send or ())
    terms = server_terms(prices, limit or ())
    asked = ImproveOptions(rewriter, n, seed, model, dtype, rewrites, calls, seconds, reply_tokens, hosts, terms)
    console = Console(highlight=False)
    with TerminalWatcher(console) as watcher:
        watcher.kept = "Versions that were scored are kept; replies that came are not asked for again."
        data = options.data_options(context.params)
        done = improve_prompt(prompt, source, data, asked, output=output, replaced=force, watcher=watcher)
    console.print(improved_lines(done, output or prompt, source, rows))


@app.command("history")
def history(prompt: _Prompt) -> None:
    """List every version that was tried, with its score and what it gained and lost."""
    from rich.console import Console

    from bakeoff.cli.prompt_show import history_table
    from bakeoff.workbench.prompt_history import history_folder, known_history

    Console(highlight=False).print(history_table(known_history(prompt), history_folder(prompt)))


@app.command("diff")
def diff(
    one: _Version,
    other: _Other = None,
    rows: _Shown = 5,
) -> None:
    """Show the words that changed between two prompts, and the rows that they answer differently."""
    from rich.console import Console

    from bakeoff.cli.prompt_show import diff_lines
    from bakeoff.workbench.prompt_diff import diff_prompts

    Console(highlight=False).print(diff_lines(diff_prompts(one, other), rows))
