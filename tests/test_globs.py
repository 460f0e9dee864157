"""Patterns of paths as inputs."""

import glob
import io
import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_case import tar_of
from conftest import Pictures, Run, draw
from pixsieve.config import default_work_dir
from pixsieve.sources.globs import fitting
from pixsieve.sources.listing import Listing, listed
from test_cli import cli

NAMES = ["a.png", "cats/b.png", "cats/c.jpg", "cats/.h.png", "dogs/deep/d.png", "dogs/e.png"]


@pytest.fixture
def folder(tmp_path: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collection `pics`, seen from where it lies."""
    pictures(tmp_path / "pics", *NAMES)
    (tmp_path / "pics" / "notes.txt").write_text("no list of paths")
    (tmp_path / "pics" / "README").write_text("nor a picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pics"


def paths(run: Run, *patterns: str, **options: object) -> list[str]:
    audit = run(patterns[0] if len(patterns) == 1 else list(patterns), **options)
    assert audit.images["error_code"].null_count() == audit.images.height
    return audit.images["path"].to_list()


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("pics/*.png", ["a.png"]),
        ("pics/*/*.png", ["cats/b.png", "dogs/e.png"]),
        ("pics/**/*.png", ["a.png", "cats/b.png", "dogs/deep/d.png", "dogs/e.png"]),
        ("pics/**/d*", ["dogs/deep/d.png", "dogs/e.png"]),
        ("pics/[cd]*/?.jpg", ["cats/c.jpg"]),
        ("pics/c*", ["cats/b.png", "cats/c.jpg"]),
        ("pics/*", ["a.png", "cats/b.png", "cats/c.jpg", "dogs/deep/d.png", "dogs/e.png"]),
        ("pics/**", ["a.png", "cats/b.png", "cats/c.jpg", "dogs/deep/d.png", "dogs/e.png"]),
        ("**/cats/**/*.jpg", ["cats/c.jpg"]),
    ],
)
def test_what_fits(run: Run, folder: Path, pattern: str, expected: list[str]) -> None:
    assert paths(run, pattern) == [f"pics/{name}" for name in expected]
    absolute = f"{folder.parent}/{pattern}"
    assert paths(run, absolute) == [f"{folder}/{name}" for name in expected]


names = st.sampled_from(["a", "b", "ab", "a.png", "b.png", "c.jpg"])
parts = st.sampled_from(["*", "a*", "**", "?", "[ab]", "*.png", "a.png", "*b*"])


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sets(st.lists(names, min_size=1, max_size=3).map("/".join)), st.lists(parts, min_size=1))
def test_the_same_files_fit_as_for_python(
    tmp_path_factory: pytest.TempPathFactory, found: set[str], pattern: list[str]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    files = {name for name in found if not any(other.startswith(f"{name}/") for other in found)}
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    text = "/".join(["*", *pattern])
    matched = glob.glob(text, root_dir=root, recursive=True)  # noqa: PTH207 - what is compared
    # To Python a file may be called `a.png/` by the pattern `*/**`; to shells it may not.
    matched = [one for one in matched if not one.endswith("/") or (root / one).is_dir()]
    expected = {
        name for name in files for one in matched if f"{name}/".startswith(one.rstrip("/") + "/")
    }
    column = pl.Series(sorted(files), dtype=pl.String)
    frame = listed({"path": column, "relative": column, "location": column.cast(pl.Binary)})
    try:
        kept = fitting(Listing(frame), f"s3://b/{text}").frame["relative"].to_list()
    except FileNotFoundError:
        kept = []
    assert set(kept) == expected


def test_labels_are_the_folders_behind_the_first_star(run: Run, folder: Path) -> None:
    audit = run(str(folder / "*" / "*.*"), labels="folder")
    assert audit.images.select("path", "label").rows() == [
        (f"{folder}/cats/b.png", "cats"),
        (f"{folder}/cats/c.jpg", "cats"),
        (f"{folder}/dogs/e.png", "dogs"),
    ]
    known = {"path": ["cats/b.png", "dogs/e.png"], "label": ["x", "y"]}
    assert run("pics/*/*.png", annotations=known).images["label"].to_list() == ["x", "y"]


def test_files_that_are_called_like_a_pattern_come_first(run: Run, folder: Path) -> None:
    for name in ("[ab].png", "st*r.png"):
        draw(9).save(folder / name)
    draw(8).save(folder / "star.png")
    assert paths(run, "pics/[ab].png") == ["pics/[ab].png"]
    assert paths(run, "pics/st*r.png") == ["pics/st*r.png"]
    assert paths(run, "pics/st?r.png") == ["pics/st*r.png", "pics/star.png"]


def test_hidden_files_only_when_asked_for(run: Run, folder: Path) -> None:
    assert "pics/cats/.h.png" in paths(run, "pics/cats/*.png", hidden=True)
    assert "pics/cats/.h.png" in paths(run, "pics/**/*.png", hidden=True)


def test_archives_and_lists_that_fit_are_opened(run: Run, folder: Path) -> None:
    png = (folder / "a.png").read_bytes()
    (folder / "x1.tar").write_bytes(tar_of({"in.png": png}))
    (folder / "cats" / "x2.tar").write_bytes(tar_of({"in.png": png}))
    assert paths(run, "pics/x*.tar") == ["pics/x1.tar/in.png"]
    assert paths(run, "pics/**/*.tar") == ["pics/cats/x2.tar/in.png", "pics/x1.tar/in.png"]
    (folder / "one.csv").write_text("path\na.png\n")
    assert paths(run, "pics/*.csv") == ["a.png"]


def test_beside_others_each_file_is_once(run: Run, folder: Path) -> None:
    found = paths(run, "pics/*.png", "pics/a.png", "pics/**/*.png", "pics/cats")
    assert sorted(found) == sorted(f"pics/{name}" for name in NAMES if "/." not in name)


def test_folders_that_lead_in_circles(run: Run, folder: Path) -> None:
    for name in ("here", "there"):
        (folder / "dogs" / name).symlink_to(folder)
    assert len(paths(run, "pics/**/*.png")) == 4


def test_nothing_fits(run: Run, folder: Path) -> None:
    for pattern in ("pics/*.webp", "nowhere/*", "pics/**/*.bmp", "pics/READ*"):
        with pytest.raises(FileNotFoundError, match="no picture fits this pattern"):
            run(pattern)
    with pytest.raises(FileNotFoundError, match=r"pigs/\*: no picture fits"):
        run(["pics", "pigs/*"])


def test_names_that_are_not_utf_8(run: Run, folder: Path) -> None:
    buffer = io.BytesIO()
    draw(5).save(buffer, "png")
    odd = os.fsencode(folder) + b"/\xff"
    os.mkdir(odd)  # noqa: PTH102
    Path(os.fsdecode(odd + b"/q.png")).write_bytes(buffer.getvalue())
    assert paths(run, os.fsdecode(odd + b"/*.png")) == [f"{folder}/\\xff/q.png"]
    assert f"{folder}/\\xff/q.png" in paths(run, f"{folder}/**/*.png")


def test_where_a_run_goes() -> None:
    assert default_work_dir("pics/cats/*.png") == Path("pixsieve-out/cats")
    assert default_work_dir("pics/**/*.png") == Path("pixsieve-out/pics")


def test_on_the_command_line(folder: Path) -> None:
    done = cli("run", "pics/**/*.png", "--no-report", cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 images")
    assert (folder.parent / "pixsieve-out" / "pics").is_dir()
    typo = cli("run", "pics", "pics/gone.png", "-o", "out", cwd=folder.parent)
    assert (typo.returncode, typo.stderr) == (
        1,
        "pixsieve: error: pics/gone.png: there is no such file or folder\n",
    )
    assert not (folder.parent / "out").exists()
