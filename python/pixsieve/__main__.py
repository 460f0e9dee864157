"""`python -m pixsieve`."""

from pixsieve.cli import main

main()
