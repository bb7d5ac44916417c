"""The program's first moment, before there is anything that could say why it ends."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line; also from `python -m pipeline`."""
    try:
        # imported this late, so that a Ctrl-C during the imports ends in no traceback either
        from pipeline import cli  # noqa: PLC0415
    except KeyboardInterrupt:
        os._exit(130)
    cli.main()


if __name__ == "__main__":
    main()
