"""The command itself, which every other command is added to."""

from __future__ import annotations

from typing import Any

import click
from click.shell_completion import CompletionItem
from click_default_group import DefaultGroup

from pipeline.cli import options
from pipeline.errors import InputError
from pipeline.tomlfile import nearest


class Commands(DefaultGroup):  # type: ignore[misc]  # it comes without types
    """The commands, which complete as well what `build`, the one that is meant without any, takes."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> Any:
        """As it is, but what is still being typed may become any command."""
        if context.resilient_parsing and not arguments:
            return click.Group.parse_args(self, context, arguments)
        return super().parse_args(context, arguments)

    def invoke(self, context: click.Context) -> Any:
        """As it is; a misspelt command, which is taken for an image, is told by the command it is near."""
        try:
            return super().invoke(context)
        except InputError as error:
            word = getattr(context, "arg0", "")
            near = (
                "`stackbuild --help` lists the commands" if word == "help" else nearest(word, self.commands)
            )
            if not near or not any(f"no image '{word}'" in problem.message for problem in error.problems):
                raise
            raise InputError.of(f"no command and no image '{word}'", hint=near) from error

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, the options of `build` and images."""
        build = self.commands["build"]
        inner = click.Context(build, parent=context, info_name="build", resilient_parsing=True)
        found = [*super().shell_complete(context, incomplete), *build.shell_complete(inner, incomplete)]
        if not incomplete.startswith("-"):
            found += [
                CompletionItem(name) for name in options.image_names(inner, build.params[0], incomplete)
            ]
        return list({item.value: item for item in found}.values())


@click.group(
    cls=Commands, default="build", default_if_no_args=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)  # fmt: skip
@click.version_option(package_name="stackbuild", prog_name="stackbuild")
def stackbuild() -> None:
    """Rebuild a tree of container images on another root, and only what has to be rebuilt.

    \b
    stackbuild                              build what is out of date
    stackbuild --changed base-notebook      rebuild one image and all that stand on it
    stackbuild plan --variant gpu           what would be done, and why
    stackbuild graph --tree DIR             who is built on whom, in any folder of Dockerfiles
    stackbuild diff --variant gpu           what the overlays change

    Without a command, `build` is meant. Exit codes: 0 done, 1 a build, probe or publication failed,
    2 the input is wrong, 3 engine or registry do not answer or refuse, 130 interrupted.
    """


cli: click.Group = stackbuild
