"""Writes docs/reference/commands.md: every command with its arguments and options, as the command line itself declares them.

python -m tests.docs.commands
"""

import re
from pathlib import Path
from typing import Any

import typer.main

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
HEAD = """\
# Commands

`wenv COMMAND --help` says the same. Commands that report take `--json`; `wenv --install-completion` sets up Tab completion.
"""


def page() -> str:
    """The page's text."""
    from wenv.cli.main import complete_app

    parts = [HEAD]
    root = typer.main.get_command(complete_app())
    context = root.context_class(root, info_name="wenv")
    commands: dict[str, Any] = root.commands  # type: ignore[attr-defined]
    parts += [_described(commands[name], name, context) for name in sorted(commands)]
    return "\n".join(parts)


def _described(command: Any, name: str, above: Any, level: int = 2) -> str:
    context = command.context_class(command, parent=above, info_name=name)
    if hasattr(command, "commands"):
        inner = [_described(command.commands[each], each, context, level + 1) for each in sorted(command.commands)]
        return "\n".join([f"{'#' * level} `{context.command_path}`\n", _text(command.help or ""), *inner])
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f"{'#' * level} `{context.command_path}`\n", f"    {context.command_path} {usage}\n", _text(command.help or "")]
    rows = [row for parameter in command.params if (row := _row(parameter))]
    if rows:
        parts.append("\n".join(["| | |", "| --- | --- |", *rows]) + "\n")
    return "\n".join(parts)


def _row(parameter: Any) -> str:
    text = getattr(parameter, "help", None)
    if getattr(parameter, "hidden", False) or not text:
        return ""
    names = ", ".join(f"`{name}`" for name in sorted(parameter.opts, key=len, reverse=True))
    shown = getattr(parameter, "metavar", None)
    if parameter.param_type_name == "argument":
        names = f"`{shown or parameter.human_readable_name}`"
    elif hasattr(parameter.type, "choices"):
        names += f" `{'|'.join(str(getattr(choice, 'value', choice)) for choice in parameter.type.choices)}`"
    elif shown:
        names += f" `{shown}`"
    cell = " ".join(_plain(text).split()).replace("|", "\\|")
    return f"| {names.replace('|', chr(92) + '|')} | {cell} |"


def _plain(text: str) -> str:
    """A text without rich's markup."""
    return re.sub(r"\[/?(bold|dim|cyan|)\]", "", text).replace("\\[", "[")


def _text(text: str) -> str:
    """A command's help as Markdown: its examples as code."""
    before, _, examples = text.replace("\b", "").partition("[bold]Examples[/]")
    lines = [line for line in _plain(examples).splitlines() if line.strip()]
    shown = "```text\n" + "\n".join(line.strip() for line in lines) + "\n```\n" if lines else ""
    paragraphs = [" ".join(part.split()) for part in _plain(before).split("\n\n") if part.strip()]
    return "\n\n".join(paragraphs) + "\n\n" + shown


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8", newline="\n")
