"""The help of the commands: an overview grouped by what people do, and colour on a terminal."""

import re
import sys
from typing import Any

from typer.core import TyperCommand, TyperGroup

from flows.cli.colour import coloured


def _in_colour(help: str) -> str:
    """The help with its titles, options, names of commands and examples set apart."""
    help = re.sub(r"(?m)^[A-Z][a-z ]+:$|^Usage:", lambda found: _styled(found[0], "bold"), help)
    names = r"(?m)^  (-[\w-]+(?:, -[\w-]+)*|[a-z][\w-]*(?=  +\S))"
    help = re.sub(names, lambda found: f"  {_styled(found[1], 'cyan')}", help)
    return re.sub(r"(?<=Example: )emodal .*", lambda found: _styled(found[0], "cyan"), help)


def _styled(text: str, style: Any) -> str:
    return coloured(text, style, sys.stdout)


class Command(TyperCommand):
    """A command."""

    def get_help(self, ctx: Any) -> str:
        """The help, in colour on a terminal."""
        return _in_colour(super().get_help(ctx))


class Group(TyperGroup):
    """A command that consists of others."""

    def get_help(self, ctx: Any) -> str:
        """The help, in colour on a terminal."""
        return _in_colour(super().get_help(ctx))


class GroupedCommands(Group):
    """Lists the commands below the title of their group (rich_help_panel), with one column of names for all."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group, in the order in which the groups were added."""
        commands: dict[str, Any] = dict(self.commands)
        width = max(map(len, commands))
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in commands.items():
            line = (name.ljust(width), command.get_short_help_str(formatter.width - width - 6))
            groups.setdefault(command.rich_help_panel, []).append(line)
        for group, lines in groups.items():
            with formatter.section(group):
                formatter.write_dl(lines)
