"""What a Dockerfile says, without how it is laid out."""

from __future__ import annotations

import json
import re

from pipeline.dockerfile.model import Dockerfile, Instruction
from pipeline.dockerfile.words import json_words

_SH = re.compile(r"(?:.*/)?(?:sh|bash|dash|ash|zsh|ksh)")
# A shell command in which blanks outside quotes only separate words. What is not here may be quoted in a way
# that this pattern does not see ($'..', "$(..)", `..`, ${..}); such a command stays as it is written.
_PLAIN = re.compile(
    r"""(?:[^'"\\`$]|\\.|\$(?!['"{])|\$\{\w+\}|'[^']*'|"(?:[^"\\`$]|\\.|\$(?![({'])|\$\{\w+\})*+")*+""",
    re.DOTALL,
)
_TOKEN = re.compile(r"""\\.|'[^']*'|"(?:[^"\\]|\\.)*+"|[ \t]+|[^'"\\ \t]+""", re.DOTALL)


def normal_form(dockerfile: Dockerfile) -> tuple[str, ...]:
    """One string per instruction, and one each for `# syntax=` and a changed escape character.

    Comments, blank lines, line breaks and the case of keywords do not count; everything else does, in doubt even
    what makes no difference. In a RUN for a shell like sh, runs of blanks outside quotes count as one.
    """
    form = []
    if dockerfile.syntax:
        form.append(f"# syntax={dockerfile.syntax}")
    if dockerfile.escape != "\\":
        form.append(f"# escape={dockerfile.escape}")
    sh_like = True
    for instruction in dockerfile.instructions:
        if instruction.keyword == "SHELL":
            words = instruction.words()
            sh_like = _SH.fullmatch(words[0]) is not None
        elif instruction.keyword == "FROM" and not sh_like:
            # A stage may inherit the other shell from the stage it stands on.
            sh_like = False
        form.append(_normal(instruction, sh_like=sh_like))
    return tuple(form)


def _normal(instruction: Instruction, *, sh_like: bool) -> str:
    keyword = instruction.keyword
    parts = [keyword, *(json.dumps(flag) for flag in instruction.flags)]
    if instruction.inner is not None:
        parts.append(_normal(instruction.inner, sh_like=False))
    elif keyword == "FROM":
        base, *rest = instruction.words()
        parts += [base, "AS", rest[1].lower()] if rest else [base]
    elif keyword == "RUN" and json_words(instruction.value) is None:
        parts.append(_command(instruction.value) if sh_like else instruction.value)
    elif keyword in {"ARG", "ENV", "LABEL"}:
        parts += [json.dumps(pair) for pair in instruction.pairs()]
    elif instruction.exec_form or keyword in {"ADD", "COPY", "EXPOSE", "VOLUME"}:
        parts.append(json.dumps(instruction.words()))
    else:
        parts.append(instruction.value)
    for heredoc in instruction.heredocs:
        parts.append(json.dumps((heredoc.name, heredoc.expand, heredoc.chomp, heredoc.body)))
    return " ".join(parts)


def _command(value: str) -> str:
    if not _PLAIN.fullmatch(value):
        return value
    return "".join([" " if token[0] in " \t" else token for token in _TOKEN.findall(value)])
