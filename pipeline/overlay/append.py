"""`[[append]]`: further instructions at the end of a stage."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from pipeline.dockerfile import Dockerfile, Stage, parse
from pipeline.errors import InputError
from pipeline.overlay.model import Change, Edit, Given
from pipeline.overlay.taking import common
from pipeline.overlay.texts import encoded, final_stage, newline, span, stage_called, stages_there
from pipeline.tomlfile import Table, nearest
from pipeline.tree import Image

END = "end"
BEFORE_USER = "before-user"
PLACES = (END, BEFORE_USER)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendEdit(Edit):
    """Add instructions after the last one of a stage, or before the USER that ends it."""

    instructions: str
    at: str = END
    stage: str = ""
    kind: ClassVar[str] = "append"

    def __str__(self) -> str:
        first, _, rest = self.instructions.partition("\n")
        return f"append {first}{' …' if rest else ''}"

    def hits(self, image: Image, given: Given) -> Sequence[Change]:
        """The place in the stage; none where it is to stand before a USER and there is none."""
        dockerfile = image.dockerfile
        stage = _stage(image, self.stage)
        if stage is None:
            return ()
        text = dockerfile.text
        ending = newline(text)
        lines = self.instructions.replace("\n", ending)
        if self.at == BEFORE_USER:
            user = next((one for one in reversed(stage.body) if one.keyword == "USER"), None)
            if user is None:
                return ()
            start = span(dockerfile, user)[0]
            return (self._checked(image, Change(start, start, lines + ending, user.line)),)
        last = stage.body[-1] if stage.body else stage.instruction
        end = span(dockerfile, last)[1]
        if text[:end].endswith("\r"):
            end -= 1
        return (self._checked(image, Change(end, end, ending + lines, last.end_line)),)

    def _checked(self, image: Image, change: Change) -> Change:
        """The change, if it adds exactly its own instructions; an open line above would swallow them."""
        before = image.dockerfile
        text = before.text[: change.start] + change.text + before.text[change.end :]
        try:
            mine = _values(_alone(self.instructions, before.escape))[1:]
        except InputError as error:
            said = "; ".join(problem.message for problem in error.problems)
            message = f"{self}: in {image.where}, whose escape character is {before.escape}: {said}"
            raise InputError.of(message, self.where, "continue lines as that file does") from error
        after = parse(encoded(text), before.path)
        expected = len(before.instructions) + len(mine)
        if len(after.instructions) != expected or any(one not in _values(after) for one in mine):
            message = f"{self}: {image.where}:{change.line} does not end here, so nothing can follow it"
            raise InputError.of(message, self.where, "the line is continued, or a here-document is open")
        return change

    def nearest(self, images: Sequence[Image], given: Given) -> str:
        """The stage that is missing, or the USER."""
        if missing := stages_there(list(images), self.stage):
            return missing
        return f'there is no USER in the stage: at = "{END}"' if self.at == BEFORE_USER else ""


def _values(dockerfile: Dockerfile) -> list[tuple[str, str]]:
    return [(one.keyword, one.value) for one in dockerfile.instructions]


def _stage(image: Image, name: str) -> Stage | None:
    return stage_called(image.dockerfile, name) if name else final_stage(image)


def read(table: Table) -> AppendEdit:
    """`[[append]]`."""
    text = table.need("instructions", 'what to add: instructions = "RUN …"').strip("\n").replace("\r\n", "\n")
    at = table.take("at", str, END)
    if at not in PLACES:
        hint = nearest(at, PLACES) or f"one of {', '.join(PLACES)}"
        table.problem(f"there is no place '{at}'", "at", hint)
    if text:
        _check(table, text)
    edit = AppendEdit(
        instructions=text,
        at=at,
        stage=table.take("stage", str, ""),
        **common(table, all_images=False),
    )
    table.close()
    return edit


def _alone(text: str, escape: str) -> Dockerfile:
    """Instructions as a stage of their own. Raises InputError."""
    return parse(encoded(f"# escape={escape}\nFROM x\n{text}\n"), "")


def _either(text: str) -> Dockerfile:
    """Instructions as a stage of their own, for one of the files whose escape character is not `\\`, too."""
    try:
        return _alone(text, "\\")
    except InputError:
        with suppress(InputError):
            return _alone(text, "`")
        raise


def _check(table: Table, text: str) -> None:
    """Note what BuildKit would refuse, and what would not stay inside the stage."""
    try:
        found = _either(text)
        closed = _either(f"{text}\nUSER x")
    except (InputError, UnicodeEncodeError) as error:
        problems = error.problems if isinstance(error, InputError) else ()
        said = "; ".join(problem.message for problem in problems) or "this is no text"
        table.problem(f"not instructions of a Dockerfile: {said}", "instructions")
        return
    if any(one.keyword == "FROM" for one in found.instructions[1:]):
        table.problem("a FROM would begin another stage", "instructions", "add to the stages that there are")
    elif len(closed.instructions) != len(found.instructions) + 1:
        table.problem("the last line is continued, and would swallow what follows", "instructions")
    elif len(found.instructions) == 1:
        table.problem("there is no instruction in it", "instructions")
