"""The simple commands of a shell script, wherever they stand in it.

Read are the words, quotes, expansions, redirections, here-documents, comments and compound commands
of sh and bash, as far as they decide which words make up a command. Nothing is expanded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pipeline.installs.placed import OPAQUE, Placed, Word

if TYPE_CHECKING:
    from collections.abc import Callable

_LEADING: Final = frozenset({"!", "{", "coproc", "do", "elif", "else", "if", "then", "until", "while"})
_DEEPEST: Final = 64  # nobody nests deeper; without a bound, text made to hurt takes quadratic time
_ORDINARY: Final = re.compile(r"""[^ \t\n#'"\\$`;&|()<>]+""")
_ORDINARY_QUOTED: Final = re.compile(r'[^"\\$`]+')
_ORDINARY_EXPANSION: Final = re.compile(r"""[^}()'"\\$`]+""")
_PARAMETER: Final = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])")
_ANSI_QUOTED: Final = re.compile(r"\$'(?:[^'\\]|\\.)*+'?", re.DOTALL)
_REDIRECTIONS: Final = ("<<<", "<<-", "<<", "<>", "<&", "<", ">>", ">|", ">&", ">", "&>>", "&>")


@dataclass(slots=True)
class Command:
    """The words of a simple command, without redirections, and the here-documents that it reads."""

    words: list[Word] = field(default_factory=list)
    heredocs: list[Placed] = field(default_factory=list)
    awaits: int = 0
    """How many here-documents its redirections name."""


@dataclass(slots=True)
class _Draft:
    """A word that is being read."""

    start: int
    end: int
    text: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    bare: bool = True


@dataclass(slots=True)
class _Frame:
    """One level of nesting: the script, `(`, `$(`, a backtick, `array` (all of commands); `${`, `((`."""

    kind: str
    start: int
    commands: int
    """How many commands had ended in front of it."""
    command: Command = field(default_factory=Command)
    word: _Draft | None = None
    quoted: bool = False
    """Inside double quotes."""
    before: str = ""
    """The operator that the next word belongs to."""
    inner: int = 0
    """Open `case`, whose patterns end in a `)` that closes nothing; in arithmetic, open parentheses."""


def read_commands(script: Placed) -> list[Command]:
    """Give every simple command of a script, those in substitutions and compound commands too.

    Never fails: what a shell would refuse is read as far as it makes sense. Takes linear time.
    """
    return _Reader(script).read()


class _Reader:
    def __init__(self, script: Placed) -> None:
        self.script = script
        self.text = script.text
        self.at = 0
        self.frame = _Frame("", 0, 0)
        self.stack = [self.frame]
        self.commands: list[Command] = []
        self.subshells: set[int] = set()
        self.heredocs: list[tuple[str, bool, Command]] = []

    def read(self) -> list[Command]:
        while self.at < len(self.text) and len(self.stack) <= _DEEPEST:
            if self.frame.quoted:
                self.step(_ORDINARY_QUOTED, _QUOTED)
            elif self.frame.kind in {"${", "(("}:
                self.step(_ORDINARY_EXPANSION, _EXPANSION)
            else:
                self.step(_ORDINARY, _COMMANDS)
        while len(self.stack) > 1:
            self.end_command()
            self.pop()
        self.end_command()
        return self.commands

    def step(self, ordinary: re.Pattern[str], steps: dict[str, Callable[[_Reader], None]]) -> None:
        run = ordinary.match(self.text, self.at)
        if run:
            self.literal(run.end())
        else:
            steps.get(self.text[self.at], _Reader.one_letter)(self)

    # words

    def draft(self, start: int) -> _Draft:
        """The word under way, or a new one that starts here."""
        if self.frame.word is None:
            self.frame.word = _Draft(start, start)
        return self.frame.word

    def literal(self, end: int, *, start: int | None = None) -> None:
        """Take the text from here (or from `start`, behind a quote) to `end` into the word."""
        draft = self.draft(self.at)
        start = self.at if start is None else start
        draft.text.append(self.text[start:end])
        draft.starts.extend(self.script.starts[start:end])
        draft.ends.extend(self.script.ends[start:end])
        draft.end = self.at = end

    def one_letter(self) -> None:
        self.literal(self.at + 1)

    def composed(self, letter: str, start: int, end: int) -> None:
        """Take `start:end` into the word as one letter: an escaped one, or an expansion."""
        draft = self.draft(start)
        draft.text.append(letter)
        draft.starts.append(self.script.starts[start])
        draft.ends.append(self.script.ends[end - 1])
        draft.end = end
        draft.bare = False

    def end_word(self) -> None:
        frame, draft = self.frame, self.frame.word
        if draft is None:
            return
        frame.word = None
        content = Placed("".join(draft.text), draft.starts, draft.ends)
        word = Word(content, self.script.starts[draft.start], self.script.ends[draft.end - 1], draft.bare)
        before, frame.before = frame.before, ""
        if before in {"<<", "<<-"}:
            self.heredocs.append((word.text, before == "<<-", frame.command))
            frame.command.awaits += 1
        if before:
            return
        keyword = word.text if word.bare and not frame.command.words else ""
        if keyword == "function":
            frame.before = keyword
        elif keyword not in _LEADING:
            frame.inner = max(0, frame.inner + (keyword == "case") - (keyword == "esac"))
            frame.command.words.append(word)

    def end_command(self) -> None:
        self.end_word()
        command = self.frame.command
        if (command.words or command.awaits) and self.frame.kind not in {"array", "${", "(("}:
            self.commands.append(command)
        self.frame.command = Command()
        self.frame.before = ""

    # nesting

    def push(self, kind: str, width: int) -> None:
        self.frame = _Frame(kind, self.at, len(self.commands))
        self.stack.append(self.frame)
        self.at += width

    def pop(self) -> None:
        """Close the innermost level; a substitution becomes an opaque letter of the word around it."""
        closed = self.stack.pop()
        self.frame = self.stack[-1]
        if closed.kind != "(":
            self.composed(OPAQUE, closed.start, self.at)

    # what the characters mean between commands

    def blank(self) -> None:
        self.end_word()
        self.at += 1

    def separator(self) -> None:
        self.end_command()
        self.at += 1

    def ampersand(self) -> None:
        if self.text.startswith("&>", self.at):
            self.redirection()
        else:
            self.separator()

    def newline(self) -> None:
        self.separator()
        for delimiter, indented, command in self.heredocs:
            command.heredocs.append(self.heredoc(delimiter, indented))
        self.heredocs.clear()

    def heredoc(self, delimiter: str, indented: bool) -> Placed:
        start = self.at
        while self.at < len(self.text):
            line_start = self.at
            end = self.text.find("\n", line_start)
            end = len(self.text) if end < 0 else end
            line = self.text[line_start:end]
            self.at = min(end + 1, len(self.text))
            if (line.lstrip("\t") if indented else line) == delimiter:
                return self.script[start:line_start]
        return self.script[start : self.at]

    def comment(self) -> None:
        if self.frame.word is not None:
            self.one_letter()
            return
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        backtick = self.text.find("`", self.at, end) if self.frame.kind == "`" else -1
        self.at = end if backtick < 0 else backtick

    def single_quote(self) -> None:
        start = self.at
        end = self.text.find("'", start + 1)
        end = len(self.text) if end < 0 else end
        self.draft(start).bare = False
        self.literal(end, start=start + 1)
        self.at = self.draft(start).end = min(end + 1, len(self.text))

    def double_quote(self) -> None:
        draft = self.draft(self.at)
        self.at += 1
        draft.end = self.at
        draft.bare = False
        self.frame.quoted = not self.frame.quoted

    def backslash(self) -> None:
        following = self.text[self.at + 1 : self.at + 2]
        if following == "\n":
            self.at += 2
        elif not following or (self.frame.quoted and following not in '$`"\\'):
            self.one_letter()
        else:
            self.composed(following, self.at, self.at + 2)
            self.at += 2

    def dollar(self) -> None:
        parameter = _PARAMETER.match(self.text, self.at)
        following = self.text[self.at + 1 : self.at + 2]
        if parameter is None and following == "'" and not self.frame.quoted:
            parameter = _ANSI_QUOTED.match(self.text, self.at)
        if parameter:
            self.composed(OPAQUE, self.at, parameter.end())
            self.at = parameter.end()
        elif self.text.startswith("$((", self.at) and self.at not in self.subshells:
            self.push("((", 3)
        elif following in {"(", "{"}:
            self.push("$" + following, 2)
        elif following == '"' and not self.frame.quoted:
            self.draft(self.at)
            self.at += 1
        else:
            self.one_letter()

    def backtick(self) -> None:
        inside = [frame.kind for frame in self.stack if frame.kind in {"`", "$("}]
        if not inside or inside[-1] != "`":
            self.push("`", 1)
            return
        while self.frame.kind != "`":
            self.end_command()
            self.pop()
        self.end_command()
        self.at += 1
        self.pop()

    def open_parenthesis(self) -> None:
        frame = self.frame
        if frame.word and frame.word.bare and frame.word.text[-1].endswith("="):
            self.push("array", 1)
        elif not frame.word and self.text.startswith("((", self.at) and self.may_be_arithmetic():
            self.push("((", 2)
        else:
            self.end_command()
            self.push("(", 1)

    def may_be_arithmetic(self) -> bool:
        words = self.frame.command.words
        return self.at not in self.subshells and (not words or words[0].text == "for")

    def close_parenthesis(self) -> None:
        self.end_command()
        self.at += 1
        if self.frame.kind in {"(", "$(", "array"} and not self.frame.inner:
            self.pop()

    def redirection(self) -> None:
        if self.text[self.at + 1 : self.at + 2] == "(":
            self.push("$(", 2)
            return
        draft = self.frame.word
        if draft and draft.bare and "".join(draft.text).isdigit():
            self.frame.word = None
        self.end_word()
        self.frame.before = next(each for each in _REDIRECTIONS if self.text.startswith(each, self.at))
        self.at += len(self.frame.before)

    # what they mean inside `${` and `((`

    def skip_escape(self) -> None:
        self.at = min(self.at + 2, len(self.text))

    def skip_single_quote(self) -> None:
        around_quoted = self.stack[-2].quoted
        end = -1 if around_quoted else self.text.find("'", self.at + 1)
        self.at = max(end, self.at) + 1

    def close_brace(self) -> None:
        self.at += 1
        if self.frame.kind == "${":
            self.pop()

    def open_arithmetic(self) -> None:
        self.at += 1
        self.frame.inner += 1

    def close_arithmetic(self) -> None:
        self.at += 1
        if self.frame.inner:
            self.frame.inner -= 1
        elif self.frame.kind == "((" and self.text.startswith(")", self.at):
            self.at += 1
            self.pop()
        elif self.frame.kind == "((":
            self.reread()

    def reread(self) -> None:
        """Go back to a `((` that turned out to be a subshell in another one, or in a substitution."""
        opened = self.stack.pop()
        self.frame = self.stack[-1]
        self.at = opened.start
        self.subshells.add(opened.start)  # so that no place is read more than twice
        del self.commands[opened.commands :]


_QUOTED: Final[dict[str, Callable[[_Reader], None]]] = {
    '"': _Reader.double_quote,
    "\\": _Reader.backslash,
    "$": _Reader.dollar,
    "`": _Reader.backtick,
}
_EXPANSION: Final[dict[str, Callable[[_Reader], None]]] = {
    "}": _Reader.close_brace,
    "(": _Reader.open_arithmetic,
    ")": _Reader.close_arithmetic,
    "'": _Reader.skip_single_quote,
    '"': _Reader.double_quote,
    "\\": _Reader.skip_escape,
    "$": _Reader.dollar,
    "`": _Reader.backtick,
}
_COMMANDS: Final[dict[str, Callable[[_Reader], None]]] = {
    " ": _Reader.blank,
    "\t": _Reader.blank,
    "\n": _Reader.newline,
    "#": _Reader.comment,
    "'": _Reader.single_quote,
    '"': _Reader.double_quote,
    "\\": _Reader.backslash,
    "$": _Reader.dollar,
    "`": _Reader.backtick,
    ";": _Reader.separator,
    "|": _Reader.separator,
    "&": _Reader.ampersand,
    "(": _Reader.open_parenthesis,
    ")": _Reader.close_parenthesis,
    "<": _Reader.redirection,
    ">": _Reader.redirection,
}
