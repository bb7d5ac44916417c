"""The program's first moment, before there is anything that could say why it ends."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command line; also from `python -m pipeline`."""
    # an exception that breaks into an import may come out of it as any other one, with its traceback
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from pipeline import cli  # noqa: PLC0415

    if listens:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
