"""`python -m zskt`."""

from zskt.cli import main

main()
