"""Boxes in whatever form they come, from the input to the rows of a run."""

import io
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from archive_case import tar_of, zip_of
from box_case import CORNERS, cut_by_hand, drawn, measured, save, table
from detector_models import locator, yunet_locator
from pixsieve.audit import detection
from pixsieve.errors import ModelError
from pixsieve.models.cache import Cached

Run = Any


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def codes(audit: Any) -> list[str | None]:
    return audit.images["error_code"].to_list()


def names(audit: Any) -> list[str]:
    return [path.rsplit("/", 1)[-1] for path in audit.images["path"]]


class TestTables:
    def test_a_table_of_pictures_and_boxes(self, run, tmp_path):
        data = [png(drawn(number)) for number in (0, 0, 1)]
        frame = pl.DataFrame(
            {
                "path": ["a.png", "a.png", "b.png"],
                "image": data,
                "col_x": [10, 60, 0],
                "row_y": [20, 30, 0],
                "width": [50, 60, 200],
                "height": [40, 50, 150],
                "label": [["cat", "dog"], ["dog"], []],
            }
        )
        crops = [drawn(0)[20:60, 10:60], drawn(0)[30:80, 60:120], drawn(1)]
        expected = cut_by_hand(tmp_path / "cut", crops, run)
        frame.write_parquet(tmp_path / "a.parquet")
        for source in (frame, frame.to_arrow(), tmp_path / "a.parquet"):
            audit = run(source)
            assert measured(audit).equals(expected)
            assert audit.images["label"].to_list() == ["cat|dog", "dog", None]
            assert audit.crops()["col_x"].to_list() == [10, 60, 0]

    def test_archives(self, run, tmp_path):
        files = {f"x/{number}.png": png(drawn(number)) for number in range(3)}
        (tmp_path / "a.tar").write_bytes(tar_of(files))
        (tmp_path / "a.zip").write_bytes(zip_of(files))
        (tmp_path / "a.tar.gz").write_bytes(tar_of(files, "w:gz"))
        rows = table(*[(f"{n}.png", 10, 20, 50 + n, 40) for n in range(3) for _ in range(2)])
        crops = [drawn(n)[20:60, 10 : 60 + n] for n in range(3) for _ in range(2)]
        expected = cut_by_hand(tmp_path / "cut", crops, run)
        for name in ("a.tar", "a.zip", "a.tar.gz"):
            audit = run(tmp_path / name, annotations=rows)
            assert measured(audit).equals(expected), name
            assert audit.images["path"][1].endswith("x/0.png#xywh=10,20,50,40&n=2")
            page = audit.vis.stats_gallery(tmp_path / name.replace(".", "-"), draw_bbox=True)
            assert page.read_text().count('<polygon class="box"') == 6

    def test_a_csv_beside_the_pictures(self, run, tmp_path):
        save(tmp_path / "in", "a.png", drawn(0))
        csv = tmp_path / "boxes.csv"
        csv.write_text("filename,col_x,row_y,width,height,label\na.png,1,2,30,40,x\na.png,,,,,y\n")
        audit = run(tmp_path / "in", annotations=csv)
        assert names(audit) == ["a.png#xywh=1,2,30,40"]

    def test_ambiguous_names(self, run, tmp_path):
        for folder in ("x", "y"):
            save(tmp_path / "in", f"{folder}/a.png", drawn(0))
        with pytest.raises(ValueError, match=r"'a.png' may be '.*x/a.png' or '.*y/a.png'"):
            run(tmp_path / "in", annotations=table(("a.png", 1, 1, 20, 20)))
        audit = run(tmp_path / "in", annotations=table(("y/a.png", 1, 1, 20, 20)))
        assert names(audit) == ["a.png#xywh=1,1,20,20"]

    def test_what_did_not_match_both_ways(self, run, tmp_path):
        for name in "abc":
            save(tmp_path / "in", f"{name}.png", drawn(ord(name)))
        rows = table(("a.png", 1, 1, 20, 20), ("z.png", 1, 1, 20, 20), ("b.png", *[None] * 4))
        audit = run(tmp_path / "in", annotations=rows)
        assert codes(audit) == [None, "missing_file"]
        found = audit.unmatched().with_columns(pl.col("path").str.extract(r"([^/]+)$"))
        assert sorted(found.rows()) == [
            ("b.png", "input", "no box"),
            ("c.png", "input", "no box"),
            ("z.png", "annotations", "the input has no such picture"),
        ]
        line = "Pictures without a box: 2; annotations without a picture: 1 → audit.unmatched()"
        assert line in audit.summary(verbose=False)

    def test_columns_that_make_no_box(self, run, tmp_path):
        save(tmp_path / "in", "a.png", drawn(0))
        with pytest.raises(ValueError, match=r"a box needs columns .*; there is no height"):
            run(tmp_path / "in", annotations=table(("a.png", 1, 1, 20, 20)).drop("height"))
        with pytest.raises(ValueError, match="no image is left: none of the pictures has a box"):
            run(tmp_path / "in", annotations=table(("a.png", None, None, None, None)))
        with pytest.raises(ValueError, match="bounding_box is for pictures without boxes"):
            run(tmp_path / "in", annotations=table(("a.png", 1, 1, 20, 20)), bounding_box="ocr")


class TestCoco:
    def coco(self, folder: Path) -> Path:
        for number in range(3):
            save(folder / "images", f"{number}.png", drawn(number))

        def box(picture: int, category: int, box: Any, **more: Any) -> dict[str, Any]:
            return {"image_id": picture, "category_id": category, "bbox": box, **more}

        polygon = [[20, 30, 70, 30, 70, 90, 20, 90]]
        boxes = [
            box(0, 1, [10, 20, 50, 40]),
            box(0, 1, [10, 20, 50, 40]),
            box(0, 7, [0, 0, 30, 30]),
            {"image_id": 1, "category_id": 1, "segmentation": polygon},
            box(1, 2, [180, 0, 50, 50]),
            box(1, 2, []),
            box(9, 2, [5, 5, 20, 20]),
        ]
        pictures = [{"id": n, "file_name": f"{n}.png"} for n in range(3)]
        content = {
            "images": [*pictures, {"id": 9, "file_name": "gone.png"}],
            "annotations": [{"id": n, **one} for n, one in enumerate(boxes)],
            "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        }
        path = folder / "instances.json"
        path.write_text(json.dumps(content))
        return path

    def test_as_input_and_as_annotations(self, run, tmp_path):
        path = self.coco(tmp_path)
        audits = [
            run(path),
            run(tmp_path / "images", annotations=path),
            run(tmp_path / "images", annotations=json.loads(path.read_text())),
        ]
        for audit, gone in zip(audits, ([], ["gone.png"], ["gone.png"]), strict=True):
            rows = audit.images.select("label", "error_code", "col_x").rows()
            assert Counter((label, code) for label, code, _ in rows) == {
                ("cat", None): 3,
                (None, None): 1,
                ("dog", "bad_bounding_box"): 2,
                ("dog", "missing_file"): 1,
            }
            told = audit.info["annotations"]
            assert (told["boxes"], told["duplicate_boxes"], told["unknown_categories"]) == (7, 1, 1)
            assert told["pictures_without_boxes"] == 1
            line = "7 boxes; bad ones: 2; given more than once: 1; of categories without a name: 1."
            assert line in audit.summary(verbose=False)
            polygon = audit.images.filter(pl.col("col_x") == 20)
            assert polygon.select("row_y", "box_width", "box_height").row(0) == (30, 50, 60)
            lost = audit.unmatched().with_columns(pl.col("path").str.extract(r"([^/]+)$"))
            # A file that an input names is listed, there or not.
            assert sorted(lost["path"]) == ["2.png", *gone]
        assert audits[0].crops().drop("source").equals(audits[1].crops().drop("source"))

    @pytest.mark.parametrize(("split", "many"), [("train", 470), ("val", 382)])
    def test_real_pictures(self, run, shared, split, many):
        path = shared / "coco" / "annotations" / f"instances_{split}2017.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        names_of = {one["id"]: one["name"] for one in content["categories"]}
        files = {one["id"]: one["file_name"] for one in content["images"]}
        expected = Counter(
            (files[one["image_id"]], names_of[one["category_id"]], *map(float, one["bbox"]))
            for one in content["annotations"]
        )
        audit = run(path)
        assert audit.images.height == many == expected.total()
        columns = ("label", "col_x", "row_y", "box_width", "box_height")
        found = [
            (Path(row[0]).name, row[1], *(round(side, 2) for side in row[2:]))
            for row in audit.images.select("source", *columns).rows()
        ]
        assert Counter(found) == Counter(
            {(*key[:2], *(round(side, 2) for side in key[2:])): n for key, n in expected.items()}
        )
        # Boxes of a pixel or two are too small, none is bad.
        assert set(codes(audit)) == {None, "too_small"}
        seen = {one["image_id"] for one in content["annotations"]}
        assert audit.unmatched().height == len(files) - len(seen)
        assert audit.crops().height == many


class TestYolo:
    def data(self, folder: Path, *, train: str = "images/train", path: str | None = None) -> Path:
        for number, split in enumerate(("train", "val", "test")):
            save(folder / "images" / split, f"{number}.png", drawn(number))
            labels = folder / "labels" / split
            labels.mkdir(parents=True, exist_ok=True)
            (labels / f"{number}.txt").write_text("1 0.5 0.5 0.25 0.4\n0 0.9 0.9 0.5 0.5\n")
        text = f"train: {train}\nval: images/val\ntest: images/test\nnames: {{0: cat, 1: dog}}\n"
        data = folder / "data.yaml"
        data.write_text(text if path is None else f"path: {path}\n{text}")
        return data

    def test_splits_labels_and_shares(self, run, tmp_path):
        expected = cut_by_hand(tmp_path / "cut", [drawn(n)[45:105, 75:125] for n in (2, 0, 1)], run)
        for number, path in enumerate((None, str(tmp_path / "1"))):
            audit = run(self.data(tmp_path / f"{number}", path=path))
            good = audit.images.filter(pl.col("error_code").is_null())
            assert good["split"].to_list() == ["test", "train", "val"]
            assert good["label"].to_list() == ["dog"] * 3
            assert measured(audit).equals(expected)
            crops = audit.crops().select("col_x", "row_y", "width", "height")
            assert np.allclose(crops.to_numpy(), [75, 45, 50, 60])
            assert codes(audit).count("bad_bounding_box") == 3
            assert names(audit)[0] == "2.png#xywh=percent:37.5,30,25,40"

    def test_a_box_at_the_edge_is_at_zero_not_minus_zero(self, run, tmp_path):
        data = self.data(tmp_path)
        (label,) = tmp_path.rglob("2.txt")
        label.write_text("1 0.1249999 0.2499999 0.25 0.5\n")
        assert names(run(data))[0] == "2.png#xywh=percent:0,0,25,50"

    def test_folders_that_are_not_there(self, run, tmp_path):
        missing = str(tmp_path / "nowhere" / "train")
        for number, train in enumerate(("images/trian", missing)):
            data = self.data(tmp_path / f"{number}", train=train)
            with pytest.raises(FileNotFoundError, match=r"train is '.*', but there is no .*"):
                run(data)
        data.write_text("train: [")
        with pytest.raises(ValueError, match="is no valid YAML"):
            run(data)

    def test_an_absolute_folder(self, run, tmp_path):
        data = self.data(tmp_path / "a", train=str(tmp_path / "a" / "images" / "train"))
        assert run(data).images["split"].value_counts()["count"].to_list() == [2, 2, 2]


class TestOtherFiles:
    def test_voc_and_label_studio(self, run, tmp_path):
        save(tmp_path / "in", "a.png", drawn(0))
        (tmp_path / "in" / "a.xml").write_text(
            "<annotation><filename>a.png</filename><size><width>200</width><height>150</height>"
            "</size><object><name>cat</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>60</xmax>"
            "<ymax>60</ymax></bndbox></object></annotation>"
        )
        value = {"x": 5, "y": 40 / 3, "width": 25, "height": 80 / 3, "rectanglelabels": ["cat"]}
        result = {"type": "rectanglelabels", "original_width": 200, "original_height": 150}
        tasks = [
            {"data": {"image": "a.png"}, "annotations": [{"result": [{**result, "value": value}]}]}
        ]
        (tmp_path / "tasks.json").write_text(json.dumps(tasks))
        expected = cut_by_hand(tmp_path / "cut", [drawn(0)[20:60, 10:60]], run)
        for annotations in (tmp_path / "in", tmp_path / "tasks.json", tasks):
            audit = run(tmp_path / "in", annotations=annotations)
            assert audit.images["label"].to_list() == ["cat"]
            assert measured(audit).equals(expected)

    def test_a_broken_voc_file_is_a_box_of_no_place(self, run, tmp_path):
        for name, text in (("a", "<annotation><filename>a.png</filename>"), ("b", "")):
            save(tmp_path, f"{name}.png", drawn(0))
            end = "" if name == "a" else "<annotation></annotation>"
            (tmp_path / f"{name}.xml").write_text(text + end)
        audit = run(tmp_path, annotations=tmp_path)
        assert names(audit) == ["a.png#xywh=?"]
        assert codes(audit) == ["bad_bounding_box"]


class TestDetectors:
    def squares(self, folder: Path) -> None:
        """Red and green squares on dark pictures; one has none, one cannot be read."""
        for number, colour in enumerate([(255, 0, 0), (0, 255, 0), None]):
            pixels = np.full((120, 160, 3), 20, np.uint8)
            if colour is not None:
                pixels[30:70, 40 + 10 * number : 90 + 10 * number] = colour
            save(folder, f"{number}.png", pixels)
        (folder / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    def check(self, audit: Any, labels: list[str], places: list[tuple[float, ...]]) -> None:
        crops = audit.crops()
        assert crops["label"].to_list() == labels
        found = crops.select("col_x", "row_y", "width", "height").to_numpy()
        assert np.allclose(found, places, atol=1.5)
        assert crops["confidence"].is_between(0.5, 1).all()
        assert set(codes(audit)) == {None, "corrupt"}
        whole = audit.images.filter(pl.col("error_code") == "corrupt").row(0, named=True)
        assert whole["path"] == whole["source"]
        assert whole["col_x"] is None
        reasons = audit.unmatched()["reason"].to_list()
        assert reasons.count("nothing was found") == 3 - len(labels)

    @pytest.mark.parametrize("layout", ["v5", "v8", "v10"])
    def test_a_yolo(self, run, tmp_path, layout):
        self.squares(tmp_path / "in")
        model = locator(tmp_path / "yolo.onnx", layout, width=160, height=160)
        audit = run(tmp_path / "in", bounding_box=str(model))
        self.check(audit, ["red", "green"], [(40, 30, 50, 40), (50, 30, 50, 40)])
        assert "Pictures in which nothing was found: 1" in "\n".join(audit.summary(verbose=False))
        again = run(tmp_path / "in", bounding_box=str(model), num_threads=1)
        assert again.crops().equals(audit.crops())
        page = audit.vis.stats_gallery(tmp_path / "page", draw_bbox=True)
        assert len(re.findall('<polygon class="box"', page.read_text())) == 2

    def test_faces(self, run, tmp_path, monkeypatch):
        self.squares(tmp_path / "in")
        model = yunet_locator(tmp_path / "faces.onnx")
        monkeypatch.setattr(detection, "fetch", lambda *_, **__: Cached(model, "", pinned=False))
        for setting in ("face", str(model)):
            audit = run(tmp_path / "in", bounding_box=setting)
            self.check(audit, ["face"], [(40, 30, 50, 40)])
        yolo = locator(tmp_path / "yolo.onnx", "v8", width=160, height=160)
        monkeypatch.setattr(detection, "fetch", lambda *_, **__: Cached(yolo, "", pinned=False))
        with pytest.raises(ModelError, match="is no YuNet"):
            run(tmp_path / "in", bounding_box="face")

    def test_what_is_no_file_is_a_row_as_without_a_detector(self, run, tmp_path):
        self.squares(tmp_path / "in")
        os.mkfifo(tmp_path / "pipe.jpg")
        model = locator(tmp_path / "yolo.onnx", "v8", width=160, height=160)
        files = [*(tmp_path / "in").iterdir(), tmp_path / "pipe.jpg", tmp_path / "gone.jpg"]
        found = run(files, bounding_box=str(model)).invalid_instances()
        columns = ("path", "error_code", "detail")
        assert found.select(columns).equals(run(files).invalid_instances().select(columns))
        assert {"unknown_format", "missing_file"} <= {*found["error_code"]}

    def test_nothing_found_and_no_model(self, run, tmp_path):
        save(tmp_path / "in", "a.png", np.full((120, 160, 3), 20, np.uint8))
        model = locator(tmp_path / "yolo.onnx", "v8", width=160, height=160)
        with pytest.raises(ValueError, match="nothing was found in any picture"):
            run(tmp_path / "in", bounding_box=str(model))
        with pytest.raises(FileNotFoundError, match=r"nowhere\.onnx"):
            run(tmp_path / "in", bounding_box=str(tmp_path / "nowhere.onnx"))

    def test_the_users_labels_and_columns_stay(self, run, tmp_path):
        self.squares(tmp_path / "in")
        model = locator(tmp_path / "yolo.onnx", "v8", width=160, height=160)
        known = {"filename": ["0.png", "1.png"], "label": ["mine", None]}
        known |= {"source": ["web", "film"], "confidence": ["low", "high"]}
        audit = run(tmp_path / "in", bounding_box=str(model), annotations=pl.DataFrame(known))
        found = audit.images.filter(pl.col("col_x").is_not_null())
        assert found["label"].to_list() == ["mine", "green"]
        assert found["source_user"].to_list() == ["web", "film"]
        assert found["confidence_user"].to_list() == ["low", "high"]
        assert audit.crops()["confidence"].null_count() == 0


def test_corners_in_a_table(run, tmp_path):
    save(tmp_path / "in", "a.png", drawn(0))
    rows = table(
        ("a.png", 10, 20, 60, 20, 60, 60, 10, 60),
        ("a.png", 100, 40, 130, 70, 100, 100, 70, 70),
        ("a.png", 5, 5, 5, 5, 5, 5, 5, 5),
        names=CORNERS,
    )
    audit = run(tmp_path / "in", annotations=rows)
    assert codes(audit) == [None, None, "bad_bounding_box"]
    assert names(audit)[:2] == [
        "a.png#xywh=10,20,50,40",
        "a.png#corners=100,40,130,70,100,100,70,70",
    ]
    assert audit.crops()["x1"].to_list() == [None, 100]
