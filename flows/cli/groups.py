"""The overview of the commands, grouped by what people do."""

from typing import Any

from typer.core import TyperGroup


class GroupedCommands(TyperGroup):
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
