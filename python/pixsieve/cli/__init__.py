"""The command line."""

import signal
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Runs the command line and exits."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Nothing is there yet that would have to be tidied up: Ctrl-C may end the process at once.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pixsieve.cli import app  # noqa: PLC0415

    app.main()
