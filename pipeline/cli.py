"""The command line: translates, and does not think."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

import click
from click.shell_completion import CompletionItem
from click_default_group import DefaultGroup

from pipeline import show
from pipeline.adapters import pools
from pipeline.adapters.terminal import complain, crashed, is_utf8, paint_for, put, put_file, say
from pipeline.drawing import svg
from pipeline.errors import InputError, InterruptedRunError, StackbuildError
from pipeline.run.project import Project, View, open_project, views

F = TypeVar("F", bound=Callable[..., Any])
INTERRUPTED = InterruptedRunError.exit_code


def _found(context: click.Context, names: Callable[[Project], Iterable[str]], incomplete: str) -> list[str]:
    """The names of a project that begin like this; none where there is no project, or a broken one."""
    try:
        project = open_project(context.params.get("file") or "", context.params.get("tree") or "")
    except StackbuildError:
        return []
    return [name for name in sorted(names(project)) if name.startswith(incomplete)]


def _images(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    return _found(context, lambda project: project.tree.images, incomplete)


def _variants(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    return _found(context, lambda project: project.config.variant_names, incomplete)


def _stack(*decorators: Callable[[Any], Any]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        decorated: Any = function
        for decorator in reversed(decorators):
            decorated = decorator(decorated)
        return cast("F", decorated)

    return decorate


_place = _stack(
    click.option("-f", "file", metavar="FILE", help="The stacks.toml to use (default: the nearest one)."),
    click.option("--tree", metavar="DIR", help="A folder of Dockerfiles to take instead of a stacks.toml."),
)
_variant = _stack(
    click.option(
        "--variant", "-V", "variants", multiple=True, metavar="V", shell_complete=_variants,
        help="A variant of stacks.toml; may be given again (default: all).",
    ),
    click.option(
        "--overlay", "-O", "overlays", multiple=True, metavar="O",
        help="A further overlay, by name or path; may be given again.",
    ),
)  # fmt: skip
_format = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="For people, or for machines.",
)
_registry = click.option(
    "--registry", metavar="PREFIX", envvar="STACKBUILD_REGISTRY", show_envvar=True,
    help="The registry to push to, instead of the one in stacks.toml.",
)  # fmt: skip
_changed = click.option(
    "--changed", multiple=True, metavar="IMAGE", shell_complete=_images,
    help="Take IMAGE as changed: rebuild it and its descendants, and only those.",
)  # fmt: skip
_names = click.argument("images", nargs=-1, metavar="[IMAGE]...", shell_complete=_images)


class Commands(DefaultGroup):  # type: ignore[misc]  # it comes without types
    """The commands, which complete as well what `build`, the one that is meant without any, takes."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> Any:
        """As it is, but what is still being typed may become any command."""
        if context.resilient_parsing and not arguments:
            return click.Group.parse_args(self, context, arguments)
        return super().parse_args(context, arguments)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, the options of `build` and images."""
        inner = click.Context(build, parent=context, info_name="build", resilient_parsing=True)
        found = [*super().shell_complete(context, incomplete), *build.shell_complete(inner, incomplete)]
        if not incomplete.startswith("-"):
            found += [CompletionItem(name) for name in _images(inner, build.params[0], incomplete)]
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


@cli.command()
@_names
@_changed
@_place
@_variant
@_registry
@click.option(
    "--jobs", "-j", type=click.IntRange(min=1), metavar="N", help="How much runs at once (default: by cores)."
)
@click.option("--dry-run", "-n", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--no-cache", is_flag=True, help="Let BuildKit reuse no layer in what is built.")
@click.option("--fail-fast", is_flag=True, help="Start nothing more once something has failed.")
@click.option(
    "--gpu",
    type=click.Choice(["auto", "require", "off"]),
    default="auto",
    help="What to do about GPU probes.",
)
@click.option("--publish", is_flag=True, help="Move the names people pull to what has passed.")
@click.option("--allow-unsmoked", is_flag=True, help="With --publish: name what no probe could judge, too.")
@_format
def build(form: str, **asked: Any) -> None:
    """Build what is out of date, probe it, and with --publish give it names.

    \b
    stackbuild                               all variants, all images
    stackbuild scipy-notebook -V gpu         one image, and the ancestors it needs
    stackbuild --changed base-notebook -n    what a change of base-notebook would rebuild
    stackbuild --publish -j 4                push, and move the names that passed
    """
    from pipeline.run.building import Asked, run_build  # noqa: PLC0415 (docker is slow to import)

    asked["jobs"] = asked["jobs"] or pools.default_jobs()
    done = run_build(Asked(**asked))
    if form == "json":
        _print_json(done.to_json())
    elif asked["dry_run"]:
        put(done.planned.text(paint_for(sys.stdout)))
    sys.exit(done.exit_code)


@cli.command()
@_names
@_changed
@_place
@_variant
@_registry
@_format
def plan(form: str, **asked: Any) -> None:
    """Say what a build would do about each image, and why; nothing is changed.

    \b
    stackbuild plan
    stackbuild plan --changed minimal-notebook --variant cpu
    stackbuild plan --format json | jq '.variants.gpu.images'
    """
    from pipeline.run.building import Asked, run_plan  # noqa: PLC0415 (docker is slow to import)

    found = run_plan(Asked(jobs=1, **asked))
    if form == "json":
        _print_json(found.to_json())
    else:
        put(found.text(paint_for(sys.stdout)))


def _one_view(
    file: str | None, tree: str | None, variants: tuple[str, ...], overlays: tuple[str, ...]
) -> View:
    project = open_project(file or "", tree or "")
    names = variants or project.config.variant_names[:1]
    if len(names) > 1:
        raise InputError.of("one variant at a time", hint="give --variant once")
    return views(project, names, overlays)[0]


@cli.command()
@_place
@_variant
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "dot", "mermaid", "svg"]), default="text",
    help="A text tree, JSON, a drawing for graphviz or mermaid, or the drawing itself.",
)  # fmt: skip
@click.option(
    "--descendants", metavar="IMAGE", shell_complete=_images, help="Only IMAGE and what stands on it."
)
@click.option(
    "--ancestors", metavar="IMAGE", shell_complete=_images, help="Only IMAGE and what it stands on."
)
@click.option("--leaves", is_flag=True, help="Only the names of the images that nothing is built on.")
def graph(form: str, descendants: str | None, ancestors: str | None, leaves: bool, **place: Any) -> None:
    """Show who is built on whom; needs no engine, no network and no stacks.toml.

    \b
    stackbuild graph --tree docker-stacks/images
    stackbuild graph --descendants scipy-notebook --format json
    stackbuild graph --format svg > stack.svg
    """
    view = _one_view(**place)
    names = frozenset(view.graph.nodes)
    if descendants:
        names &= view.graph.descendants([descendants])
    if ancestors:
        names &= view.graph.ancestors([ancestors])
    if leaves:
        names &= frozenset(view.graph.leaves())
    for source in view.tree.sources.values():
        for path in source.left_out:
            say(f"left out: {source.root}/{path}")
    if form == "json":
        _print_json(show.graph_json(view.graph, names, view.tree))
    elif leaves and form == "text":
        put("\n".join(name for name in view.graph.order if name in names))
    else:
        draw = {"text": show.graph_text, "dot": show.graph_dot, "mermaid": show.graph_mermaid, "svg": svg}[
            form
        ]
        put(draw(view.graph, names))


@cli.command()
@click.argument("image", shell_complete=_images, required=False)
@_place
@_variant
def render(image: str | None, **place: Any) -> None:
    """Print an image's Dockerfile as it will be built, after overlays.

    \b
    stackbuild render tensorflow-notebook --variant gpu
    """
    view = _one_view(**place)
    if image is None:
        if len(view.tree.images) > 1:
            raise InputError.of("which image?", hint=f"one of {', '.join(sorted(view.tree.images))}")
        image = next(iter(view.tree.images))
    text = view.tree.image(image).dockerfile.text
    put_file(text)


@cli.command()
@_names
@_place
@_variant
@_format
def diff(images: tuple[str, ...], form: str, file: str | None, tree: str | None, **chosen: Any) -> None:
    """Show what overlays change, as a diff that `git apply` takes; the edits' matches go to stderr.

    \b
    stackbuild diff --variant gpu
    stackbuild diff --overlay cuda-12 tensorflow-notebook
    """
    project: Project = open_project(file or "", tree or "")
    found = views(project, chosen["variants"], chosen["overlays"])
    for name in images:
        project.tree.image(name)
    names = images or tuple(project.tree.images)
    paint = paint_for(sys.stdout)
    data: dict[str, Any] = {}
    for view in found:
        text = show.differences(project.tree, view.tree, names)
        matches = [match for match in view.matches if match.image in names]
        data[view.variant.name] = {
            "diff": text,
            "edits": [
                {"overlay": m.overlay, "edit": str(m.edit), "image": m.image, "where": m.where}
                for m in matches
            ],
        }
        if form == "text":
            _print_diff(text, paint)
            say(f"variant {view.variant.name}: {show.counted(len(matches), 'edit')}")
            if matches:
                say(show.matches_text(matches))
    if form == "json":
        _print_json({"variants": data})


def _print_diff(text: str, paint: show.Paint) -> None:
    colours = {"+": "green", "-": "red", "@": "cyan"}
    if paint is show.plain:
        put_file(text)
        return
    for line in text.split("\n")[:-1]:
        heading = line.startswith(("+++", "---", "diff "))
        put(line if heading or line[:1] not in colours else paint(line, colours[line[0]]))


@cli.command()
@_place
@click.option("--update", is_flag=True, help="Look all roots up anew, and move those that have moved.")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if the lock would change.")
@_format
def lock(form: str, file: str | None, tree: str | None, update: bool, check: bool) -> None:
    """Pin the digests of all root images in stacks.lock.

    \b
    stackbuild lock              add what is missing
    stackbuild lock --update     take the roots as their registries have them now
    """
    from pipeline.run.building import run_lock  # noqa: PLC0415 (docker is slow to import)

    moved = run_lock(file or "", tree or "", update=update, write=not check)
    if form == "json":
        _print_json({"moved": moved})
    else:
        for reference, (old, new) in moved.items():
            put(f"{reference}  {old or '(new)'} → {new}")
        say(show.counted(len(moved), "pin") + (" would move" if check else " moved"))
    sys.exit(1 if check and moved else 0)


@cli.command()
@_place
@_format
def doctor(form: str, file: str | None, tree: str | None) -> None:
    """Look at what this machine has of what a build needs, and say how to get the rest.

    \b
    stackbuild doctor
    """
    from pipeline.run.doctor import Health, examine  # noqa: PLC0415 (docker is slow to import)

    try:
        state: Path | None = open_project(file or "", tree or "").state
    except StackbuildError as error:
        state = Path.cwd()
        say(f"{paint_for()('warning', 'yellow')}: {error}")
    findings = list(examine(state))
    if form == "json":
        _print_json({"findings": [dataclasses.asdict(finding) for finding in findings]})
    else:
        paint = paint_for(sys.stdout)
        colours = {Health.OK: "green", Health.WARNING: "yellow", Health.MISSING: "red"}
        for finding in findings:
            put(f"{paint(f'{finding.health:<7}', colours[finding.health])}  {finding.part}: {finding.text}")
            if finding.hint:
                put(f"         hint: {finding.hint}")
    sys.exit(3 if any(finding.health is Health.MISSING for finding in findings) else 0)


def _print_json(value: object) -> None:
    put(json.dumps(value, indent=2, ensure_ascii=not is_utf8(sys.stdout)))


def _terminated(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command line; whatever goes wrong ends in a message and an exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup has it ignored, and means it
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)
    try:
        code = cli(prog_name="stackbuild", standalone_mode=False) or 0
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except StackbuildError as error:
        complain(error)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("interrupted")
        code = INTERRUPTED
    except Exception:
        crashed()
        code = 1
    if code == INTERRUPTED:
        # threads that wait for a registry would keep us: what they asked of the engine ends with the process
        os._exit(code)
    sys.exit(code)
