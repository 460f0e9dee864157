"""The same pictures as every kind of input: all kinds must say the same of them."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import pixsieve
from input_kinds_case import IN_MEMORY, KINDS, Collection, collection, name_of
from pixsieve.audit.job import Job
from pixsieve.explorer.pictures import picture
from pixsieve.pages.pictures import load_thumbnails

pytest.importorskip("datasets")
SETTINGS = {"progress": False, "num_threads": 2, "device": "cpu"}
SAID = ("digest", "format", "width", "height", "file_size", "error_code", "detail")
#: What of a run is as it was in another of the same.
SAME = ("images", "statistics", "edges", "pairs", "pixel_digests", "typicality", "unmatched")


@dataclass(frozen=True)
class Done:
    """A run, and the kind of its input."""

    kind: str
    source: Any
    audit: pixsieve.Audit
    given: Collection

    @property
    def names(self) -> list[str]:
        """Which of the collection each image is."""
        return [name_of(path, self.given) for path in self.audit.images["path"]]

    def by_name(self, frame: pl.DataFrame) -> dict[str, tuple[Any, ...]]:
        """Rows, one per image, by what their pictures are called in the collection."""
        return dict(zip(self.names, frame.rows(), strict=True))

    def embeddings(self) -> dict[str, bytes]:
        """Bit by bit."""
        frame = self.audit.embeddings()
        vectors = frame["embedding"].to_numpy()
        names = self.names
        return {names[row]: one.tobytes() for row, one in zip(frame["image"], vectors, strict=True)}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return collection(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def reference(given: Collection, tmp_path_factory: pytest.TempPathFactory) -> Done:
    work = tmp_path_factory.mktemp("reference") / "work"
    audit = pixsieve.run(given.folder, work_dir=work, **SETTINGS)
    return Done("folder", given.folder, audit, given)


@pytest.fixture(scope="module", params=KINDS)
def done(
    request: pytest.FixtureRequest, given: Collection, tmp_path_factory: pytest.TempPathFactory
) -> Done:
    here = tmp_path_factory.mktemp("kind")
    source = KINDS[request.param][0](given, here)
    audit = pixsieve.run(source, work_dir=here / "work", **SETTINGS)
    return Done(request.param, source, audit, given)


def test_the_collection_has_broken_pictures(reference: Done):
    rows = reference.audit.invalid_instances().select("path", "error_code").rows()
    assert {(Path(path).stem, code) for path, code in rows} == {
        ("n01", "truncated"),
        ("n08", "corrupt"),
    }
    assert reference.audit.images["format"].n_unique() == 9  # of one it is not known


def test_every_picture_once_in_path_order(done: Done):
    paths = done.audit.images["path"].to_list()
    assert sorted(done.names) == done.given.names
    numbered = [(path.partition("#row=")[0], path.partition("#row=")[2]) for path in paths]
    assert numbered == sorted(numbered, key=lambda one: (os.fsencode(one[0]), len(one[1]), one[1]))
    assert not done.audit.unmatched().height


def test_the_same_is_said_of_them(done: Done, reference: Done):
    own, others = (one.by_name(one.audit.images.select(SAID)) for one in (done, reference))
    assert own == others
    own, others = (
        one.by_name(one.audit.statistics.drop("image").fill_nan(None)) for one in (done, reference)
    )
    assert own == others


def test_embeddings_are_equal_to_the_bit(done: Done, reference: Done):
    assert done.embeddings() == reference.embeddings()


def test_labels_and_columns_of_the_input(done: Done):
    _, labels, scores = KINDS[done.kind]
    images = done.audit.images
    if labels:
        expected = dict(zip(done.given.names, done.given.labels, strict=True))
        assert dict(zip(done.names, images["label"], strict=True)) == expected
    elif done.kind != "mixed":
        assert images["label"].null_count() == images.height
    if scores:
        expected = dict(zip(done.given.names, done.given.scores, strict=True))
        assert dict(zip(done.names, images["score"], strict=True)) == expected
        assert "score" in done.audit.duplicates().columns
    if done.kind != "torch":  # its items have no names
        assert images["split"].to_list() == [name.split("/")[0] for name in done.names]


def test_labels_of_folders(done: Done, tmp_path: Path):
    """Where nothing else gives labels, the paths in archives and tables do."""
    if KINDS[done.kind][1] or done.kind == "mixed":
        pytest.skip("it has labels of its own")
    audit = pixsieve.run(done.source, work_dir=tmp_path / "work", labels="folder", **SETTINGS)
    assert audit.images["label"].to_list() == [name.split("/")[-2] for name in done.names]


def test_a_second_run_is_the_same(done: Done, tmp_path: Path):
    again = pixsieve.run(done.source, work_dir=tmp_path / "work", **SETTINGS)
    for name in SAME:
        first, second = (one.work_dir / f"{name}.parquet" for one in (done.audit, again))
        assert first.read_bytes() == second.read_bytes(), name
    embeddings = [one.embeddings()["embedding"].to_numpy() for one in (done.audit, again)]
    assert embeddings[0].tobytes() == embeddings[1].tobytes()


def written(audit: pixsieve.Audit) -> dict[str, int]:
    """When each file of the shards was written."""
    return {path.name: path.stat().st_mtime_ns for path in (audit.work_dir / "shards").iterdir()}


def test_shards_are_used_again_where_the_input_is_as_it_was(done: Done):
    before, images = written(done.audit), done.audit.images
    again = pixsieve.run(done.source, work_dir=done.audit.work_dir, overwrite=True, **SETTINGS)
    assert again.images.equals(images)
    # What an object in memory holds is not known before it is read.
    fleeting = done.kind in (*IN_MEMORY, "mixed")
    assert (written(again) == before) != fleeting


def test_pictures_are_shown_after_loading(done: Done):
    """Thumbnails, pages, the explorer, and searching: without the objects of the run."""
    audit = pixsieve.load(done.audit.work_dir)
    images = audit.images
    thumbnails = load_thumbnails(audit, images["image"], progress=False)
    shown = {image for image, one in thumbnails.items() if one.uri is not None}
    assert shown == set(images.filter(pl.col("format").is_not_null())["image"])
    page = Path(audit.report())
    assert page.read_text().count("data:image/jpeg;base64,") > 3
    gallery = audit.vis.stats_gallery(metric="blur", show=False)
    assert "data:image/jpeg;base64," in gallery.read_text()
    for image in images["image"]:
        small, kind = picture(audit, image, 256)
        assert kind == ("image/jpeg" if image in shown else "image/svg+xml")
        large, kind = picture(audit, image, 1600)
        in_memory = audit.location(image) == "an object in memory"
        if image in shown and not in_memory:
            assert kind == "image/jpeg"
            assert len(large) >= len(small) * 0.9
        if image in shown and in_memory:
            assert kind == "image/svg+xml"
            words = b" ".join(re.findall(rb">([^<]+)</tspan>", large))
            assert b"it was in memory, and went after the run" in words


def test_searching(done: Done, reference: Done):
    audit = pixsieve.load(done.audit.work_dir)
    name = "train/cats/n00.png"
    data = done.given.files[name]
    found = audit.search(data, k=3)
    assert done.names[found["image"][0]] == name
    assert found["similarity"][0] > 0.9999
    others = reference.audit.search(data, k=3)
    assert found["similarity"].to_list() == others["similarity"].to_list()
    assert [done.names[one] for one in found["image"]] == [
        reference.names[one] for one in others["image"]
    ]
    assert (
        audit.search(int(found["image"][0]), k=2)["image"].to_list() == found["image"].to_list()[1:]
    )


def test_locations(done: Done):
    places = [done.audit.location(image) for image in done.audit.images["image"]]
    here = [Path(place).is_absolute() and Path(place).is_file() for place in places]
    gone = [place == "an object in memory" for place in places]
    count = {"mixed": 12}.get(done.kind, len(places) if done.kind in IN_MEMORY else 0)
    assert sum(gone) == count
    assert sum(here) == len(places) - count


FOR_READING_AGAIN = (
    "folder",
    "text",
    "csv",
    "parquet shards",
    "tar",
    "zip",
    "tar.gz",
    "webdataset",
)


@pytest.mark.parametrize("kind", FOR_READING_AGAIN)
def test_what_has_changed_is_read_again(kind: str, tmp_path: Path):
    """Told by the time of the file, or of the archive that holds it."""
    own = collection(tmp_path / "pictures")
    here = tmp_path / "here"
    here.mkdir()
    source = KINDS[kind][0](own, here)
    shard_size, Job.shard_size = Job.shard_size, 10
    try:
        audit = pixsieve.run(source, work_dir=tmp_path / "work", **SETTINGS)
        before, images = written(audit), audit.images
        location = Path(audit.location(3))
        newer = location.stat().st_mtime_ns + 10**9
        os.utime(location, ns=(newer, newer))
        again = pixsieve.run(source, work_dir=tmp_path / "work", overwrite=True, **SETTINGS)
    finally:
        Job.shard_size = shard_size
    assert again.images.equals(images)
    same = {name for name, time in written(again).items() if before[name] == time}
    inside = {audit.location(image) == str(location) for image in range(20, 30)}
    assert not any(name.startswith("00000") for name in same)
    assert any(name.startswith("00002") for name in same) != (inside == {True})


@pytest.mark.parametrize("kind", ["folder", "tar", "zip", "parquet"])
def test_pictures_of_changed_files_are_not_shown(kind: str, tmp_path: Path):
    own = collection(tmp_path / "pictures")
    here = tmp_path / "here"
    here.mkdir()
    source = KINDS[kind][0](own, here)
    audit = pixsieve.run(source, work_dir=tmp_path / "work", **SETTINGS)
    location = Path(audit.location(3))
    data = location.read_bytes()
    location.write_bytes(data[::-1] + b"more")
    os.utime(location, ns=(7, 7))
    (thumbnail,) = load_thumbnails(audit, [3], progress=False).values()
    assert thumbnail.reason == "the file has changed since the run"
