"""The contenders: other packages, in an environment of their own.

fastdup wants older libraries than Pixsieve; imagededup wants PyTorch, which its hashes do not use.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".venv-peers"
NEEDED = (
    *("fastdup", "cleanlab", "cleanvision", "scikit-learn"),
    # What imagededup needs for its hashes.
    *("PyWavelets", "scipy", "tqdm", "matplotlib"),
)
#: No telemetry.
ENVIRONMENT = {"SENTRY_OPT_OUT": "1", "FASTDUP_PRODUCTION": "1"}


def peers_python(given: Path | None) -> Path:
    """The interpreter of an environment that has the contenders, made on first use."""
    if given is not None:
        return given
    python = FOLDER / "bin" / "python"
    if not python.exists():
        print(f"installing the contenders into {FOLDER.name}", file=sys.stderr)
        venv.create(FOLDER, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *NEEDED], check=True)
        subprocess.run([*install, "--no-deps", "imagededup"], check=True)
    return python


def run_peer(python: Path, script: str, *arguments: object) -> None:
    """Runs a script of a contender.

    Raises:
        RuntimeError: If it fails; with the end of what it said.
    """
    command = [str(python), "-c", script, *map(str, arguments)]
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[-1]}: {done.stderr[-2000:]}")
