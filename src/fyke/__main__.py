"""``python -m fyke``."""

from fyke.cli import main

main()
