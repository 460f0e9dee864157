"""The README tells the truth: its code runs, its outputs and its table are real."""

import contextlib
import dataclasses
import io
import re
from pathlib import Path

import pytest

from pixsieve import Config, demo
from pixsieve.cli.options import flag

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo collection under the name that the README uses."""
    demo.build(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_code_blocks_run_and_print_what_the_readme_shows(photos: Path) -> None:
    shared: dict[str, object] = {}
    wrong = []
    followers = [*BLOCKS[1:], ("", "")]
    for (language, code), (next_language, shown) in zip(BLOCKS, followers, strict=True):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), shared)
        expected = shown if next_language == "text" else ""
        if printed.getvalue() != expected:
            wrong.append((code, expected, printed.getvalue()))
    assert "audit" in shared
    for code, expected, printed_text in wrong:
        text = README.read_text(encoding="utf-8")
        old, new = (
            f"{code}```\n\n```text\n{expected}```",
            f"{code}```\n\n```text\n{printed_text}```",
        )
        README.write_text(text.replace(old, new), encoding="utf-8")
    assert not wrong, "the README's outputs were out of date; they have been rewritten"


def settings_table() -> str:
    lines = ["| setting | option | default | |", "|---|---|---|---|"]
    for field in dataclasses.fields(Config):
        option = f"`{flag(field.name)}`" if field.metadata["cli"] else ""
        default = "" if field.default is None else f"`{field.default!r}`"
        lines.append(f"| `{field.name}` | {option} | {default} | {field.metadata['help']} |")
    return "\n".join(lines)


def test_the_table_of_settings_is_made_from_config() -> None:
    text = README.read_text(encoding="utf-8")
    begin, end = "<!-- settings -->\n", "\n<!-- /settings -->"
    before, rest = text.split(begin)
    shown, after = rest.split(end)
    if shown != settings_table():
        README.write_text(before + begin + settings_table() + end + after, encoding="utf-8")
        pytest.fail("the README's table of settings was out of date; it has been rewritten")
