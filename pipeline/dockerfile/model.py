"""A Dockerfile as values: instructions, stages, heredocs."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.dockerfile.words import blank_split, first_word, json_words, key_values, split_words

_LISTS = frozenset({"ADD", "COPY", "VOLUME"})
_COMMANDS = frozenset({"CMD", "ENTRYPOINT", "RUN", "SHELL"})
_MAY_BE_EXEC = _LISTS | _COMMANDS


@dataclass(frozen=True, slots=True)
class Heredoc:
    """`<<NAME` and what follows: `expand` is False for a quoted name, `chomp` is True for `<<-NAME`.

    `body` is as in the file, line ends and leading tabs included.
    """

    name: str
    body: str
    expand: bool
    chomp: bool


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its lines joined as BuildKit joins them.

    `keyword` is upper case. `flags` are as BuildKit hands them on, `--name=value`, quotes gone. `value` is
    the rest. `line` and `end_line` count from 1 and are inclusive; heredoc bodies belong to them. `inner` is
    what ONBUILD wraps. `escape` is the escape character of the file.
    """

    keyword: str
    flags: tuple[str, ...]
    value: str
    line: int
    end_line: int
    heredocs: tuple[Heredoc, ...] = ()
    inner: Instruction | None = None
    escape: str = "\\"

    @property
    def exec_form(self) -> bool:
        """Whether the arguments are a JSON array."""
        if self.keyword == "HEALTHCHECK":
            return json_words(first_word(self.value)[1]) is not None
        return self.keyword in _MAY_BE_EXEC and json_words(self.value) is not None

    def words(self) -> tuple[str, ...]:
        """The arguments: the strings of an exec form, else what BuildKit makes of this keyword's text.

        RUN, CMD, ENTRYPOINT, SHELL, USER, WORKDIR and the like are one word; ADD, COPY, EXPOSE, FROM and
        VOLUME are split at blanks; ARG, ENV and LABEL too, but outside quotes, which stay; ONBUILD is the
        keyword it wraps and that one's words. Variables are as written.
        """
        keyword, value = self.keyword, self.value
        if keyword in _MAY_BE_EXEC:
            decoded = json_words(value)
            if decoded is not None:
                return decoded
        if keyword in _LISTS or keyword in {"FROM", "EXPOSE"}:
            return blank_split(value)
        if keyword in {"ARG", "ENV", "LABEL"}:
            return self._key_words()
        if keyword == "HEALTHCHECK" and value:
            kind, command = first_word(value)
            decoded = json_words(command)
            return (kind, *(decoded if decoded is not None else (command,) if command else ()))
        if self.inner is not None:
            return (self.inner.keyword, *self.inner.words())
        return (value,) if value else ()

    def pairs(self) -> tuple[tuple[str, str | None], ...]:
        """Names and values of ARG, ENV and LABEL, quotes and variables as written; None for `ARG NAME`."""
        if self.keyword == "ARG":
            split = (word.partition("=") for word in split_words(self.value, self.escape))
            return tuple((name, value if equals else None) for name, equals, value in split)
        return key_values(self.value, self.escape)

    def _key_words(self) -> tuple[str, ...]:
        words = split_words(self.value, self.escape)
        if self.keyword != "ARG" and words and "=" not in words[0]:
            return key_values(self.value, self.escape)[0]
        return tuple(words)


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next: `name` lower case, "" if none; `base` and `platform` as written."""

    index: int
    name: str
    base: str
    platform: str
    instruction: Instruction
    body: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole Dockerfile.

    `text` is the file, decoded as UTF-8 with surrogateescape and otherwise untouched:
    `text.encode("utf-8", "surrogateescape")` are its bytes. `path` is for messages. `syntax` is the value of
    `# syntax=`, "" if none. `preamble` are the ARGs before the first FROM.
    """

    path: str
    text: str
    escape: str
    syntax: str
    instructions: tuple[Instruction, ...]
    preamble: tuple[Instruction, ...]
    stages: tuple[Stage, ...]
