"""Patience with registries, package indexes and the engine: what may pass is tried again, within a budget."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from pipeline import patience
from pipeline.errors import InterruptedRunError, UnreachableError
from pipeline.outcome import Attempt
from pipeline.patience import Patience, Trouble
from pipeline.show.words import duration

if TYPE_CHECKING:
    from tenacity import RetryCallState

_chance = random.SystemRandom().random
P = ParamSpec("P")
T = TypeVar("T")
# what is decided before a run has begun waits for nobody for long
PLANNING = Patience(tries=3, first=0.5, longest=5.0)
# who is asked by somebody who is patient already is not patient once more: tries would multiply
_patient = threading.local()


class TemporaryError(UnreachableError):
    """A registry, or the engine, in trouble that may soon be over."""


def fallen_silent(registry: str, seconds: float) -> TemporaryError:
    """The trouble with a registry that has said nothing for so long."""
    what = f"the registry {registry} is silent: nothing has come of it for {duration(seconds)}"
    return TemporaryError.of(what, hint="[retry] silence says how long it may be")


def is_temporary(text: str) -> bool:
    """Whether these words of the engine's or of buildx speak of a passing trouble."""
    return patience.of_words(text) is not None


def trouble_of(error: BaseException | None) -> Trouble | None:
    """The passing trouble that an error tells of; errors that know theirs have it as `trouble`."""
    if isinstance(error, TemporaryError):
        message = str(error).partition("\n")[0]
        return patience.of_words(message) or Trouble(message, patience.asked_wait(message))
    found = getattr(error, "trouble", None)
    return found if isinstance(found, Trouble) else None


class Patient:
    """The patience of one run: its budget is shared by all tasks, and ends when `stopped` is set."""

    def __init__(self, policy: Patience, stopped: threading.Event) -> None:
        self.policy = policy
        self._stopped = stopped
        self._lock = threading.Lock()
        self._left = policy.retries

    def keep_trying(self, work: Callable[[], T], told: Callable[[Attempt, Trouble], None]) -> T:
        """Do the work until it succeeds, fails for good, or patience is at its end; its last error is raised.

        `told` hears of every try that came to nothing, before the wait for the next. Raises
        InterruptedRunError when stopped meanwhile.
        """
        import tenacity  # noqa: PLC0415 (slow to import)

        def unless_stopped() -> T:
            if self._stopped.is_set():
                raise InterruptedRunError.of("interrupted")
            _patient.already = True
            try:
                return work()
            finally:
                _patient.already = False

        def tell(state: RetryCallState) -> None:
            trouble = _seen(state)
            wait = float(state.next_action.sleep) if state.next_action else 0.0
            told(Attempt(state.attempt_number, trouble.what, wait), trouble)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: trouble_of(error) is not None),
            stop=self._at_its_end,
            wait=lambda state: self.policy.pause(state.attempt_number, _seen(state), _chance()),
            sleep=tenacity.sleep_using_event(self._stopped),
            before_sleep=tell,
            reraise=True,
        )
        return retrying(unless_stopped)

    def _at_its_end(self, state: RetryCallState) -> bool:
        trouble = _seen(state)
        if self._stopped.is_set() or trouble.after > self.policy.longest:
            return True
        if state.attempt_number >= self.policy.tries:
            return True
        with self._lock:
            self._left -= 1
            return self._left < 0


def _seen(state: RetryCallState) -> Trouble:
    error = state.outcome.exception() if state.outcome else None
    return trouble_of(error) or Trouble(str(error))


def patiently(ask: Callable[P, T]) -> Callable[P, T]:
    """The function, tried again after a TemporaryError, and after nothing else.

    Within `Patient.keep_trying` it is not: that tries all of the work again, and tells of it.
    """

    @wraps(ask)
    def asking(*given: P.args, **named: P.kwargs) -> T:
        if getattr(_patient, "already", False):
            return ask(*given, **named)
        import tenacity  # noqa: PLC0415 (only networks need it, and it is slow to import)

        retry = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(TemporaryError),
            stop=lambda state: (
                state.attempt_number >= PLANNING.tries or _seen(state).after > PLANNING.longest
            ),
            wait=lambda state: PLANNING.pause(state.attempt_number, _seen(state), _chance()),
            reraise=True,
        )
        return retry(ask, *given, **named)

    return asking
