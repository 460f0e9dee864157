"""Tables as lists of rows, and lists that are none."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import pixsieve
from pixsieve.annotations import read_annotations
from pixsieve.config import Config
from report_case import draw


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    made = [tmp_path / "in" / f"{name}.png" for name in "abc"]
    made[0].parent.mkdir()
    for seed, path in enumerate(made):
        draw(seed).save(path)
    return [str(path) for path in made]


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def made(source: Any, **more: Any) -> pixsieve.Audit:
        return pixsieve.run(
            source, work_dir=tmp_path / "out", overwrite=True, progress=False, **more
        )

    return made


def test_rows_are_the_table_that_they_come_from(paths: list[str], run: Any) -> None:
    table = pl.DataFrame({"path": paths, "label": ["x", None, "y"], "score": [1.5, 2, None]})
    expected = run(table).images
    assert expected["label"].to_list() == ["x", None, "y"]
    for rows in (
        table.to_dicts(),
        [{**row, "path": Path(row["path"])} for row in table.to_dicts()],
    ):
        assert run(rows).images.equals(expected)


def test_rows_that_lack_something(paths: list[str], run: Any) -> None:
    rows = [{"path": path} for path in paths]
    rows[2]["label"] = "late"
    assert run(rows).images["label"].to_list() == [None, None, "late"]


def test_rows_of_pictures(run: Any) -> None:
    pictures = [draw(seed) for seed in range(3)]
    audit = run([{"image": one, "label": n} for n, one in enumerate(pictures)])
    assert audit.images["error_code"].null_count() == 3
    assert audit.images["label"].to_list() == ["0", "1", "2"]


def test_tables_in_a_list_are_still_tables(paths: list[str], run: Any) -> None:
    audit = run([{"path": paths[:1], "label": ["x"]}, {"path": paths[1:], "label": ["y", "z"]}])
    assert audit.images["label"].to_list() == ["x", "y", "z"]


def test_pairs_are_refused(paths: list[str], run: Any) -> None:
    labels = ["x", "y", "z"]
    for pairs in (list(zip(paths, labels, strict=True)), [[paths[0], "x"]], [paths[0], (1, 2)]):
        with pytest.raises(ValueError, match="a table with the columns path and label"):
            run(pairs)


def test_a_row_among_paths_is_refused(paths: list[str], run: Any) -> None:
    for source in ([paths[0], {"path": paths[1], "label": "x"}], {"path": paths[1], "label": "x"}):
        with pytest.raises(ValueError, match="cannot read a dict: give a folder"):
            run(source)


def test_annotations_as_rows(paths: list[str], run: Any) -> None:
    for name in ("path", "filename"):
        rows = [
            {name: f"{one}.png", "label": one, "data": "x", "score": n}
            for n, one in enumerate([*"ab"])
        ]
        rows[1]["score"] = 0.5
        found = run(Path(paths[0]).parent, annotations=rows).images
        assert found["label"].to_list() == ["a", "b", None]
        assert found["score"].to_list() == [0, 0.5, None]


def test_tasks_are_still_tasks() -> None:
    task = {"path": "b.png", "data": {"image": "a.png"}, "annotations": []}
    assert read_annotations([task], Config())["path"].to_list() == ["a.png"]
    with pytest.raises(ValueError, match="is no task of Label Studio"):
        read_annotations([{"picture": "a.png"}], Config())
