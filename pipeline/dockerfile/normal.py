"""What a Dockerfile says, without how it is laid out."""

from __future__ import annotations

import json
import re

from pipeline.dockerfile.model import Dockerfile, Instruction

_SH = re.compile(r"(?:.*/)?(?:sh|bash|dash|ash|zsh|ksh)")
# A shell command in which blanks outside quotes do nothing but separate words. A command with quotes inside
# something else, which this pattern would misread ($'..', "$(..)", `..`, ${..}), stays as it is written.
_PLAIN = re.compile(
    r"""(?:[^'"\\`$]|\\.|\$(?!['"{])|\$\{\w+\}|'[^']*'|"(?:[^"\\`$]|\\.|\$(?![({'])|\$\{\w+\})*+")*+""",
    re.DOTALL,
)
_TOKEN = re.compile(r"""\\.|'[^']*'|"(?:[^"\\]|\\.)*+"|[ \t]+|[^'"\\ \t]+""", re.DOTALL)


def normal_form(dockerfile: Dockerfile) -> tuple[str, ...]:
    """One string per instruction, and one each for `# syntax=` and a changed escape character.

    Comments, blank lines, line breaks and the case of keywords do not count; everything else does, in doubt
    even what makes no difference. In a RUN for a shell like sh, blanks outside quotes count as one.
    """
    form = []
    if dockerfile.syntax:
        form.append(f"# syntax={dockerfile.syntax}")
    if dockerfile.escape != "\\":
        form.append(f"# escape={dockerfile.escape}")
    shells = (one.words()[0] for one in dockerfile.instructions if one.keyword == "SHELL")
    sh_like = all(_SH.fullmatch(shell) for shell in shells)
    return (*form, *(_normal(one, sh_like=sh_like) for one in dockerfile.instructions))


def _normal(instruction: Instruction, *, sh_like: bool) -> str:
    # No text of an instruction holds a line break, so nothing of it can pass for its flags or heredocs.
    parts = [f"{instruction.keyword} {_said(instruction, sh_like=sh_like)}"]
    if instruction.flags:
        parts.append(f"flags {json.dumps(instruction.flags)}")
    parts += [
        f"heredoc {json.dumps((one.name, one.expand, one.chomp, one.body))}" for one in instruction.heredocs
    ]
    return "\n".join(parts)


def _said(instruction: Instruction, *, sh_like: bool) -> str:
    keyword, value = instruction.keyword, instruction.value
    if instruction.inner is not None:  # runs in the shell of an image that is not known here
        return _normal(instruction.inner, sh_like=False)
    if keyword == "FROM":
        base, *rest = instruction.words()
        return f"{base} AS {rest[1].lower()}" if rest else base
    if keyword in {"ARG", "ENV", "LABEL"}:
        return json.dumps(instruction.pairs())
    if keyword in {"ADD", "COPY", "EXPOSE", "VOLUME"} or instruction.exec_form:
        return json.dumps(instruction.words())
    if keyword == "RUN" and sh_like and _PLAIN.fullmatch(value):
        return "".join([" " if token[0] in " \t" else token for token in _TOKEN.findall(value)])
    return value
