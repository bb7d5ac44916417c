"""`python -m pipeline` is `stackbuild`."""

from pipeline.cli import main

main()
