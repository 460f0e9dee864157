"""Where a run writes if nothing is said, and what its input is called."""

from pathlib import Path

import pytest

from conftest import Pictures, Run
from pixsieve.config import default_work_dir


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("shards/a.tar", "a-tar"),
        (["shards/a.tar"], "a-tar"),
        (["a.tar", Path("b.tar")], "a-tar-and-1-more"),
        (("s3://key:secret@bucket/a", "b.tar"), "a-and-1-more"),
        ([f"{number}.tar" for number in range(4)], "0-tar-and-3-more"),
        ([f"{number}.tar" for number in range(5)], "files"),
        ([], "files"),
        (["a.jpg"], "files"),
        (["a.tar", "b.jpg"], "files"),
        ("b.jpg", "b-jpg"),
        (["a.tar", {"path": ["b.png"]}], "files"),
        ({"path": ["b.png"]}, "files"),
    ],
)
def test_it_is_called_by_the_names_of_few_inputs(given: object, name: str):
    assert default_work_dir(given) == Path("pixsieve-out") / name


def test_several_inputs_are_said_by_name(run: Run, pictures: Pictures, tmp_path: Path):
    for name in ("one", "two"):
        pictures(tmp_path / name, f"{name}.png")
    audit = run([tmp_path / "one", tmp_path / "two"])
    assert audit.info["input"] == f"{tmp_path / 'one'}, {tmp_path / 'two'}"
