"""The report: what it says, which pictures it shows, and that it is safe to open."""

import html
import re
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

import pixsieve
import report_case
from pixsieve import engine
from pixsieve.pages import Cards, Thumbnail, load_thumbnails
from pixsieve.pages.pictures import within
from pixsieve.report import (
    Limits,
    build_report,
    render,
    sections,
    write_report,
)
from pixsieve.store import WorkDir
from report_case import NAMES, Page, assert_safe, collect, draw

GOLDEN = Path(__file__).parent / "golden" / "report.html"


def audit_of(root: Path, work: Path, **settings: object) -> pixsieve.Audit:
    named = any(path.is_dir() for path in root.iterdir())
    settings = {"labels": "folder" if named else None, **settings}
    return pixsieve.run(root, work_dir=work, device="cpu", progress=False, **settings)


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> pixsieve.Audit:
    """An audit that tests may read, not change."""
    folder = tmp_path_factory.mktemp("report")
    return audit_of(collect(folder / "pictures"), folder / "out")


@pytest.fixture
def small(tmp_path: Path) -> pixsieve.Audit:
    """An audit of two equal pictures and one other, for a test to spoil."""
    for name, seed in {"a.png": 1, "b.png": 1, "c.png": 2}.items():
        (tmp_path / "in").mkdir(exist_ok=True)
        draw(seed).save(tmp_path / "in" / name)
    return audit_of(tmp_path / "in", tmp_path / "out")


# ---- what it says ---- #


def test_duplicates_begin_with_the_one_to_keep(audit):
    section = build_report(audit).duplicates
    assert section.total == audit.duplicates()["group"].n_unique() == len(section.items)
    exact = [group for group in section.items if group.kinds == {"exact": 1}]
    assert len(exact) == len(NAMES)
    for group in exact:
        assert [member.keep for member in group.members] == [True, False]
        assert [member.card.split for member in group.members] == ["test", "train"]
        assert group.splits == ("test", "train")
        assert group.size == 2


def test_the_near_copy_is_a_leak_with_its_similarity(audit):
    pairs = build_report(audit).leaks.items
    (near,) = [pair for pair in pairs if pair.kind == "near"]
    assert (near.source.name, near.target.name) == ("train/dog/20.png", "test/near.jpg")
    assert (near.split_from, near.split_to) == ("train", "test")
    assert 0.9 < near.similarity < 1
    assert not near.labels_differ
    assert [pair.kind for pair in pairs] == ["exact"] * len(NAMES) + ["near"]


def test_labels_that_contradict_each_other_are_marked(audit):
    pairs = build_report(audit).leaks.items
    assert all(pair.labels_differ for pair in pairs if pair.kind == "exact")


def test_suspects_carry_their_neighbors(audit):
    section = build_report(audit, limits=Limits(neighbors=3)).mislabels
    first = audit.mislabels().row(0, named=True)
    suspect = section.items[0]
    assert suspect.card.image == first["image"]
    assert (suspect.label, suspect.suggested_label) == (first["label"], first["suggested_label"])
    assert [card.image for card in suspect.neighbors] == first["neighbors"][:3]


def test_outliers_stand_beside_their_nearest(audit):
    section = build_report(audit).outliers
    frame = audit.outliers()
    assert [item.card.image for item in section.items] == frame["image"].to_list()
    assert [item.nearest.image for item in section.items] == frame["nearest"].to_list()


def test_clusters_come_largest_first_and_count_what_they_leave_out(audit):
    frame = audit.connected_components(-1.0)
    everything, cards = frame.height, Cards(audit.images)
    section = sections.components(frame, cards, clusters=3, each=5, together=9)
    (cluster,) = section.items
    assert (cluster.size, len(cluster.cards), cluster.left_out) == (everything, 5, everything - 5)
    assert [many for _, many in cluster.labels] == sorted(
        (many for _, many in cluster.labels), reverse=True
    )


def test_looks_and_broken_files(audit):
    report = build_report(audit)
    looks = {section.key: section for section in report.looks}
    assert [look.card.name for look in looks["dark"].items] == ["train/dark.png"]
    assert looks["dark"].items[0].value == 0
    assert looks["bright"].total == 0
    assert looks["low_information"].total == 1
    assert "grayscale" not in looks or looks["grayscale"].total
    codes = {broken.card.name: broken.error_code for broken in report.invalid.items}
    assert codes == {
        "train/corrupt.png": "corrupt",
        "train/empty.jpg": "empty_file",
        "train/text.jpg": "unknown_format",
    }


def test_numbers_and_calls_are_those_of_the_summary(audit):
    report, summary = build_report(audit), audit.summarize()
    numbers = {number.noun: number.value for number in report.numbers}
    assert numbers["images"] == summary.counts["images"] == audit.images.height
    assert numbers["leaks"] == len(NAMES) + 1
    assert numbers["broken"] == 3
    calls = {call for _, call in report.lines}
    kinds = ("duplicates", "leaks", "mislabels", "outliers", "components", "invalid")
    found = [getattr(report, name) for name in kinds]
    for section in (*found, *(look for look in report.looks if look.total)):
        assert section.call in calls
        assert section.total > 0


def test_limits_shorten_the_sections_not_the_totals(audit):
    limits = Limits(groups=2, members=1, pairs=3, suspects=1, outliers=1, clusters=1, invalid=1)
    report, whole = build_report(audit, limits=limits), build_report(audit)
    expected = {"duplicates": 2, "leaks": 3, "mislabels": 1, "outliers": 1, "components": 1}
    for name, shown in expected.items():
        section = getattr(report, name)
        assert len(section.items) == shown
        assert section.total == getattr(whole, name).total
    assert all(len(group.members) == 1 and group.size == 2 for group in report.duplicates.items)


def test_settings_that_are_not_the_default_are_marked(audit):
    settings = {setting.name: setting for setting in build_report(audit).settings}
    assert settings["labels"].value == "folder"
    assert [name for name, setting in settings.items() if setting.changed] == ["labels", "device"]


def test_the_date_is_that_of_the_run_or_none(audit, monkeypatch):
    monkeypatch.setitem(audit.info, "date", "2026-01-02")
    assert build_report(audit).date == "2026-01-02"
    monkeypatch.delitem(audit.info, "date")
    assert build_report(audit).date is None


def test_nothing_found(tmp_path):
    for seed in range(3):
        draw(seed).save(tmp_path / f"{seed}.png")
    audit = pixsieve.run(tmp_path, work_dir=tmp_path / "out", outlier_percentile=0, progress=False)
    report = build_report(audit)
    kinds = (report.duplicates, report.leaks, report.mislabels, report.outliers)
    assert all(section.total == 0 and section.items == () for section in kinds)
    page = assert_safe(audit.report().read_text(encoding="utf-8"), scripts=1)
    for section in kinds:
        assert section.nothing in page.text


def test_every_picture_broken(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no")
    audit = pixsieve.run(tmp_path, work_dir=tmp_path / "out", progress=False)
    assert build_report(audit).invalid.total == 1
    assert_safe(audit.report().read_text(encoding="utf-8"))


# ---- the page ---- #


def test_hostile_names_come_out_escaped(audit):
    text = audit.report().read_text(encoding="utf-8")
    page = assert_safe(text, scripts=1)
    assert "&lt;img src=x onerror=alert(1)&gt;.png" in text
    assert "two↵lines.png" in page.text
    assert "[U+202E]gnp.exe.png" in page.text
    assert "קיפוד.png" in page.text
    assert "🦔🎈.png" in page.text
    assert "long" * 60 not in page.text
    assert any(name == "title" and "long" * 60 in value for name, value in page.attributes)


def test_the_page_says_how_to_get_the_rest(audit):
    path = write_report(audit, audit.work_dir / "few.html", limits=Limits(pairs=2))
    text = re.sub(r"\s+", " ", Page(path.read_text(encoding="utf-8")).text)
    assert f"Leaks 2 of {len(NAMES) + 1} leaks all of them: audit.leaks()" in text


def test_two_reports_are_equal_and_small(audit, tmp_path):
    first = audit.report(tmp_path / "one.html").read_bytes()
    assert first == audit.report(tmp_path / "two.html").read_bytes()
    assert first == pixsieve.load(audit.work_dir).report(tmp_path / "three.html").read_bytes()
    assert len(first) < 3_000_000


def test_golden_page():
    text = render(report_case.report(), report_case.thumbnails(), report_case.smaller())
    page = assert_safe(text, scripts=1)
    assert page.text.count("alert('pixsieve')") > 5
    if not GOLDEN.exists() or GOLDEN.read_text(encoding="utf-8") != text:
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
        pytest.fail(f"the page changed: look at {GOLDEN.name}, and run this again")


# ---- the collection as a whole ---- #


def test_classes_count_what_was_found_among_them(audit):
    report = build_report(audit)
    labels = audit.images["label"]
    assert report.labels == labels.drop_nulls().n_unique() == len(report.classes)
    sizes = [row.images for row in report.classes]
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes) == labels.count()
    removable = audit.duplicates().filter(~pl.col("keep"), pl.col("label").is_not_null()).height
    assert sum(row.duplicates for row in report.classes) == removable > 0
    broken = audit.images.filter(pl.col("error_code").is_not_null(), pl.col("label").is_not_null())
    assert sum(row.invalid for row in report.classes) == broken.height
    assert len(build_report(audit, limits=Limits(classes=1)).classes) == 1


def test_every_statistic_has_a_plot(audit):
    plotted = build_report(audit).statistics
    numeric = [name for name, kind in audit.img_stats().schema.items() if kind.is_numeric()]
    assert len(plotted) == len(numeric) - 1  # all but the number of the image
    assert "dark below 25.0" in plotted[0].drawn


def test_the_similarities_are_those_of_the_graph(audit):
    drawn = build_report(audit).similarities.drawn
    counted = [int(n.replace(",", "")) for n in re.findall(r": ([\d,]+) pairs?<", drawn)]
    assert sum(counted) == len(audit.edge_similarities())
    assert "near duplicates" in drawn


def test_confusions_are_those_of_the_frame(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(12):
        draw(number // 4, (120 + number, 90)).save(tmp_path / "in" / f"{number:02}.png")
    labels = [*["cat"] * 4, *["dog"] * 3, "cat", *["<b>"] * 4]
    table = {"path": [f"{number:02}.png" for number in range(12)], "label": labels}
    audit = pixsieve.run(
        tmp_path / "in", work_dir=tmp_path / "out", annotations=table, progress=False
    )
    drawn = build_report(audit).confusion.drawn
    frame = audit.confusion()
    assert ("cat", "dog") in frame.select("label", "suggested_label").rows()
    for row in frame.iter_rows(named=True):
        one, other = (html.escape(row[name]) for name in ("label", "suggested_label"))
        assert f"{one} → {other}: {row['images']} image" in drawn


def test_placeholders_have_a_section(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(5):
        draw(number).save(tmp_path / "in" / f"{number}.png")
    for number in range(3):
        Image.new("RGB", (80, 60), (9, 9, 9 + number)).save(tmp_path / "in" / f"blank{number}.png")
    audit = audit_of(tmp_path / "in", tmp_path / "out")
    section = build_report(audit).placeholders
    assert [(item.size, item.empty) for item in section.items] == [(3, True)]
    assert "Placeholders" in Page(audit.report().read_text(encoding="utf-8")).text


# ---- where it goes ---- #


def test_the_default_place_is_the_work_directory(small):
    path = small.report()
    assert path == small.work_dir / "reports" / "report.html"
    assert path.is_absolute()


def test_a_folder_gets_report_html_inside(small, tmp_path):
    assert small.report(tmp_path) == tmp_path / "report.html"
    assert small.report(f"{tmp_path}/new/") == tmp_path / "new" / "report.html"


def test_folders_are_made_and_an_older_page_is_replaced(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "deep" / "down" / "page.html"
    assert small.report("deep/down/page.html") == target
    for old in (target.read_text(encoding="utf-8") + "old", ""):
        target.write_text(old, encoding="utf-8")
        small.report(target)
        page = target.read_text(encoding="utf-8")
        assert page.startswith("<!doctype html>")
        assert not page.endswith("old")
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]


@pytest.mark.parametrize("content", [b"<!doctype html><p>My thesis", b"\xff\xd8 a picture", b""])
def test_a_file_that_is_no_report_is_not_replaced(small, tmp_path, content):
    target = tmp_path / "picture.jpg"
    target.write_bytes(content)
    message = (
        f"{target} exists and is not a page of Pixsieve: give another path, or remove it first"
    )
    with pytest.raises(FileExistsError, match=f"^{re.escape(message)}$"):
        small.report(target)
    assert target.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"\xff", b"\xff\xd8 cut off", b"text"])
def test_a_damaged_thumbnail_is_made_again(small, content):
    page = small.report().read_bytes()
    thumbnails = sorted((small.work_dir / "thumbnails").rglob("*.jpg"))
    assert thumbnails
    thumbnails[0].write_bytes(content)
    assert small.report().read_bytes() == page
    assert thumbnails[0].read_bytes().endswith(b"\xff\xd9")


def test_no_run_no_report(tmp_path):
    with pytest.raises(RuntimeError, match="nothing has been run yet"):
        pixsieve.create(tmp_path / "out", tmp_path).report()


# ---- pictures ---- #


def test_thumbnails_are_made_in_one_call_and_reused(small, monkeypatch):
    calls = []
    make = engine.write_thumbnails

    def counted(locations, targets, **keywords):
        calls.append(len(locations))
        return make(locations, targets, **keywords)

    monkeypatch.setattr(engine, "write_thumbnails", counted)
    first = load_thumbnails(small, [0, 1, 2])
    folder = WorkDir(small.work_dir).thumbnails
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("*.jpg")}
    assert calls == [2]
    assert len(written) == 2
    assert load_thumbnails(small, [0, 1, 2]) == first
    assert calls == [2]
    assert written == {path: path.stat().st_mtime_ns for path in folder.rglob("*.jpg")}


def test_a_file_that_has_gone_gets_a_placeholder(small, tmp_path):
    (tmp_path / "in" / "c.png").unlink()
    shown = load_thumbnails(small, [0, 1, 2])
    assert shown[2] == Thumbnail(reason="the file has gone")
    assert shown[0].uri == shown[1].uri
    small.config = small.config.replace(outlier_percentile=1.0)
    assert "No picture: the file has gone" in small.report().read_text(encoding="utf-8")


def test_an_equal_copy_stands_in_for_a_file_that_has_gone(small, tmp_path):
    (tmp_path / "in" / "a.png").unlink()
    shown = load_thumbnails(small, [0, 1])
    assert shown[0].uri == shown[1].uri
    assert shown[0].uri.startswith("data:image/jpeg;base64,")


def test_a_changed_file_does_not_pass_for_the_old_one(small, tmp_path):
    draw(9, (90, 90)).save(tmp_path / "in" / "c.png")
    assert load_thumbnails(small, [2])[2].reason == "the file has changed since the run"
    size = small.images["file_size"][2]
    (tmp_path / "in" / "c.png").write_bytes(b"x" * size)
    assert "unknown_format" in load_thumbnails(small, [2])[2].reason


def test_an_image_that_was_never_read_has_no_digest_and_no_picture(audit):
    empty = audit.images.filter(error_code="empty_file")["image"][0]
    assert load_thumbnails(audit, [empty])[empty].uri is None
    assert load_thumbnails(audit, [empty])[empty].reason


def test_pictures_beyond_the_limit_are_left_out_last_first():
    thumbnails = {image: Thumbnail(uri="x" * 10) for image in range(3)}
    fitting = within(thumbnails, [0, 1, 0, 2], characters=30)
    assert [fitting[image].uri is not None for image in range(3)] == [True, True, False]
    assert fitting[2].reason == "left out to keep the page small"
