"""What users know of pictures, joined to inputs of every kind."""

import json
from pathlib import Path

import polars as pl
import pytest

from archive_case import tar_of, zip_of
from conftest import Run, png

NAMES = ("train/cats/0.png", "train/dogs/1.png", "val/cats/2.png", "val/dogs/3.png")
FILES = {name: png(number) for number, name in enumerate(NAMES)}


@pytest.fixture(params=["folder", "tar", "tgz", "zip", "table", "parquet"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path | pl.DataFrame:
    table = pl.DataFrame({"path": NAMES, "image": list(FILES.values())})
    if request.param == "table":
        return table
    if request.param == "folder":
        for name, data in FILES.items():
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "in"
    path = tmp_path / f"all.{request.param}"
    if request.param == "parquet":
        table.write_parquet(path)
    elif request.param == "zip":
        path.write_bytes(zip_of(FILES))
    else:
        path.write_bytes(tar_of(FILES, "w" if request.param == "tar" else "w:gz"))
    return path


def labels(audit) -> list[str | None]:
    return audit.images["label"].to_list()


def test_join_by_path_relative_path_and_name(source, run: Run):
    shown = run(source).images["path"].to_list()
    names = [name.rpartition("/")[2] for name in NAMES]
    for paths in (shown, NAMES, [f"./{name}" for name in NAMES], names):
        audit = run(source, annotations={"path": paths, "label": ["a", "b", "c", "d"]})
        assert labels(audit) == ["a", "b", "c", "d"]
        assert audit.unmatched().is_empty()


def test_what_does_not_match_is_listed_both_ways(source, run: Run):
    known = {"path": [*NAMES[:3], "gone.png"], "label": ["a", "b", "c", "d"], "score": range(4)}
    audit = run(source, annotations=known)
    rows = audit.unmatched().select("side", "reason").rows()
    assert rows == [
        ("annotations", "the input has no such picture"),
        ("input", "no annotation"),
    ]
    paths = audit.unmatched()["path"].to_list()
    assert paths[0] == "gone.png"
    assert paths[1].endswith(NAMES[3])
    assert audit.invalid_instances()["error_code"].to_list() == ["missing_file"]


def test_columns_of_the_user_are_in_every_result(source, run: Run):
    known = {
        "path": NAMES,
        "label": list("aabb"),
        "score": range(4),
        "width": [7] * 4,
        "_kind": [1] * 4,
    }
    audit = run(source, annotations=known, outlier_percentile=0.5, threshold=-1.0)
    assert audit.images.columns[-3:] == ["score", "width_user", "_kind_user"]
    assert audit.images["width"].to_list() == [64] * 4
    for frame in (
        audit.outliers(),
        audit.duplicates(),
        audit.invalid_instances(),
        audit.img_stats(),
    ):
        assert any(name.startswith("score") for name in frame.columns)


def test_lists_of_labels(source, run: Run):
    known = pl.DataFrame({"path": NAMES, "label": [["b", "a"], ["a"], [], None]})
    audit = run(source, annotations=known)
    assert labels(audit) == ["a|b", "a", None, None]
    assert audit.info["label_separator"] == "|"


def test_labels_of_folders_and_splits_of_paths(source, run: Run):
    audit = run(source, labels="folder")
    assert labels(audit) == ["cats", "dogs", "cats", "dogs"]
    assert audit.images["split"].to_list() == ["train", "train", "val", "val"]


def test_ambiguous_names(run: Run, tmp_path: Path):
    path = tmp_path / "all.tar"
    path.write_bytes(tar_of({"a/x.png": png(0), "b/x.png": png(1)}))
    with pytest.raises(ValueError, match=r"'x.png' may be .*a/x.png' or .*b/x.png'") as caught:
        run(path, annotations={"path": ["x.png"], "label": ["a"]})
    assert "(so do 0 others)" in str(caught.value)


def test_annotations_come_before_what_the_input_says(run: Run, tmp_path: Path):
    """Of a WebDataset shard; where they say nothing, its own labels stay."""
    members = {}
    for number in range(3):
        members[f"{number}.png"] = png(number)
        members[f"{number}.cls"] = b"own"
        members[f"{number}.json"] = json.dumps({"score": number}).encode()
    path = tmp_path / "shard.tar"
    path.write_bytes(tar_of(members))
    known = {"path": ["0.png", "1.png"], "label": ["theirs", None], "score": [7.5, 8.5]}
    audit = run(path, annotations=known)
    assert labels(audit) == ["theirs", "own", "own"]
    assert audit.images["score"].to_list() == [0, 1, 2]
    assert audit.images["score_user"].to_list() == [7.5, 8.5, None]


def test_archives_are_no_classes_but_may_name_splits(run: Run, tmp_path: Path):
    for name, number in (("train.tar", 0), ("val-0001.zip", 1)):
        path = tmp_path / "in" / "birds" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        make = tar_of if name.endswith("tar") else zip_of
        path.write_bytes(make({f"{number}.png": png(number)}))
    audit = run(tmp_path / "in", labels="folder")
    assert labels(audit) == ["birds", "birds"]
    assert audit.images["split"].to_list() == ["train", "val"]
