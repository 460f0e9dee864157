"""Files of this machine and objects of others, opened the same way."""

import os
from pathlib import Path
from typing import BinaryIO

from pixsieve.config import Config
from pixsieve.sources.listing import is_url


class Opener:
    """Opens what a location of `LISTED` names."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def __call__(self, location: str | bytes) -> BinaryIO:
        """A binary file that can be sought in.

        Raises:
            OSError: If it cannot be opened.
        """
        name = os.fsdecode(location)
        if is_url(name):
            from pixsieve.sources.cloud import open_remote  # noqa: PLC0415 - for remote inputs

            return open_remote(name, self._config)
        return Path(name).open("rb")

    def or_path(self, location: str) -> BinaryIO | str:
        """The same, but the path itself of a file on this machine."""
        return self(location) if is_url(location) else location
