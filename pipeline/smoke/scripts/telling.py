"""How a built-in probe ends: with one line that counts, and nothing after it."""

import json
import os
import sys
import traceback
from typing import Any, Callable, Dict, NoReturn, Optional

PASSED, FAILED, INCONCLUSIVE = "passed", "failed", "inconclusive"
PLACE = os.path.dirname(os.path.abspath(__file__))


class Ended(Exception):
    """A probe has come to its result."""

    def __init__(self, result: str, reason: str = "", hardware: Optional[Dict[str, Any]] = None) -> None:
        super().__init__(result, reason)
        self.result, self.reason, self.hardware = result, reason, hardware


def failed(reason: str) -> Ended:
    """The image is to blame."""
    return Ended(FAILED, reason)


def inconclusive(reason: str, hardware: Optional[Dict[str, Any]] = None) -> Ended:
    """Nothing can be said of the image, and why."""
    return Ended(INCONCLUSIVE, reason, hardware)


def told() -> Dict[str, Any]:
    """What this run and this image are."""
    with open(os.path.join(PLACE, "order.json"), encoding="utf-8") as file:
        found = json.load(file)
    return dict(found)


def run(probe: Callable[[Dict[str, Any]], Optional[Dict[str, Any]]]) -> NoReturn:
    """Run a probe, which gives the hardware that it passed on, or raises what it ended with."""
    order = told()
    try:
        ended = Ended(PASSED, hardware=probe(order))
    except Ended as raised:
        ended = raised
    except BaseException as error:  # whatever a broken image raises, the last line is ours
        traceback.print_exc()
        ended = failed("{}: {}".format(type(error).__name__, error))
    line = {"stackbuild": order["nonce"], "result": ended.result, "reason": ended.reason[:500]}
    if ended.hardware:
        line["hardware"] = ended.hardware
    sys.stderr.flush()
    sys.stdout.flush()
    os.write(1, "\n{}\n".format(json.dumps(line)).encode("ascii"))
    # no destructor, thread or exit handler may say anything after that
    os._exit(0 if ended.result == PASSED else 1)
