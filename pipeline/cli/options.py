"""Options and arguments that several commands share, and how commands print JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click
from click.shell_completion import CompletionItem

from pipeline.adapters.terminal import is_utf8, put
from pipeline.errors import StackbuildError
from pipeline.run.project import Project, open_project, overlay_folder

if TYPE_CHECKING:
    from pipeline.run.building import Built

F = TypeVar("F", bound=Callable[..., Any])
# as many runs as `history` lists
MOST_RUNS = 20


def _found(context: click.Context, names: Callable[[Project], Iterable[str]], incomplete: str) -> list[str]:
    """The names of a project that begin like this; none where there is no project, or a broken one."""
    try:
        project = open_project(context.params.get("file") or "", context.params.get("tree") or "")
    except StackbuildError:
        return []
    return [name for name in sorted(names(project)) if name.startswith(incomplete)]


def image_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of an image."""
    return _found(context, lambda project: project.tree.images, incomplete)


def variant_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of a variant."""
    return _found(context, lambda project: project.config.variant_names, incomplete)


def overlay_names(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the name of an overlay."""
    return _found(
        context,
        lambda project: (path.stem for path in overlay_folder(project).glob("*.toml")),
        incomplete,
    )


def run_numbers(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the number of one of the last runs."""
    from pipeline.run import history as past  # noqa: PLC0415 (docker is slow to import)

    try:
        found = past.runs(context.params.get("file") or "", context.params.get("tree") or "", MOST_RUNS)
    except StackbuildError:
        return []
    return [str(run.number) for run in found if str(run.number).startswith(incomplete)]


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete the path of a file."""
    return [CompletionItem(incomplete, type="file")]


def folders(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete the path of a folder."""
    return [CompletionItem(incomplete, type="dir")]


def stacked(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    """One decorator that stands for several."""

    def decorate(function: F) -> F:
        decorated: Any = function
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        return cast("F", decorated)

    return decorate


place = stacked(
    click.option(
        "-f", "file", metavar="FILE", shell_complete=files,
        help="The stacks.toml to use (default: the nearest one).",
    ),
    click.option(
        "--tree", metavar="DIR", shell_complete=folders,
        help="A folder of Dockerfiles to take instead of a stacks.toml.",
    ),
)  # fmt: skip
variant = stacked(
    click.option(
        "--variant", "-V", "variants", multiple=True, metavar="V", shell_complete=variant_names,
        help="A variant of stacks.toml; may be given again (default: all).",
    ),
    click.option(
        "--overlay", "-O", "overlays", multiple=True, metavar="O", shell_complete=overlay_names,
        help="A further overlay, by name or path; may be given again.",
    ),
)  # fmt: skip
format_ = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="For people, or for machines.",
)
registry = click.option(
    "--registry", metavar="PREFIX", envvar="STACKBUILD_REGISTRY", show_envvar=True,
    help="The registry to push to, instead of the one in stacks.toml.",
)  # fmt: skip
changed = click.option(
    "--changed", multiple=True, metavar="IMAGE", shell_complete=image_names,
    help="Take IMAGE as changed: rebuild it and its descendants, and only those.",
)  # fmt: skip
jobs = click.option(
    "--jobs", "-j", type=click.IntRange(min=1), metavar="N", help="How much runs at once (default: by cores)."
)
probing = stacked(
    click.option(
        "--smoke", type=click.Choice(["auto", "always", "off"]), default="auto",
        help="Probe what no verdict stands for, all of it anew, or nothing.",
    ),
    click.option(
        "--gpu", type=click.Choice(["auto", "require", "off"]), default="auto",
        help="Where no GPU is seen: go on in doubt, fail, or do not even look.",
    ),
    click.option(
        "--junit", metavar="FILE", type=click.Path(dir_okay=False),
        help="Write the verdicts as JUnit XML; what is in doubt counts as skipped there.",
    ),
)  # fmt: skip
images = click.argument("images", nargs=-1, metavar="[IMAGE]...", shell_complete=image_names)
selection = stacked(
    changed,
    click.option(
        "--changed-since", metavar="REV",
        help="Only images whose inputs differ from git REV, and what stands on them.",
    ),
    click.option("--leaves", is_flag=True, help="Of what is asked for, only what nothing is built on."),
    click.option(
        "--ancestors-only", is_flag=True, help="Not what is asked for, but all that it stands on."
    ),
    click.option(
        "--locked", is_flag=True,
        help="Go by stacks.lock as it is: look up no ref and no root, and fetch no tree.",
    ),
)  # fmt: skip


def put_json(value: object) -> None:
    """Print a value on standard output, in letters that it can take."""
    put(json.dumps(value, indent=2, ensure_ascii=not is_utf8(sys.stdout)))


def end(built: Built) -> NoReturn:
    """End as a run has ended; what it has come to is given by now, also where something cut it short."""
    if built.done.cut:
        raise built.done.cut
    sys.exit(built.exit_code)
