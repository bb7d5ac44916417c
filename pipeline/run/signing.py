"""Signs what is about to get names, once each."""

from __future__ import annotations

from pipeline import publish
from pipeline.adapters import cosign
from pipeline.adapters.engine import Engine, NotFoundError
from pipeline.config import Config
from pipeline.outcome import Verdict
from pipeline.run.decide import Ask, Decision, How
from pipeline.run.worker import Worker


def run(
    config: Config,
    found: list[tuple[Decision, tuple[Verdict, ...]]],
    given: tuple[Ask, How, Worker],
) -> tuple[str, ...]:
    """Sign the images that may be promoted and have no signature yet; gives what was signed.

    Raises UnreachableError or FailedError where one cannot be signed: then no name may move.
    """
    if not config.sign.wanted:
        return ()
    ask, how, worker = given
    sources: dict[str, None] = {}
    for decision, verdicts in found:
        there = {
            step.image: worker.digests[step.key] for step in decision.steps if step.key in worker.digests
        }
        may, _ = publish.decide(decision.view.graph, there, verdicts, allow_unsmoked=how.allow_unsmoked)
        for image in may:
            sources[f"{ask.registry}/{publish.repository(image)[0]}@{there[image]}"] = None
    todo = tuple(source for source in sources if not _signed(source, worker.engine))
    for source in todo:
        cosign.sign(source, config.sign.key)
    return todo


def _signed(source: str, engine: Engine) -> bool:
    try:
        return bool(engine.find_root(cosign.signature_name(source)).digest)
    except NotFoundError:
        return False
