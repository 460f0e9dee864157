"""Columns and labels that people really have."""

import json
import re

import numpy as np
import polars as pl
import pytest
from PIL import Image

import pixsieve
from archive_case import tar_of
from conftest import draw
from pixsieve import Config

ODD = ["from", "to", "size", "nearest", "group", "score", "first", "center", "strength"]
OURS = ["listed", "relative", "annotated", "_location", "image", "width", "detail"]
OURS += ["source_width", "label_given", "_second", "digest", "error_code", "_box_kind"]


@pytest.fixture
def folder(tmp_path):
    target = tmp_path / "in"
    target.mkdir()
    for number in range(6):
        gradient = Image.linear_gradient("L").rotate(60 * (number // 2)).convert("RGB")
        gradient.resize((50, 40 + number % 2)).save(target / f"{number}.png")
    return target


@pytest.mark.parametrize("columns", [[name] for name in ODD + OURS] + [ODD + OURS, ["x", "x_user"]])
def test_columns_of_any_name_travel_into_every_result(folder, run, columns):
    names = [f"{number}.png" for number in range(6)]
    labels = ["cat", "dog"] * 3
    table = pl.DataFrame({"path": names, "label": labels, **{name: range(6) for name in columns}})
    audit = run(folder, annotations=table, outlier_percentile=1, mislabel_threshold=1)
    frames = [
        audit.annotations(),
        audit.duplicates(threshold=0),
        audit.connected_components(threshold=0),
        audit.outliers(),
        audit.mislabels(),
        audit.img_stats(),
        audit.projection(),
        audit.similarity(threshold=-1),
        audit.leaks(),
        audit.invalid_instances(),
    ]
    assert audit.summary(verbose=False)
    for frame in frames[:7]:
        assert frame.height
        for name in columns:
            values = [frame[column] for column in frame.columns if column.startswith(name)]
            assert any(v.to_list() == frame["image"].to_list() for v in values)


@pytest.mark.parametrize("kind", ["table", "parquet", "csv", "webdataset"])
def test_so_do_those_of_tables_that_are_the_input(folder, run, tmp_path, kind):
    """`width` and `height` stand in many a table of pictures, and beside img2dataset's."""
    names = [*ODD, *OURS, "height", "_kind", "_user", "*", "^a.*$"]
    files = sorted(folder.iterdir())
    labels = ["cat", "dog"] * 3
    own = {name: [f"{name} of {number}" for number in range(6)] for name in names}
    table = pl.DataFrame({"path": list(map(str, files)), "label": labels, **own})
    source = tmp_path / f"input.{'tar' if kind == 'webdataset' else kind}"
    if kind == "parquet":
        table.write_parquet(source)
    elif kind == "csv":
        table.write_csv(source)
    elif kind == "webdataset":
        rows = table.drop("path").to_dicts()
        beside = {f"{number}.json": json.dumps(row).encode() for number, row in enumerate(rows)}
        source.write_bytes(tar_of(beside | {file.name: file.read_bytes() for file in files}))
    audit = run(table if kind == "table" else source, outlier_percentile=1)
    for frame in (audit.annotations(), audit.outliers()):
        for name in names:
            held = [column for column in frame.columns if column.startswith(name)]
            said = [f"{name} of {number}" for number in frame["image"]]
            assert said in [frame[column].cast(pl.String).to_list() for column in held]
    assert audit.annotations()["label"].to_list() == labels
    assert audit.report().is_file()


def test_leading_zeros_of_labels_stay(folder, run, tmp_path):
    rows = "".join(f"{number}.png,0{number % 2},{number}\n" for number in range(6))
    (tmp_path / "labels.csv").write_text("path,label,n\n" + rows)
    audit = run(folder, annotations=tmp_path / "labels.csv")
    assert audit.annotations()["label"].to_list() == ["00", "01"] * 3
    assert audit.annotations()["n"].to_list() == list(range(6))


def test_a_function_that_gives_no_string_is_told(folder, run):
    with pytest.raises(ValueError, match=r"labels: the function gave b'cat' for '.*0\.png'; a str"):
        run(folder, labels=lambda _: b"cat")


def test_annotations_that_match_nothing_are_told(folder, run):
    table = pl.DataFrame({"path": ["cats/0.jpg", "cats/1.jpg"], "label": ["a", "b"]})
    message = r"none of the 2 annotated paths, such as 'cats/0.jpg', is among the 6 images found"
    with pytest.raises(ValueError, match=message):
        run(folder, annotations=table)


def test_one_file_under_several_names_is_one_image(folder, run, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    (tmp_path / "link.png").symlink_to(folder / "0.png")
    audit = run(["0.png", "./0.png", str(folder / "0.png"), str(tmp_path / "link.png"), "1.png"])
    assert audit.annotations().height == 2
    assert audit.info["left_out"] == {"repeated": 3}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"threshold": "0.9"}, "threshold must be a number between -1 and 1, not '0.9'"),
        ({"hidden": "no"}, "hidden must be True or False, not 'no'"),
        ({"prefer_formats": "png"}, "prefer_formats must be a list of strings, not 'png'"),
        ({"subset": "a.png"}, "subset must be a list of strings, not 'a.png'"),
        ({"blur_threshold": None}, "blur_threshold needs a value; its default is 50.0"),
        ({"batch_size": None}, "batch_size needs a value; its default is 16"),
        ({"prefer_splits": [None]}, "prefer_splits must be a list of strings; one of them is None"),
        ({"subset": [1]}, "subset must be a list of strings; one of them is 1"),
        ({"model_path": 3}, "model_path must be a path, not 3"),
        ({"labels": 3}, 'labels must be "folder", the name of a column, a mapping or a function, '),
    ],
)
def test_settings_of_another_kind_are_refused(setting, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Config(**setting)


def test_numbers_of_numpy_are_kept_with_the_run(folder, run):
    audit = run(folder, threshold=np.float32(0.75), nearest_neighbors_k=np.int64(3))
    loaded = pixsieve.load(audit.work_dir)
    assert loaded.config.threshold == 0.75
    assert loaded.config.nearest_neighbors_k == 3


def test_a_column_that_is_named_as_one_of_ours_on_the_way(folder, run):
    audit = run(folder, annotations={"path": ["0.png", "gone.png"], "row": [7, 8]})
    assert audit.annotations()["row"].to_list() == [7, *[None] * 5, 8]


def test_labels_from_a_column_that_is_not_there(folder, run):
    with pytest.raises(ValueError, match="labels='label': the annotations have no such column"):
        run(folder, labels="label", annotations={"path": ["0.png"], "kind": ["x"]})


def test_queries_out_of_range_are_refused(folder, run):
    audit = run(folder)
    with pytest.raises(ValueError, match="outlier_percentile must be a number between 0 and 1"):
        audit.outliers(outlier_percentile=2)
    with pytest.raises(ValueError, match='outlier_cut="auto" takes no outlier_percentile'):
        audit.outliers(0.1, outlier_cut="auto")
    with pytest.raises(ValueError, match="outlier_cut must be one of auto, percentile"):
        audit.outliers(outlier_cut="none")
    with pytest.raises(ValueError, match="flag must be one of low_information, low_contrast"):
        audit.flags("darkness")
    with pytest.raises(ValueError, match=r"threshold must be a number between -1 and 1, not 1\.5"):
        audit.duplicates(threshold=1.5)
    with pytest.raises(ValueError, match="threshold must be a number between -1 and 1, not 1000"):
        audit.duplicates(threshold=10**400)
    for cut in ("", []):
        with pytest.raises(ValueError, match="outlier_cut must be one of auto, percentile"):
            audit.outliers(outlier_cut=cut)


def test_a_column_of_any_name_leaves_the_leaks_alone(tmp_path, run):
    for number, name in enumerate(["train/a.png", "train/b.png", "test/a.png"]):
        (tmp_path / "two" / name).parent.mkdir(parents=True, exist_ok=True)
        draw(number % 2).save(tmp_path / "two" / name)
    names = ["place", "stand_in", "same", "rank", "strength", "split_place", "pair"]
    table = {"path": ["train/a.png"], **{name: ["Paris"] for name in names}}
    audit = run(tmp_path / "two", annotations=table)
    assert audit.leaks().select("path_from", "kind").rows() == [
        (str(tmp_path / "two" / "train" / "a.png"), "exact")
    ]
    assert audit.leaks(all=True).height == 1
    assert audit.leak_counts()["images"].to_list() == [1]


def test_what_is_done_to_a_frame_does_not_change_the_next_answer(folder, run):
    audit = run(folder)
    before = {name: getattr(audit, name)() for name in ("duplicates", "img_stats", "flags")}
    spoilt = audit.duplicates()
    spoilt.columns = [column.upper() for column in spoilt.columns]
    spoilt = audit.img_stats()
    spoilt.replace_column(spoilt.columns.index("mean"), pl.Series("mean", [0.0] * spoilt.height))
    spoilt.drop_in_place("stdv")
    audit.flags().extend(audit.flags())
    for name, frame in before.items():
        assert getattr(audit, name)().equals(frame)
    assert audit.summary(verbose=False)


def test_other_settings_give_other_answers(folder, run):
    audit = run(folder)
    assert "dark" not in audit.flags()["flag"]
    audit.config = audit.config.replace(dark_threshold=200)
    assert "dark" in audit.flags()["flag"]
