"""Images that are boxes: what is cut out, what is said of it, and how often is read."""

import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageOps

import pixsieve
from box_case import CORNERS, cut_by_hand, drawn, measured, save, table, warped
from pixsieve import schema
from pixsieve.audit.extraction import portions
from pixsieve.audit.job import Job
from pixsieve.sources.tables.given import Cells

BOXES = [(0, 0, 200, 150), (10, 20, 60, 40), (150, 100, 50, 50), (33, 7, 12, 90)]


def sliced(pixels: Any, box: tuple[int, ...]) -> Any:
    left, top, width, height = box
    return pixels[top : top + height, left : left + width]


class TestPixels:
    @pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff"])
    def test_a_crop_is_the_slice(self, run, tmp_path, name):
        pixels = drawn(1)
        save(tmp_path / "in", name, pixels)
        audit = run(tmp_path / "in", annotations=table(*[(name, *box) for box in BOXES]))
        crops = [sliced(pixels, box) for box in BOXES]
        expected = cut_by_hand(tmp_path / "cut", crops, run)
        assert measured(audit).equals(expected)
        assert audit.images["digest"].n_unique() == len(BOXES)

    def test_of_a_jpeg_too(self, run, tmp_path):
        path = save(tmp_path / "in", "a.jpg", drawn(2, 1200, 900), quality=90)
        audit = run(tmp_path / "in", annotations=table(("a.jpg", 300, 200, 640, 480)))
        with Image.open(path) as picture:
            crop = np.asarray(picture.convert("RGB"))[200:680, 300:940]
        expected = cut_by_hand(tmp_path / "cut", [crop], run)
        found = measured(audit)
        assert found.select("width", "height").row(0) == (640, 480)
        vector, other = (frame["embedding"].to_numpy()[0] for frame in (found, expected))
        assert vector @ other > 0.999
        assert abs(found["mean"][0] - expected["mean"][0]) < 0.2

    @pytest.mark.parametrize("turn", range(1, 9))
    def test_boxes_are_in_the_upright_picture(self, run, tmp_path, turn):
        exif = Image.Exif()
        exif[0x0112] = turn
        save(tmp_path / "in", "a.png", drawn(3), exif=exif)
        with Image.open(tmp_path / "in" / "a.png") as picture:
            upright = np.asarray(ImageOps.exif_transpose(picture))
        box = (100, 20, 40, 100)
        audit = run(tmp_path / "in", annotations=table(("a.png", *box)))
        expected = cut_by_hand(tmp_path / "cut", [sliced(upright, box)], run)
        assert measured(audit).equals(expected)

    @pytest.mark.parametrize("degrees", [0, 30, 90, 135, 200])
    def test_rotated_boxes_are_turned_upright(self, run, tmp_path, degrees):
        pixels, angle = drawn(4), np.deg2rad(degrees)
        along, below = np.array([np.cos(angle), np.sin(angle)]), [-np.sin(angle), np.cos(angle)]
        start = np.array([100, 75]) - 35 * along - 22 * np.array(below)
        points = [start, start + 70 * along]
        points += [points[1] + 44 * np.array(below), start + 44 * np.array(below)]
        corners = [float(round(side, 3)) for point in points for side in point]
        save(tmp_path / "in", "a.png", pixels)
        audit = run(tmp_path / "in", annotations=table(("a.png", *corners), names=CORNERS))
        found = measured(audit)
        expected = cut_by_hand(tmp_path / "cut", [warped(pixels, corners)], run)
        assert found.select("width", "height").row(0) == (70, 44)
        # Halves may be rounded the other way.
        for name in ("mean", "stdv", "mean_r", "mean_g", "mean_b", "entropy"):
            assert found[name][0] == pytest.approx(expected[name][0], abs=0.02), name
        vector, other = (frame["embedding"].to_numpy()[0] for frame in (found, expected))
        # The model's own steps are about 0.003 each.
        assert vector @ other > 0.998
        row = audit.crops().row(0, named=True)
        turned = degrees != 0
        assert [row[name] for name in CORNERS] == (corners if turned else [None] * 8)
        xs, ys = corners[::2], corners[1::2]
        around = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
        assert [row[n] for n in ("col_x", "row_y", "width", "height")] == pytest.approx(around)

    def test_boxes_are_cut_only_when_asked(self, run, tmp_path):
        pixels = drawn(5)
        save(tmp_path / "in", "a.png", pixels)
        rows = table(("a.png", -20, -10, 80, 70), ("a.png", 150, 100, 900, 900))
        audit = run(tmp_path / "in", annotations=rows)
        assert audit.images["error_code"].to_list() == ["bad_bounding_box"] * 2
        assert all("clip_boxes=True" in detail for detail in audit.images["detail"])
        assert audit.crops().is_empty()
        clipped = run(tmp_path / "in", annotations=rows, clip_boxes=True)
        expected = cut_by_hand(tmp_path / "cut", [pixels[:60, :60], pixels[100:, 150:]], run)
        assert measured(clipped).equals(expected)
        assert clipped.crops()["col_x"].to_list() == [-20, 150]

    def test_margins(self, run, tmp_path):
        pixels = drawn(6)
        save(tmp_path / "in", "a.png", pixels)
        rows = table(("a.png", 50, 50, 40, 20))
        shares = run(
            tmp_path / "in", annotations=rows, augmentation_horiz=0.25, augmentation_vert=0.5
        )
        added = run(tmp_path / "in", annotations=rows, augmentation_additive_margin=70)
        expected = cut_by_hand(tmp_path / "cut", [pixels[40:80, 40:100], pixels[:140, :160]], run)
        assert pl.concat([measured(shares), measured(added)]).equals(expected)

    def test_a_box_for_all_pictures(self, run, tmp_path):
        for number in range(3):
            save(tmp_path / "in", f"{number}.png", drawn(number))
        save(tmp_path / "in", "small.png", drawn(9, 40, 40))
        (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        audit = run(tmp_path / "in", bounding_box="row_y=30,col_x=20,height=60,width=100")
        crops = [sliced(drawn(number), (20, 30, 100, 60)) for number in range(3)]
        assert measured(audit).equals(cut_by_hand(tmp_path / "cut", crops, run))
        errors = dict(zip(audit.images["source"], audit.images["error_code"], strict=True))
        errors = {Path(path).name: error for path, error in errors.items() if error}
        assert errors == {"small.png": "bad_bounding_box", "broken.png": "corrupt"}


class TestRows:
    def test_every_bad_box_is_a_row_that_says_why(self, run, tmp_path):
        save(tmp_path / "in", "a.png", drawn(1))
        boxes = {
            "both must be above 0": (5, 5, 0, 20),
            "its size is -4.0": (5, 5, -4, 20),
            "not finite": (float("nan"), 5, 20, 20),
            "which no picture reaches": (1e12, 5, 20, 20),
            "reaches beyond the picture of 200 x 150": (190, 5, 20, 20),
            "it has no width": (5, 5, None, 20),
            "smaller than 10 x 10": (5, 5, 9, 20),
        }
        rows = table(*[("a.png", *box) for box in boxes.values()], ("a.png", 5, 5, 20, 20))
        audit = run(tmp_path / "in", annotations=rows)
        assert audit.images.height == len(boxes) + 1
        for said, detail in zip(boxes, audit.images["detail"], strict=False):
            assert said in detail
        codes = [*["bad_bounding_box"] * 6, "too_small", None]
        assert audit.images["error_code"].to_list() == codes
        assert audit.invalid_instances()["source"].n_unique() == 1
        assert audit.info["annotations"]["boxes"] == 8
        assert audit.info["annotations"]["bad_boxes"] == 5
        assert "8 boxes; bad ones: 6." in audit.summary(verbose=False)
        # One that is too small was cut out.
        assert audit.crops()["image"].to_list() == [6, 7]

    def test_a_picture_that_cannot_be_read_fails_for_each_box(self, run, tmp_path):
        save(tmp_path / "in", "a.png", drawn(1))
        (tmp_path / "in" / "b.png").write_bytes(b"")
        names = ["a.png", "b.png", "b.png", "c.png"]
        audit = run(tmp_path / "in", annotations=table(*[(name, 5, 5, 50, 50) for name in names]))
        codes = [None, "empty_file", "empty_file", "missing_file"]
        assert audit.images["error_code"].to_list() == codes
        assert audit.crops().height == 1
        lost = audit.unmatched().rows()
        assert lost == [("c.png", "annotations", "the input has no such picture")]

    def test_users_columns_keep_their_values(self, run, tmp_path):
        save(tmp_path / "in", "a.png", drawn(1))
        taken = {name: ["mine"] for name in ("source", "box_width", "digest", "_box_kind")}
        more = {"label": [["x", "y"]], "split": ["val"], "score": [7], "x1": [3.5], **taken}
        audit = run(tmp_path / "in", annotations=table(("a.png", 5, 5, 50, 40), **more))
        row = audit.images.row(0, named=True)
        assert (row["label"], row["split"], row["score"], row["x1_user"]) == ("x|y", "val", 7, 3.5)
        assert [row[f"{name}_user"] for name in taken] == ["mine"] * 4
        assert (row["col_x"], row["row_y"], row["box_width"], row["box_height"]) == (5, 5, 50, 40)
        assert row["path"] == f"{row['source']}#xywh=5,5,50,40"

    def test_findings_say_where(self, run, tmp_path):
        pixels = drawn(1)
        save(tmp_path / "in", "a.png", pixels)
        pasted = drawn(2)
        pasted[60:120, 90:190] = pixels[10:70, 20:120]
        save(tmp_path / "in", "b.png", pasted)
        rows = table(("a.png", 20, 10, 100, 60), ("b.png", 90, 60, 100, 60), split=["train", "val"])
        audit = run(tmp_path / "in", annotations=rows)
        found = audit.duplicates().sort("image")
        assert found["kind"].to_list() == ["exact"] * 2
        assert [Path(path).name for path in found["path"]] == [
            "a.png#xywh=20,10,100,60",
            "b.png#xywh=90,60,100,60",
        ]
        place = ("source", "col_x", "row_y", "box_width", "box_height")
        for frame in (found, audit.flags(), audit.outliers(1.0), audit.img_stats()):
            assert set(place) <= set(frame.columns)
        leak = audit.leaks().row(0, named=True)
        assert [leak[f"{name}_to"] for name in place[1:]] == [90, 60, 100, 60]
        assert Path(leak["source_from"]).name == "a.png"

    def test_crops_are_kept_and_go_with_the_run(self, run, tmp_path):
        save(tmp_path / "in", "a.png", drawn(1))
        more = {"label": ["x"], "confidence": [0.5]}
        rows, work = table(("a.png", 5, 6, 50, 40), **more), tmp_path / "work"
        audit = run(tmp_path / "in", annotations=rows, work_dir=work)
        found = audit.crops()
        assert found.schema == schema.CROPS
        row = found.row(0)
        assert (row[0], row[2:6], row[-2:]) == (0, (5, 6, 50, 40), ("x", 0.5))
        assert pixsieve.load(work).crops().equals(found)
        assert pl.read_parquet(work / "crops.parquet").equals(found)
        (work / "crops.parquet").write_bytes(b"PAR1")
        with pytest.raises(ValueError, match=r"crops\.parquet is damaged"):
            pixsieve.load(work).crops()
        (work / "crops.parquet").unlink()
        with pytest.raises(ValueError, match=r"crops\.parquet missing"):
            pixsieve.load(work)
        audit = run(tmp_path / "in", annotations=rows, work_dir=work, overwrite=True)
        whole = run(tmp_path / "in", work_dir=work, overwrite=True)
        assert not (work / "crops.parquet").exists()
        assert whole.crops().equals(schema.empty("crops"))
        assert pixsieve.load(work).crops().is_empty()


class TestOnce:
    def test_portions_keep_the_boxes_of_a_picture_together(self):
        counts = [1, 20, 3, 7, 1, 1, 30, 2]
        source = [f"{picture}" for picture, many in enumerate(counts) for _ in range(many)]
        frame = pl.DataFrame({"source": source, "_box_kind": [0] * len(source)})
        for size in (20, 25, 31, 100):
            parts = list(portions(frame, size))
            assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
            assert parts[-1].stop == frame.height
            assert all(0 < part.stop - part.start <= size for part in parts)
            seen = Counter(name for part in parts for name in set(source[part]))
            longer = {f"{n}" for n, many in enumerate(counts) if many > size}
            assert {name for name, many in seen.items() if many > 1} <= longer

    @pytest.mark.parametrize("shard_size", [25, 65_536])
    def test_a_picture_with_20_boxes_is_brought_once(self, run, monkeypatch, shard_size):
        monkeypatch.setattr(Job, "shard_size", shard_size)
        brought: Counter[int] = Counter()
        fetch = Cells.fetch

        def counted(self: Cells, rows: pl.DataFrame) -> Any:
            for row, content in fetch(self, rows):
                brought[row] += 1
                yield row, content

        monkeypatch.setattr(Cells, "fetch", counted)
        data = []
        for number in range(3):
            file = io.BytesIO()
            Image.fromarray(drawn(number)).save(file, "png")
            data.append(file.getvalue())
        source = pl.DataFrame({"path": [f"{n}.png" for n in range(3)], "image": data})
        boxes = [
            (f"{n}.png", 5 * place, 4 * place, 30, 30) for n in range(3) for place in range(20)
        ]
        audit = run(source, annotations=table(*boxes), thumbnails=False)
        assert audit.images.height == 60
        assert audit.images["error_code"].null_count() == 60
        assert sum(brought.values()) == 3

    @pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
    def test_a_file_with_20_boxes_is_read_once(self, tmp_path):
        """What the run reads from the disk hardly grows with the boxes."""
        path = save(tmp_path / "in", "a.png", drawn(1, 1500, 1000))
        size = path.stat().st_size

        def read(boxes: int) -> int:
            rows = [f"a.png,{40 * n},{30 * n},400,300" for n in range(boxes)]
            (tmp_path / f"{boxes}.csv").write_text(
                "\n".join(["filename,col_x,row_y,width,height", *rows])
            )
            script = (
                "import pixsieve\n"
                f"pixsieve.run({str(tmp_path / 'in')!r}, work_dir={str(tmp_path / f'w{boxes}')!r},"
                f"annotations={str(tmp_path / f'{boxes}.csv')!r}, progress=False, device='cpu')\n"
                "told = open('/proc/self/io').read().splitlines()\n"
                "print(dict(line.split(': ') for line in told)['rchar'])\n"
            )
            done = subprocess.run(
                [sys.executable, "-c", script], check=True, capture_output=True, text=True
            )
            return int(done.stdout)

        assert read(20) - read(1) < 2 * size


class TestInterrupted:
    def test_it_goes_on_to_the_same_tables(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr(Job, "shard_size", 40)
        for number in range(12):
            save(tmp_path / "in", f"{number:02}.png", drawn(number))
        boxes = [
            (f"{n:02}.png", 9 * place, 3 * place, 40, 30 + n)
            for n in range(12)
            for place in range(15)
        ]
        rows = table(*boxes, label=[f"{place % 4}" for place in range(180)])

        class Stop(pixsieve.progress.Silent):
            def update(self, done: int, total: int) -> None:
                if total == 180 and done >= 90:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "in", annotations=rows, work_dir=tmp_path / "b", progress=Stop())
        kept = sorted((tmp_path / "b" / "shards").glob("*.json"))
        assert 0 < len(kept) < 6
        times = [path.stat().st_mtime_ns for path in kept]
        run(tmp_path / "in", annotations=rows, work_dir=tmp_path / "a")
        run(tmp_path / "in", annotations=rows, work_dir=tmp_path / "b")
        assert [path.stat().st_mtime_ns for path in kept] == times
        tables = sorted(path.name for path in (tmp_path / "a").glob("*.parquet"))
        assert "crops.parquet" in tables
        for name in tables:
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

    @pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
    def test_killed_at_any_time(self, run, tmp_path):
        for number in range(30):
            save(tmp_path / "in", f"{number:02}.png", drawn(number, 400, 300))
        rows = [f"{n:02}.png,{9 * p},{3 * p},200,90" for n in range(30) for p in range(15)]
        csv = tmp_path / "boxes.csv"
        csv.write_text("\n".join(["filename,col_x,row_y,width,height", *rows]))
        script = (
            "import pixsieve; from pixsieve.audit.job import Job; Job.shard_size = 45\n"
            f"pixsieve.run({str(tmp_path / 'in')!r}, work_dir={str(tmp_path / 'b')!r},"
            f"annotations={str(csv)!r}, progress=False, device='cpu', overwrite=True)\n"
        )
        child = subprocess.Popen([sys.executable, "-c", script])
        shards, deadline = tmp_path / "b" / "shards", time.monotonic() + 60
        while not list(shards.glob("00002.json")) and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert not (tmp_path / "b" / "images.parquet").exists()
        subprocess.run([sys.executable, "-c", script], check=True)
        audit = run(tmp_path / "in", annotations=csv)
        again = pixsieve.load(tmp_path / "b")
        assert again.images.equals(audit.images)
        assert again.crops().equals(audit.crops())
        assert again.embeddings().equals(audit.embeddings())

    def test_other_boxes_are_read_anew(self, run, tmp_path):
        pixels = drawn(1)
        save(tmp_path / "in", "a.png", pixels)
        for box in BOXES[1:]:
            audit = run(
                tmp_path / "in",
                annotations=table(("a.png", *box)),
                work_dir=tmp_path / "work",
                overwrite=True,
            )
            assert audit.images.select("width", "height").row(0) == box[2:]
