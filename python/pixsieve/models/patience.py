"""How long to wait for servers, and what is raised in the end."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to ask it again."""

    timeout: float = 30.0
    """Seconds without a byte."""
    tries: int = 5
    """In a row that brought nothing new."""
    pause: float = 1.0
    """Seconds before the second try; twice as long before each further one."""
    longest: float = 30.0
    """Seconds that no pause exceeds."""


PATIENCE = Patience()


class DownloadError(OSError):
    """The file did not come. Another address may have it."""
