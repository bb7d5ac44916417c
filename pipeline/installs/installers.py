"""Which commands install packages, and which of their words are packages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pipeline.installs.arguments import arguments, options, program_of, unwrapped
from pipeline.installs.instruction import read_run
from pipeline.installs.placed import OPAQUE, Placed, Source, Word
from pipeline.installs.requirements import (
    Installs,
    Requirement,
    RequirementFile,
    nearest,
    requirement,
)
from pipeline.installs.shell import Command, read_commands

if TYPE_CHECKING:
    from collections.abc import Sequence

# The options that take a value. Every other option stands alone, or carries its value behind a `=`.
PIP: Final = options("""
    -r --requirement --requirements -c --constraint --constraints -e --editable -t --target --platform
    --python-version --implementation --abi --root --prefix --src --source --source-dir
    --source-directory --upgrade-strategy -C --config-settings
    --config-setting --global-option --install-option --build-option --no-binary --only-binary --progress-bar
    --root-user-action --report -i --index-url --pypi-url --extra-index-url -f --find-links --group --python
    --log --log-file --local-log --keyring-provider --proxy --retries --timeout --default-timeout
    --exists-action --trusted-host --cert --client-cert --cache-dir --use-feature --use-deprecated
    --uploaded-prior-to --requirements-from-script --resume-retries -b --build --build-dir --build-directory
    --build-constraint --build-constraints --override --overrides --exclude --excludes --extra --index
    --default-index --index-strategy -p -P --upgrade-package --reinstall-package --refresh-package
    --no-build-isolation-package --no-build-package --link-mode --torch-backend --exclude-newer
    --exclude-newer-package --resolution --prerelease --fork-strategy --directory --project --config-file
    --color --allow-insecure-host --python-platform --python-preference --no-sources-package --hash
""")
CONDA: Final = options("""
    -n --name -p --prefix -c --channel --file --revision --repodata-fn --solver --experimental-solver --subdir
    --platform --clone --download-threads -r --root-prefix --rc-file --log-level --safety-checks
    --channel-priority --category --lockfile --cacert-path --environment-specifier --env-spec --format
""")
APT: Final = options("""
    -o --option -c --config-file -t --target-release --default-release -a --host-architecture --solver
    --planner --build-profiles -F --display-format -w --width -O --sort --add-user-tag --remove-user-tag
""")
_SU: Final = options(
    "-c --command -s --shell -g --group -G --supp-group -w --whitelist-environment -u --user"
)

_PIP_NAMES: Final = re.compile(rf"pip[\d.{OPAQUE}-]*")
_CONDA_NAMES: Final = frozenset({"conda", "mamba", "micromamba"})
_APT_NAMES: Final = frozenset({"apt-get", "apt", "aptitude"})
_SHELLS: Final = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
PIP_FILES: Final = options("-r --requirement --requirements")
_CONDA_FILES: Final = (".yml", ".yaml", ".txt", ".lock")
_DEPENDENCY: Final = re.compile(r"[^,|\s](?:[^,|]*[^,|\s])?")
_QUOTED: Final = re.compile(r"""'[^']*+'|"(?:[^"\\]|\\.)*+\"""", re.DOTALL)
_QUOTES: Final = "'\""
_DEEPEST: Final = 4  # scripts in scripts; a bound keeps the time linear


def find_installs(text: str, *, escape: str = "\\") -> Installs:
    """Find what the install commands of a RUN instruction ask for.

    `text` is the instruction as it stands in the file, from its keyword to the end of its last here-document;
    `escape` is the Dockerfile's escape character. Never fails, takes linear time; any other instruction
    installs nothing.
    """
    finder = Finder(text)
    run = read_run(text, escape)
    if isinstance(run, Placed):
        finder.run(run)
    elif run:
        finder.command(Command(list(run)), None, 0)
    return Installs(
        tuple(sorted(finder.requirements, key=lambda found: found.start)),
        tuple(sorted(finder.files, key=lambda found: found.line)),
    )


def candidates(text: str, manager: str, name: str, *, escape: str = "\\") -> tuple[Requirement, ...]:
    """Give the requirements of a RUN instruction that an edit of this package may mean; see `nearest`."""
    return nearest(find_installs(text, escape=escape).requirements, manager, name)


class Finder:
    """Gathers what the commands of one text install.

    `quotes` are those that may be put around a word where it stands, None where no shell reads it.
    """

    def __init__(self, text: str) -> None:
        self.source = Source.of(text)
        self.requirements: list[Requirement] = []
        self.files: list[RequirementFile] = []

    def run(self, script: Placed) -> None:
        """Read a RUN's script; where it is but a here-document, that is the script."""
        commands = read_commands(script)
        if len(commands) == 1 and not commands[0].words and commands[0].awaits == 1:
            for body in commands[0].heredocs:
                if _is_for_shell(body.text):
                    self.script(body, _QUOTES, 1)
        else:
            for command in commands:
                self.command(command, _QUOTES, 0)

    def script(self, script: Placed, quotes: str, depth: int) -> None:
        """Read the commands of a script."""
        if depth <= _DEEPEST:
            for command in read_commands(script):
                self.command(command, quotes, depth)

    def command(self, command: Command, quotes: str | None, depth: int) -> None:
        """Read one command."""
        words = unwrapped(command.words)
        if not words:
            return
        program = program_of(words[0])
        operands = words[1:]
        if program in _SHELLS:
            self.shell(operands, command, quotes, depth)
        elif program in {"su", "runuser", "eval"}:
            pairs = list(arguments(iter(operands), _SU))
            script = {"-c", "--command"} if program != "eval" else {""}
            for word in [value for option, value in pairs if option in script][:1]:
                self.script(word.content, self.quotes_inside(word, quotes), depth + 1)
        elif _PIP_NAMES.fullmatch(program):
            self.pip(operands, quotes)
        elif program == "uv":
            self.pip(operands, quotes, tool=["pip"])
        elif program in _CONDA_NAMES:
            self.conda(program, operands, quotes)
        elif program in _APT_NAMES:
            self.apt(operands, quotes)

    # scripts in words and here-documents

    def shell(self, operands: Sequence[Word], command: Command, quotes: str | None, depth: int) -> None:
        """`bash -c SCRIPT`, or a script on the standard input of `bash` or `bash -s`."""
        letters = ""
        words = iter(operands)
        first = None
        for word in words:
            if word.text in {"--rcfile", "--init-file"}:
                next(words, None)
            elif word.text in {"-", "--"}:
                first = next(words, None)
                break
            elif not word.text.startswith(("-", "+")):
                first = word
                break
            elif not word.text.startswith("--"):
                letters += word.text[1:]
                if set(word.text) & {"o", "O"}:
                    next(words, None)
        if "c" in letters and first:
            self.script(first.content, self.quotes_inside(first, quotes), depth + 1)
        elif first is None or "s" in letters:
            for body in command.heredocs:
                self.script(body, _QUOTES if quotes is None else quotes, depth + 1)

    def quotes_inside(self, word: Word, quotes: str | None) -> str:
        """The quotes that may still be used inside a word that is one quoted string; else none."""
        around = self.source.text[word.start : word.end]
        quotes = _QUOTES if quotes is None else quotes
        simple = around[:1] in quotes and _QUOTED.fullmatch(around)
        return quotes.replace(around[0], "") if simple else ""

    # installers

    def pip(self, words: Sequence[Word], quotes: str | None, *, tool: Sequence[str] = ()) -> None:
        """`pip install`, or with a tool's own word in front: `uv pip install`, `uv pip sync`."""
        pairs = list(arguments(iter(words), PIP))
        operands = [value for option, value in pairs if not option]
        command = [operand.text for operand in operands[: len(tool) + 1]]
        if command == [*tool, "install"]:
            self.add_files("pip", [value for option, value in pairs if option in PIP_FILES])
            self.add("pip", operands[len(command) :], quotes)
        elif tool and command == [*tool, "sync"]:
            self.add_files("pip", operands[len(command) :])

    def conda(self, program: str, words: Sequence[Word], quotes: str | None) -> None:
        """`conda install`, and what creates and updates environments."""
        # conda's -f is --force; micromamba's, and that of `conda env`, names a file.
        names_file = any(word.text.endswith(_CONDA_FILES) for word in words)
        pairs = list(arguments(iter(words), CONDA | {"-f"} if names_file else CONDA))
        operands = [value for option, value in pairs if not option]
        command = [operand.text for operand in operands[:2]]
        if command[:1] == ["env"] and command[1:] in (["create"], ["update"]):
            # Only mamba takes packages here; conda takes the name of a remote environment.
            operands = [] if program == "conda" else operands[1:]
        elif not command or command[0] not in {"install", "create", "update", "upgrade"}:
            return
        self.add_files("conda", [value for option, value in pairs if option in {"-f", "--file"}])
        self.add("conda", operands[1:], quotes)

    def apt(self, words: Sequence[Word], quotes: str | None) -> None:
        """`apt-get install`, and its kin."""
        operands = [value for option, value in arguments(iter(words), APT) if not option]
        command = operands[0].text if operands else ""
        if command in {"install", "reinstall"}:
            self.add("apt", operands[1:], quotes)
        elif command == "satisfy":
            self.add("apt", [name for word in operands[1:] for name in _dependencies(word)], quotes)

    def add(self, manager: str, words: Sequence[Word], quotes: str | None) -> None:
        """Note the words that are requirements."""
        for word in words:
            found = requirement(manager, word, self.source, quotes=quotes)
            if found:
                self.requirements.append(found)

    def add_files(self, manager: str, words: Sequence[Word]) -> None:
        """Note files of requirements."""
        for word in words:
            path = word.content.written(self.source)
            if path and not path.startswith(("<(", ">(")):
                self.files.append(RequirementFile(manager, path, self.source.line(word.start)))


def _is_for_shell(script: str) -> bool:
    """Whether a RUN's here-document is run by a shell: its first line names no other interpreter."""
    if not script.startswith("#!"):
        return True
    line = script[2:].partition("\n")[0]
    programs = [word.rpartition("/")[2] for word in line.split() if not word.startswith("-")]
    return bool(set(programs[:2] if programs[:1] == ["env"] else programs[:1]) & _SHELLS)


def _dependencies(word: Word) -> list[Word]:
    """The packages in a dependency string of apt: `a (>= 1), b | c`."""
    found = [word.content[each.start() : each.end()] for each in _DEPENDENCY.finditer(word.text)]
    return [Word(content, content.starts[0], content.ends[-1]) for content in found]
