"""Builds by BuildKit: asked of the engine itself where that will do, else through buildx."""

from __future__ import annotations

from pathlib import Path

from pipeline import patience
from pipeline.adapters import secrets
from pipeline.adapters.buildx import Buildx
from pipeline.adapters.direct import Direct
from pipeline.adapters.engine import Engine
from pipeline.adapters.patience import TemporaryError
from pipeline.adapters.progress import Progress
from pipeline.errors import FailedError, StackbuildError
from pipeline.patience import Trouble
from pipeline.ports import BuildOrder, Product, Tell

KILLED = 137


class BuildFailedError(FailedError):
    """A build that ended badly: why, in which step, at which line of its Dockerfile, the end of its output.

    `step` is as BuildKit calls it, "" where none is to blame, `steps` are all of them, and `line` is 0 where
    nobody named one. `trouble` is what may soon be over, where that is why.
    """

    def __init__(self, message: str, where: tuple[str, int], tail: tuple[str, ...]) -> None:
        super().__init__()
        self.message = message
        self.step, self.line = where
        self.tail = tail
        self.steps: tuple[str, ...] = ()
        self.trouble: Trouble | None = None
        self.hint = ""

    def __str__(self) -> str:
        return self.message


class Builds:
    """The builds of one run, which can be stopped; `scratch` is a folder for contexts."""

    def __init__(self, engine: Engine, scratch: Path) -> None:
        self._product = engine.product
        self._buildx = Buildx(engine.builder, scratch, engine.silence)
        self._direct = Direct(engine.address, engine.has)
        self._logs: set[str] = set()

    def build(self, order: BuildOrder, tell: Tell) -> Product:
        """Build an image, with its output in the order's log; raises BuildFailedError above all.

        A second try writes behind the first one's output.
        """
        log = Path(order.log)
        again = order.log in self._logs
        self._logs.add(order.log)
        ways: tuple[Direct | Buildx, ...] = (self._buildx,)
        if self._direct.takes(order):
            # a trigger may want a secret, for which a client is asked; and a client knows who is to blame
            # where it is no step
            ways = (self._direct, self._buildx)
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a" if again else "w", encoding="utf-8", errors="replace") as file:
                for way in ways:
                    progress = Progress(file, tell, secrets.values(order.means.secrets))
                    went = way.run(order, progress)
                    if went or not progress.asks:
                        break
        except OSError as error:
            hint = "is the disk full, or the folder not writable?"
            where = str(error.filename or log)
            raise FailedError.of(f"cannot be written: {error.strerror}", where, hint) from error
        if not went:
            raise _failure(progress)
        return self._product(order.tags[0])

    def stop(self, *, kill: bool = False) -> None:
        """End every build that runs: asked to first, killed after a while or at once."""
        self._direct.stop()
        self._buildx.stop(kill=kill)


def _failure(progress: Progress) -> StackbuildError:
    message = progress.error or "the build failed without a word"
    ending = progress.ending
    trouble = patience.of_build(ending)
    if trouble and trouble.engine:
        return TemporaryError.of(f"the engine is gone: {message}")
    error = BuildFailedError(message, (progress.step, progress.line), progress.tail)
    error.trouble = trouble
    error.steps = progress.steps
    if ending.exit_code == KILLED:
        error.message = f"out of memory, or killed: {message}"
        error.hint = (
            "give the engine more memory, or let less run beside it: --jobs, or a 'weight' for this image"
        )
    return error
