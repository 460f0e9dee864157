"""`pixsieve models`: lists, fetches and verifies the models that have a name."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from pixsieve.errors import ModelError
from pixsieve.models import CATALOG, Entry, cache_folder, check, fetch, named, path_of
from pixsieve.progress import Progress

#: How `app` reports progress, and how it prints.
Reporter = Callable[[bool], AbstractContextManager[Progress]]
Say = Callable[[str], None]


@dataclass(frozen=True)
class State:
    """What is known of an entry's file."""

    entry: Entry
    path: Path
    state: str
    """`absent`, `present` (not read), `verified`, `kept` (as the first copy was) or `wrong`."""
    sha256: str | None = None
    problem: str | None = None

    def line(self) -> str:
        """For a person."""
        entry = self.entry
        return f"{entry.name:<13} {megabytes(entry.about):>9}  {self.state:<9} {entry.license}"

    def facts(self) -> dict[str, Any]:
        """For a program."""
        entry = self.entry
        return {
            "name": entry.name,
            "state": self.state,
            "path": str(self.path),
            "sha256": self.sha256 or entry.sha256,
            "sha256_known": entry.sha256 is not None,
            "sha256_from": entry.known_from,
            "size": entry.size,
            "about": entry.about,
            "license": entry.license,
            "license_url": entry.license_url,
            "source": entry.source,
            "urls": list(entry.urls),
            "description": entry.description,
            "embeds": entry.card is not None,
            "problem": self.problem,
        }


def megabytes(size: int) -> str:
    """A size as people say it."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def look(entry: Entry) -> State:
    """Whether the file is there, by its size at most."""
    path = path_of(entry)
    if not path.is_file():
        return State(entry, path, "absent")
    size = path.stat().st_size
    if entry.size not in (None, size):
        return State(entry, path, "wrong", problem=f"{size:,} bytes, not {entry.size:,}")
    return State(entry, path, "present")


def verify(entry: Entry) -> State:
    """Whether the file is there and what it should be; reads all of it."""
    path = path_of(entry)
    try:
        cached = check(entry)
    except ModelError as error:
        return State(entry, path, "wrong", problem=str(error))
    if cached is None:
        return State(entry, path, "absent")
    return State(entry, path, "kept" if cached.pinned else "verified", cached.sha256)


def overview() -> Iterator[str]:
    """The list, as printed."""
    states = [look(entry) for entry in CATALOG.values()]
    yield f"{'model':<13} {'size':>9}  {'state':<9} licence"
    yield from (state.line() for state in states)
    unknown = ", ".join(entry.name for entry in CATALOG.values() if entry.sha256 is None)
    yield f"\nCache: {cache_folder()}"
    yield f"No SHA-256 is known of {unknown}: the first copy is kept to, or give --sha256."
    yield "Use one: pixsieve run FOLDER --model-path dinov2s"
    yield "Their thresholds are fastdup's defaults (0.9 and 0.96), not measured for each."


def show(say: Say, states: list[State], printed: list[str], *, as_json: bool) -> None:
    """Prints the lines, or the facts of the states as JSON."""
    facts = {"cache": str(cache_folder()), "models": [state.facts() for state in states]}
    say(json.dumps(facts, indent=2) if as_json else "\n".join(printed))


def group(reporter: Reporter, say: Say) -> click.Group:
    """The commands, which report and print as the others do."""
    as_json = click.option(
        "--json", "as_json", is_flag=True, help="Print the facts as JSON, and nothing else."
    )
    quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")

    @click.group("models", invoke_without_command=True, short_help="Lists and fetches models.")
    @as_json
    @click.pass_context
    def models(ctx: click.Context, as_json: bool) -> None:
        """Lists the models that have a name; fetches and verifies them."""
        if ctx.invoked_subcommand is None:
            show(
                say, [look(entry) for entry in CATALOG.values()], list(overview()), as_json=as_json
            )

    @models.command("fetch")
    @click.argument("name")
    @click.option("--sha256", help="What the file must be, where that is not known.")
    @click.option("--force", is_flag=True, help="Download it again, whatever is there.")
    @quiet
    @as_json
    def fetch_command(
        name: str, sha256: str | None, force: bool, quiet: bool, as_json: bool
    ) -> None:
        """Downloads the model NAME into the cache, unless it is there; checks it."""
        entry = _entry(name)
        with reporter(quiet or as_json) as progress:
            fetch(entry, progress=progress, sha256=sha256, force=force)
        state = verify(entry)
        if not quiet or as_json:
            show(say, [state], [str(state.path), *_explained(state)], as_json=as_json)

    @models.command("verify")
    @click.argument("name", required=False)
    @quiet
    @as_json
    def verify_command(name: str | None, quiet: bool, as_json: bool) -> None:
        """Reads the model NAME, or all that are there, and compares their SHA-256."""
        entries = list(CATALOG.values()) if name is None else [_entry(name)]
        states = [verify(entry) for entry in entries]
        if name is None:
            states = [state for state in states if state.state != "absent"]
        elif states[0].state == "absent":
            raise FileNotFoundError(f"{name} is not in the cache: there is no {states[0].path}")
        if not quiet or as_json:
            lines = [f"{state.entry.name:<13} {state.state}" for state in states]
            show(say, states, lines or ["no model is in the cache"], as_json=as_json)
        if problems := [state.problem for state in states if state.problem]:
            raise ModelError("; ".join(problems))

    return models


def _entry(name: str) -> Entry:
    try:
        return named(name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _explained(state: State) -> Iterator[str]:
    entry = state.entry
    yield f"Licence: {entry.license}, {entry.license_url}"
    if state.state == "kept":
        yield (
            f"SHA-256: {state.sha256}. Nobody vouches for it ({entry.known_from}); from now on "
            "the file must stay this one."
        )
