"""Files of annotations: whatever separates their columns, and wherever they lie."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import pixsieve
from cloud_case import FakeServer, quick
from conftest import Pictures, Run
from pixsieve.annotations import hint

LABELS = [("0.png", "01"), ("1.png", "b")]
TABLES = {
    "semicolons.csv": b"filename;label\n0.png;01\n1.png;b\n",
    "tabs.tsv": b"image_path\tlabel\n0.png\t01\n1.png\tb\n",
    "commas.txt": b"file_name,label\r\n0.png,01\r\n1.png,b\r\n",
    "bars.lst": b"filepath|label\n0.png|01\n1.png|b\n",
    "spaces.csv": b" Path , label \n0.png,01\n1.png,b\n",
    "marked.csv": "\ufefffile_path,label\n0.png,01\n1.png,b\n".encode(),
    "wide.csv": "path,label\n0.png,01\n1.png,b\n".encode("utf-16"),
    "lines.jsonl": b'{"file_name": "0.png", "label": "01"}\n\n{"file_name": "1.png","label":"b"}\n',
    "rows.json": json.dumps([{"path": name, "label": label} for name, label in LABELS]).encode(),
}


def known(audit: pixsieve.Audit) -> list[tuple[str, str]]:
    rows = audit.images.drop_nulls("label").select("path", "label").rows()
    return [(path.rpartition("/")[2], label) for path, label in rows]


class TestTables:
    @pytest.mark.parametrize("name", TABLES)
    def test_as_the_input_reads_them(self, run: Run, seven: Path, tmp_path: Path, name: str):
        file = tmp_path / name
        file.write_bytes(TABLES[name])
        assert known(run(seven, annotations=file)) == LABELS
        beside = seven / name
        beside.write_bytes(TABLES[name])
        if name != "rows.json":
            assert known(run(beside)) == LABELS

    def test_bytes_that_are_no_text_are_written_as_numbers(
        self, run: Run, seven: Path, tmp_path: Path
    ):
        file = tmp_path / "latin.csv"
        file.write_bytes("path,label\n0.png,café\n".encode("latin-1"))
        assert known(run(seven, annotations=file)) == [("0.png", r"caf\xe9")]

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"path,label\n0.png,a,b\n", "its header has 2 cells, the line below 3"),
            (b'path,label\n"0.png,a\n', "its header has 2 cells, the line below 1"),
            (b"path,path\n0.png,a\n", "two of its columns have the same name: 'path,path'"),
            (b"path,label\n", "annotations: they hold no row, for any picture"),
            (b"path,label\n,a\n", "annotations: 1 rows have no path"),
            (b'path,label\n"",a\n', "annotations: 1 rows have no path"),
        ],
    )
    def test_what_is_wrong(self, run: Run, seven: Path, tmp_path: Path, data: bytes, message: str):
        file = tmp_path / "table.csv"
        file.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            run(seven, annotations=file)

    def test_lines_that_are_no_json(self, run: Run, seven: Path, tmp_path: Path):
        file = tmp_path / "table.jsonl"
        file.write_text('{"path": "0.png"}\n{"path": \n')
        with pytest.raises(ValueError, match=f"^annotations: {file}, line 2 is no valid JSON"):
            run(seven, annotations=file)
        with pytest.raises(ValueError, match=f"^{file}, line 2 is no valid JSON"):
            run(file)
        file.write_text('{"name": "0.png"}\n')
        with pytest.raises(ValueError, match="need a field path or filename; found are name"):
            run(file)

    def test_nothing_is_annotated(self, run: Run, seven: Path):
        for empty in (
            pl.DataFrame(schema={"path": pl.String}),
            {"images": [], "annotations": [], "categories": []},
        ):
            with pytest.raises(ValueError, match=r"^annotations: they hold no row"):
                run(seven, annotations=empty)

    def test_values_of_several_kinds(self, run: Run, seven: Path):
        for labels, told in [
            ([1, "b"], ["1", "b"]),
            ([1.0, None], ["1", None]),
            ([2.5, 3.0], ["2.5", "3.0"]),
            ([["a", 1], "b"], ["1|a", "b"]),
            ([None, True], [None, "true"]),
        ]:
            audit = run(seven, annotations={"path": ["0.png", "1.png"], "label": labels})
            assert audit.images["label"].to_list()[:2] == told
        with pytest.raises(ValueError, match=r"^annotations: these columns make no table: [^\n]*$"):
            run(seven, annotations={"path": ["0.png", "1.png"], "label": [{"a": 1}, "b"]})
        with pytest.raises(ValueError, match=r"column 'label' holds Struct.*cannot be written"):
            run(seven, annotations={"path": ["0.png"], "label": [{"a": 1}]})


class TestPaths:
    def test_windows_spelling_of_a_path_is_no_ending(
        self, run: Run, tmp_path: Path, pictures: Pictures
    ):
        pictures(tmp_path / "in", "a.png", "s/a.png", "b.png")
        table = {"path": ["s\\a.png", ".\\b.png"], "label": ["s", "b"]}
        audit = run(tmp_path / "in", annotations=table)
        assert audit.images["label"].to_list() == [None, "b", "s"]

    def test_pictures_outside_the_input_are_not_read(
        self, run: Run, tmp_path: Path, pictures: Pictures, monkeypatch: pytest.MonkeyPatch
    ):
        pictures(tmp_path, "in/a.png", "in/b.png", "out/c.png", "d.png")
        known = {"path": ["a.png", "../out/c.png", str(tmp_path / "d.png"), "gone.png"]}
        for boxes in (
            {},
            {"col_x": [0] * 4, "row_y": [0] * 4, "width": [20] * 4, "height": [20] * 4},
        ):
            audit = run(tmp_path / "in", annotations=known | boxes)
            codes = audit.images["error_code"].to_list()
            assert codes == [*[None] * (1 if boxes else 2), "missing_file"]
            lost = audit.unmatched().filter(side="annotations")["path"].to_list()
            assert sorted(lost) == sorted(known["path"][1:])
        monkeypatch.chdir(tmp_path)
        table = {"path": ["in/a.png", "in/b.png", "d.png"], "label": ["a", "b", "d"]}
        assert run(["in/a.png"], annotations=table).images["path"].to_list() == ["in/a.png"]
        with pytest.raises(ValueError, match="none of the 1 annotated paths"):
            run(tmp_path / "in", annotations={"path": [str(tmp_path / "d.png")]})


class TestElsewhere:
    @pytest.fixture
    def server(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
        with FakeServer() as started:
            quick(monkeypatch, started.url)
            started.objects |= {f"bkt/{name}": data for name, data in TABLES.items()}
            yield started

    @pytest.mark.usefixtures("server")
    @pytest.mark.parametrize("name", ["semicolons.csv", "lines.jsonl", "rows.json"])
    def test_of_a_bucket(self, run: Run, seven: Path, name: str):
        assert known(run(seven, annotations=f"s3://bkt/{name}")) == LABELS

    def test_of_a_server(self, server: FakeServer, run: Run, seven: Path, tmp_path: Path):
        table = tmp_path / "a.parquet"
        pl.DataFrame(LABELS, schema=["path", "label"], orient="row").write_parquet(table)
        coco = {
            "images": [{"id": 1, "file_name": "3.png"}],
            "annotations": [{"image_id": 1, "category_id": 2, "bbox": [1, 2, 30, 40]}],
            "categories": [{"id": 2, "name": "cat"}],
        }
        server.objects["bkt/a.parquet"] = table.read_bytes()
        server.objects["bkt/coco.json"] = json.dumps(coco).encode()
        assert known(run(seven, annotations=f"{server.url}/bkt/a.parquet?sig=7")) == LABELS
        audit = run(seven, annotations=f"{server.url}/bkt/coco.json")
        assert known(audit) == [("3.png#xywh=1,2,30,40", "cat")]

    @pytest.mark.parametrize("name", ["data.yaml", "a.xml", "labels/", "labels"])
    def test_what_needs_the_files_beside_it(self, run: Run, seven: Path, name: str):
        with pytest.raises(ValueError, match=r"^annotations: s3://bkt/.* download it"):
            run(seven, annotations=f"s3://bkt/{name}")

    @pytest.mark.parametrize("name", ["data.yaml", "coco.json"])
    def test_as_the_input_it_must_lie_here(self, run: Run, name: str):
        with pytest.raises(ValueError, match=f"^s3://bkt/{name}: .* only on this machine"):
            run(f"s3://bkt/{name}")

    @pytest.mark.usefixtures("server")
    def test_one_that_is_gone(self, run: Run, seven: Path):
        with pytest.raises(FileNotFoundError, match=r"s3://bkt/gone\.csv"):
            run(seven, annotations="s3://bkt/gone.csv")

    def test_pictures_of_a_bucket_named_by_a_file_here(
        self, server: FakeServer, run: Run, seven: Path, tmp_path: Path
    ):
        server.objects["bkt/a.png"] = (seven / "0.png").read_bytes()
        result = {"type": "choices", "value": {"choices": ["cat"]}}
        tasks = [
            {"data": {"image": place}, "annotations": [{"result": [result]}]}
            for place in ("s3://bkt/a.png", str(seven / "1.png"))
        ]
        file = tmp_path / "tasks.json"
        file.write_text(json.dumps(tasks))
        audit = run(file)
        assert known(audit) == [("1.png", "cat"), ("a.png", "cat")]
        assert audit.images["error_code"].null_count() == 2


COCO = {"images": [], "annotations": [], "categories": []}
LYING = {
    "data.yaml": ("data.yaml", b"train: images\nnames: [a]\n"),
    "dataset.yml": ("dataset.yml", b"names: [a]\nval: images\n"),
    "labels": ("labels/train/0.txt", b"0 .5 .5 .1 .1"),
    "Annotations": ("Annotations/0.xml", b"<annotation/>"),
    "annotations/b.json": ("annotations/b.json", json.dumps(COCO).encode()),
    "train/_annotations.coco.json": ("train/_annotations.coco.json", json.dumps(COCO).encode()),
    "metadata.csv": ("metadata.csv", b"file_name,text\n0.png,x\n"),
    "val/metadata.jsonl": ("val/metadata.jsonl", b'{"file_name": "0.png"}\n'),
}


class TestHint:
    @pytest.mark.parametrize("told", LYING)
    def test_annotations_of_a_folder_that_nobody_asked_for(
        self, run: Run, tmp_path: Path, pictures: Pictures, told: str
    ):
        folder = tmp_path / "in"
        pictures(folder, "images/0.png", "images/1.png")
        (folder / LYING[told][0]).parent.mkdir(parents=True, exist_ok=True)
        (folder / LYING[told][0]).write_bytes(LYING[told][1])
        audit = run(folder)
        line = f"Annotations lie there that were not read: {folder / told}; annotations="
        assert [text for text in audit.summary(verbose=False) if text.startswith(line)]
        assert str(folder / told) in audit.report().read_text()
        assert hint([folder]) == hint(str(folder)) is not None

    def test_not_where_they_are_read(self, run: Run, tmp_path: Path, pictures: Pictures):
        folder = tmp_path / "in"
        pictures(folder, "images/0.png")
        (folder / "data.yaml").write_text("train: images\n")
        (folder / "labels").mkdir()
        (folder / "labels/0.txt").write_text("0 .5 .5 .5 .5")
        for settings in (
            {"annotations": folder / "data.yaml"},
            {"annotations": {"path": ["0.png"]}},
        ):
            assert run(folder, **settings).info["hint"] is None
        assert run(folder / "data.yaml").info["hint"] is None

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("data.yaml", b"trainer: x\n"),
            ("data.yaml", b"\0\xff"),
            ("annotations/a.json", b'[{"images": 1}]'),
            ("annotations/a.json", b""),
            ("annotations/a.json/x.png", b""),
            ("metadata.csv", b"width,height\n"),
            ("metadata.jsonl", b"[[[["),
            ("metadata.jsonl", b"7"),
            ("labels/0.txt", b"without a folder of images"),
        ],
    )
    def test_other_files(self, tmp_path: Path, name: str, data: bytes):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
        assert hint(tmp_path) is None

    def test_many_are_counted(self, tmp_path: Path):
        (tmp_path / "annotations").mkdir()
        for number in range(5):
            (tmp_path / f"annotations/{number}.json").write_text(json.dumps(COCO))
        assert " and 2 more; annotations=" in (hint(tmp_path) or "")
        assert hint(tmp_path / "nowhere") is None
        assert hint({"path": ["a"]}) is None
