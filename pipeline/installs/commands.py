"""The install commands of a RUN instruction, as far as they could be given again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.installs.arguments import arguments, options
from pipeline.installs.installers import APT, CONDA, PIP, PIP_FILES, Finder
from pipeline.installs.instruction import read_run
from pipeline.installs.names import find_name
from pipeline.installs.placed import OPAQUE, Placed, Word
from pipeline.installs.shell import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

# what decides which versions are chosen; everything else is about how they are installed
_PIP_KEPT: Final = options("-c --constraint -i --index-url --extra-index-url -f --find-links --trusted-host")
_PIP_FLAGS: Final = options("--pre --no-index --no-deps")
_CONDA_KEPT: Final = options("-c --channel -n --name -p --prefix")
_UPGRADES: Final = options("upgrade dist-upgrade full-upgrade safe-upgrade")


@dataclass(frozen=True, slots=True)
class InstallCommand:
    """One install command: what it asks for, as its shell reads it.

    `files` are requirement files, as they are named there; `kept` are the options that decide which versions
    are chosen; `unread` are the words, as written, that only the shell knows. With `upgrades` it is apt's
    upgrade of everything there is.
    """

    manager: str
    wanted: tuple[str, ...]
    files: tuple[str, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()
    upgrades: bool = False


def find_commands(text: str, *, escape: str = "\\") -> tuple[InstallCommand, ...]:
    """The install commands of a RUN instruction's text, in its order; see `find_installs`."""
    gatherer = _Gatherer(text)
    run = read_run(text, escape)
    if isinstance(run, Placed):
        gatherer.run(run)
    elif run:
        gatherer.command(Command(list(run)), None, 0)
    return tuple(gatherer.commands)


class _Gatherer(Finder):
    """Gathers the commands whole, where the finder gathers their requirements."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.commands: list[InstallCommand] = []

    def pip(self, words: Sequence[Word], quotes: str | None, *, tool: Sequence[str] = ()) -> None:
        del quotes
        pairs = list(arguments(iter(words), PIP))
        operands = [value for option, value in pairs if not option]
        command = [operand.text for operand in operands[: len(tool) + 1]]
        if command != [*tool, "install"]:
            return
        kept = [(option, value) for option, value in pairs if option in _PIP_KEPT]
        flags = tuple((word.text, "") for word in words if word.text in _PIP_FLAGS)
        files = [value for option, value in pairs if option in PIP_FILES]
        self._note("pip", operands[len(command) :], files=files, kept=kept, flags=flags)

    def conda(self, program: str, words: Sequence[Word], quotes: str | None) -> None:
        del program, quotes
        pairs = list(arguments(iter(words), CONDA))
        operands = [value for option, value in pairs if not option]
        if operands and operands[0].text == "install":
            files = [value for option, value in pairs if option in {"-f", "--file"}]
            kept = [(option, value) for option, value in pairs if option in _CONDA_KEPT]
            self._note("conda", operands[1:], files=files, kept=kept)

    def apt(self, words: Sequence[Word], quotes: str | None) -> None:
        del quotes
        operands = [value for option, value in arguments(iter(words), APT) if not option]
        command = operands[0].text if operands else ""
        if command in {"install", "reinstall"}:
            self._note("apt", operands[1:])
        elif command in _UPGRADES:
            self.commands.append(InstallCommand("apt", (), upgrades=True))

    def _note(
        self,
        manager: str,
        words: Sequence[Word],
        *,
        files: Sequence[Word] = (),
        kept: Sequence[tuple[str, Word]] = (),
        flags: tuple[tuple[str, str], ...] = (),
    ) -> None:
        every = [*words, *files, *(value for _, value in kept)]
        self.commands.append(
            InstallCommand(
                manager,
                tuple(word.text for word in words if _plain(word) and find_name(manager, word.text)),
                tuple(word.text for word in files if _plain(word)),
                (*((option, value.text) for option, value in kept if _plain(value)), *flags),
                tuple(word.content.written(self.source) for word in every if not _plain(word)),
            )
        )


def _plain(word: Word) -> bool:
    return OPAQUE not in word.text
