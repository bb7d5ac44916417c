"""The program's first moment, before there is anything that could say why it ends."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command line; also from `python -m pipeline`."""
    # an exception that breaks into an import may come out of it as any other one, with its traceback
    plain = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number, listener in plain.items():
        if listener in {signal.SIG_DFL, signal.default_int_handler}:
            signal.signal(number, lambda *_: os._exit(130))
    from pipeline import cli  # noqa: PLC0415

    for number, listener in plain.items():
        signal.signal(number, listener)
    cli.main()


if __name__ == "__main__":
    main()
