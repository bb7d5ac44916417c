"""`graph`, `render` and `diff`: what is there, without an engine."""

from __future__ import annotations

import sys
from typing import Any

import click

from pipeline import show
from pipeline.adapters.terminal import paint_for, put, put_file, say
from pipeline.cli import options
from pipeline.cli.group import cli
from pipeline.drawing import svg
from pipeline.errors import InputError
from pipeline.run.overlaid import changed_files
from pipeline.run.project import Project, View, open_project, views


def _one_view(
    file: str | None, tree: str | None, variants: tuple[str, ...], overlays: tuple[str, ...]
) -> View:
    project = open_project(file or "", tree or "")
    names = variants or project.config.variant_names[:1]
    if len(names) > 1:
        raise InputError.of("one variant at a time", hint="give --variant once")
    return views(project, names, overlays)[0]


@cli.command()
@options.place
@options.variant
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "dot", "mermaid", "svg"]), default="text",
    help="A text tree, JSON, a drawing for graphviz or mermaid, or the drawing itself.",
)  # fmt: skip
@click.option(
    "--descendants",
    metavar="IMAGE",
    shell_complete=options.image_names,
    help="Only IMAGE and what stands on it.",
)
@click.option(
    "--ancestors",
    metavar="IMAGE",
    shell_complete=options.image_names,
    help="Only IMAGE and what it stands on.",
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
        options.put_json(show.graph_json(view.graph, names, view.tree))
    elif leaves and form == "text":
        put("\n".join(name for name in view.graph.order if name in names))
    else:
        draw = {"text": show.graph_text, "dot": show.graph_dot, "mermaid": show.graph_mermaid, "svg": svg}[
            form
        ]
        put(draw(view.graph, names))


@cli.command()
@click.argument("image", shell_complete=options.image_names, required=False)
@options.place
@options.variant
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
@options.images
@options.place
@options.variant
@options.format_
def diff(images: tuple[str, ...], form: str, file: str | None, tree: str | None, **chosen: Any) -> None:
    """Show what overlays change, as a diff that `git apply` and `patch -p1` take; matches go to stderr.

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
        text = show.differences(project.tree, view.tree, names, changed_files(project, view))
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
            edits = len({(match.overlay, match.edit) for match in matches})
            say(
                f"variant {view.variant.name}: {show.counted(edits, 'edit')}, "
                f"{len(matches)} {'match' if len(matches) == 1 else 'matches'}"
            )
            if matches:
                say(show.matches_text(matches))
    if form == "json":
        options.put_json({"variants": data})


def _print_diff(text: str, paint: show.Paint) -> None:
    colours = {"+": "green", "-": "red", "@": "cyan"}
    if paint is show.plain:
        put_file(text)
        return
    for line in show.visible(text).split("\n")[:-1]:
        heading = line.startswith(("+++", "---", "diff "))
        put(line if heading or line[:1] not in colours else paint(line, colours[line[0]]))
