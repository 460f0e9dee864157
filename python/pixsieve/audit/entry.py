"""How users come by an audit."""

import os
from typing import Any

from pixsieve.annotations import Annotations
from pixsieve.audit.audit import Audit
from pixsieve.config import Config, default_work_dir
from pixsieve.progress import Progress
from pixsieve.sources import Input


def create(work_dir: str | os.PathLike[str] | None = None, input_dir: Input | None = None) -> Audit:
    """An audit that has not run yet; `run()` starts it.

    Args:
        work_dir: Folder for what the run writes; default: `pixsieve-out/NAME OF FOLDER`, with
            `-and-1-more` for two, or `pixsieve-out/files` for longer lists and objects.
        input_dir: A folder, or a list of files.
    """
    return Audit(default_work_dir(input_dir) if work_dir is None else work_dir, input_dir)


def run(
    input_dir: Input,
    *,
    work_dir: str | os.PathLike[str] | None = None,
    annotations: Annotations | None = None,
    progress: bool | Progress | None = None,
    **settings: Any,
) -> Audit:
    """Audits a folder or a list of files; arguments and errors as `Audit.run`.

    Returns:
        The audit, ready to be asked.
    """
    audit = create(work_dir, input_dir)
    return audit.run(annotations=annotations, progress=progress, **settings)


def load(work_dir: str | os.PathLike[str]) -> Audit:
    """An earlier run, with its settings.

    Raises:
        FileNotFoundError: If there is no such folder.
        NotADirectoryError: If it is a file.
        ValueError: If it holds no finished run that this version can read.
    """
    audit = Audit(work_dir)
    audit._open({})
    audit.config = _settings(audit.info)
    return audit


def _settings(info: dict[str, Any]) -> Config:
    """The stored settings; what cannot be stored (functions, mappings) is left at its default."""
    stored = info.get("settings", {})
    usable: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if name not in ("labels", "model_card")
    }
    try:
        return Config(**usable)
    except (TypeError, ValueError) as error:
        raise ValueError(f"run.json holds settings that this version cannot use: {error}") from None
