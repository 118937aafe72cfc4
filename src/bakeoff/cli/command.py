"""How a command shows its help: options under headings, in plain words, and examples that work."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable
from typing import Any

from typer.core import TyperCommand, TyperGroup

from bakeoff.cli.examples import EXAMPLES
from bakeoff.errors import OptionError

__all__ = ["Command", "Group"]

_INDENT = 2
#: Columns of what stands on the left of a list.
_LEFT = 27
_OPTIONS, _COMMANDS = "Options", "Commands"
#: What every command has stands last, where there are headings.
_LAST = ("--json", "--help")


class Command(TyperCommand):
    """A command whose help lists options under their headings, and ends with examples."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed; for a completion, without judging values: that would load a library for each Tab."""
        if not ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        ctx.args = _read_unjudged(self, ctx, args)
        return list(ctx.args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Give what follows the command's name in its usage."""
        return [*_usage(self, ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options."""
        _write_parameters(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write examples."""
        _write_examples(ctx, formatter)


class Group(TyperGroup):
    """A group of commands whose help lists them by purpose, and ends with examples."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed; for a completion, without judging values."""
        if not ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        left = _read_unjudged(self, ctx, args)
        # The parser keeps the command that comes apart from its arguments.
        ctx._protected_args, ctx.args = left[:1], left[1:]
        return list(ctx.args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Give what follows the group's name in its usage."""
        return [*_usage(self, ctx), self.subcommand_metavar]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that was typed, or say which there are, and which of them is near."""
        typed = args[0] if args else ""
        if not ctx.resilient_parsing and self.get_command(ctx, typed) is None and not typed.startswith("-"):
            near = difflib.get_close_matches(typed, self.commands, n=2)
            see = f"{ctx.command_path} --help"
            raise OptionError(
                f"A command of {ctx.command_path} is one of {', '.join(self.list_commands(ctx))}; {typed!r} came.",
                next_step=f"Did you mean {' or '.join(map(repr, near))}? See: {see}" if near else f"See: {see}",
            )
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands by purpose, then the options."""
        by_panel: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                panel = str(getattr(command, "rich_help_panel", None) or _COMMANDS)
                told = command.short_help or (command.help or "").partition("\n")[0]
                by_panel.setdefault(panel, []).append((name, told))
        for panel, rows in by_panel.items():
            _write_list(formatter, panel, rows, left=max(map(len, self.commands)) + 2)
        _write_parameters(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write examples."""
        _write_examples(ctx, formatter)


def _read_unjudged(command: Any, ctx: Any, args: list[str]) -> list[str]:
    """Give a context the values that were typed as they are, and return what is left of the arguments."""
    # An option whose value is being typed has none yet.
    given = args[:-1] if args and args[-1].startswith("-") else list(args)
    parser = command.make_parser(ctx)
    values, left, _order = parser.parse_args(args=given)
    # By these the completion knows an option from a value.
    ctx._opt_prefixes.update(parser._opt_prefixes)
    for parameter in command.get_params(ctx):
        value, source = parameter.consume_value(ctx, values)
        ctx.params[parameter.name] = value
        ctx.set_parameter_source(parameter.name, source)
    return list(left)


def _usage(command: Any, ctx: Any) -> Iterable[str]:
    yield command.options_metavar
    for parameter in command.get_params(ctx):
        if parameter.param_type_name == "argument":
            name = _argument(parameter)
            yield name if parameter.required else f"[{name}]"


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).strip("[]")


def _write_parameters(command: Any, ctx: Any, formatter: Any) -> None:
    arguments: list[tuple[str, str]] = []
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        told = _plain(record[1])
        if parameter.param_type_name == "argument":
            arguments.append((_argument(parameter), told))
        else:
            panel = getattr(parameter, "rich_help_panel", None) or _OPTIONS
            panels.setdefault(panel, []).append((record[0], told))
    general = panels.pop(_OPTIONS, [])
    last = [row for row in general if panels and row[0] in _LAST]
    _write_list(formatter, "Arguments", arguments)
    _write_list(formatter, _OPTIONS, [row for row in general if row not in last])
    for panel, rows in panels.items():
        _write_list(formatter, panel, rows)
    _write_list(formatter, "Other options", last)


def _plain(told: str) -> str:
    """Say what stands in brackets after a help text in plain words."""
    text, _, extra = told.rpartition("  [")
    if not extra.endswith("]"):
        return told
    facts = []
    for fact in extra[:-1].split("; "):
        least, most = re.fullmatch(r"x>=(\S+)", fact), re.fullmatch(r"(\S+)<=x<=(\S+)", fact)
        if least:
            facts.append(f"at least {least[1]}")
        elif most:
            facts.append(f"{most[1]} to {most[2]}")
        elif fact != "required":
            facts.append(fact.replace("default: ", "default "))
    return f"{text or ''} ({'; '.join(facts)})".strip() if facts else text


def _write_list(formatter: Any, heading: str, rows: list[tuple[str, str]], left: int = _LEFT) -> None:
    if not rows:
        return
    formatter.write(f"\n{heading}:\n")
    room = formatter.width - _INDENT - left
    for name, told in rows:
        lines = textwrap.wrap(told, room, break_long_words=False, break_on_hyphens=False) or [""]
        first = " " * _INDENT + name
        if len(name) + 2 > left:
            formatter.write(first + "\n")
            first = ""
        formatter.write(f"{first:<{_INDENT + left}}{lines[0]}\n")
        for line in lines[1:]:
            formatter.write(f"{'':<{_INDENT + left}}{line}\n")


def _write_examples(ctx: Any, formatter: Any) -> None:
    examples = EXAMPLES.get(ctx.command_path.partition("bakeoff")[2].strip(), ())
    if examples:
        formatter.write("\nExamples:\n")
    for number, (what, line) in enumerate(examples):
        if number:
            formatter.write("\n")
        formatter.write(f"  # {what}\n")
        formatter.write("  " + " \\\n      ".join(_filled(line, formatter.width - 4)) + "\n")


def _filled(line: str, width: int) -> list[str]:
    """Break a command into lines, where an option and its value stay together."""
    lines = [""]
    for word in re.findall(r"(?:-\S+ (?!-))?(?:'[^']*'|\S)+", line):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width - 2:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
