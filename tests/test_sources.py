"""Which files of a folder become images, and what a folder says that has none."""

import os
import socket
from pathlib import Path

import pytest

import pixsieve
from conftest import Pictures, Run, draw


def relative(audit, folder: Path) -> list[str]:
    return [str(Path(path).relative_to(folder)) for path in audit.annotations()["path"]]


def errors(audit) -> dict[str, tuple[str, str]]:
    frame = audit.invalid_instances()
    rows = frame.select("path", "error_code", "detail").iter_rows()
    return {Path(path).name: (code, detail) for path, code, detail in rows}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


class TestNothingToRead:
    def test_a_missing_folder(self, run: Run, tmp_path: Path):
        with pytest.raises(FileNotFoundError) as caught:
            run(tmp_path / "nowhere")
        assert str(caught.value) == f"{tmp_path}/nowhere: there is no such folder"

    def test_an_empty_folder(self, run: Run, photos: Path):
        with pytest.raises(ValueError, match=f"^{photos}: it is empty$"):
            run(photos)

    def test_a_folder_without_pictures_says_what_it_has_instead(self, run: Run, photos: Path):
        (photos / "notes.txt").write_text("nothing to see here, move along")
        (photos / "table.csv").write_text("a,b")
        (photos / ".hidden.png").write_bytes(b"")
        (photos / "dangling.jpg").symlink_to("nowhere")
        os.mkfifo(photos / "pipe.jpg")
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text follows
            run(photos)
        assert str(caught.value) == (
            f"{photos}: no picture found; left out: 1 hidden (pass hidden=True to read them), "
            "2 not pictures, 1 links to nowhere or to each other, 1 sockets, FIFOs or devices"
        )

    def test_one_picture_by_itself(self, run: Run, pictures: Pictures, photos: Path):
        (file,) = pictures(photos, "a.png")
        assert run(file).annotations()["path"].to_list() == [str(file)]

    def test_an_empty_list(self, run: Run):
        with pytest.raises(ValueError, match=r"^the list of files: it is empty$"):
            run([])

    @pytest.mark.usefixtures("ordinary_user")
    def test_no_permission_to_read_the_folder(self, run: Run, pictures: Pictures, photos: Path):
        pictures(photos, "a.png")
        photos.chmod(0)
        try:
            with pytest.raises(PermissionError) as caught:
                run(photos)
        finally:
            photos.chmod(0o700)
        assert str(caught.value) == f"{photos}: Permission denied (os error 13)"

    def test_nothing_leaves_a_work_directory_behind(self, run: Run, photos: Path, tmp_path: Path):
        with pytest.raises(ValueError, match="it is empty"):
            run(photos, work_dir=tmp_path / "work")
        assert not (tmp_path / "work").exists()


class TestWalk:
    def test_folders_are_read_all_the_way_down_in_bytewise_order(
        self, run: Run, pictures: Pictures, photos: Path
    ):
        names = ["b.png", "a/z.png", "a/b/c/d/e/f.jpg", "Z.png", "a.png", "ä.png", "a-b.png"]
        pictures(photos, *names)
        found = relative(run(photos), photos)
        assert found == sorted(names, key=os.fsencode)
        assert found == relative(run(photos, num_threads=1), photos)

    def test_hidden_files_and_folders_only_when_asked_for(
        self, run: Run, pictures: Pictures, photos: Path
    ):
        pictures(photos, "a.png", ".b.png", ".git/c.png")
        audit = run(photos)
        assert relative(audit, photos) == ["a.png"]
        assert audit.info["left_out"]["hidden"] == 2
        assert relative(run(photos, hidden=True), photos) == [".b.png", ".git/c.png", "a.png"]

    def test_content_makes_a_picture_where_the_name_does_not(
        self, run: Run, pictures: Pictures, photos: Path
    ):
        pictures(photos, "a.png", "b.jpg", "c.png")
        (photos / "a.png").rename(photos / "0a1b2c")
        (photos / "b.jpg").rename(photos / "b.dat")
        (photos / "c.png").rename(photos / "c.JPG")
        (photos / "d.txt").write_text("BMW is a maker of cars, and this is no bitmap")
        frame = run(photos).annotations()
        assert frame.select("format", "error_code").rows() == [
            ("png", None),
            ("jpeg", None),
            ("png", None),
        ]

    def test_a_picture_name_without_a_picture_is_a_row(self, run: Run, photos: Path):
        (photos / "empty.jpg").write_bytes(b"")
        (photos / "page.png").write_text("<html>404 not found</html>")
        (photos / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(32))
        assert errors(run(photos)) == {
            "empty.jpg": ("empty_file", "the file has no bytes"),
            "film.mp4": (
                "corrupt",
                "the video cannot be opened: Invalid data found when processing input",
            ),
            "page.png": ("unknown_format", "the content is of no known picture format"),
        }

    def test_a_folder_named_like_a_picture_is_a_folder(
        self, run: Run, pictures: Pictures, photos: Path
    ):
        pictures(photos, "album.jpg/a.png")
        assert relative(run(photos), photos) == ["album.jpg/a.png"]

    def test_fifo_and_socket_in_a_folder_are_counted_and_left_alone(
        self, run: Run, pictures: Pictures, photos: Path, monkeypatch: pytest.MonkeyPatch
    ):
        pictures(photos, "a.png")
        os.mkfifo(photos / "pipe.jpg")
        monkeypatch.chdir(photos)  # the name of a socket may have 108 bytes
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.jpg")
            audit = run(photos)
        assert relative(audit, photos) == ["a.png"]
        assert audit.info["left_out"]["special"] == 2

    def test_fifo_and_socket_in_a_list_are_rows(
        self, run: Run, pictures: Pictures, photos: Path, monkeypatch: pytest.MonkeyPatch
    ):
        pictures(photos, "a.png")
        os.mkfifo(photos / "pipe.jpg")
        monkeypatch.chdir(photos)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket.jpg")
            audit = run([photos / name for name in ("a.png", "pipe.jpg", "socket.jpg")])
        assert errors(audit) == {
            "pipe.jpg": ("unknown_format", "a FIFO, socket or device, not a file"),
            "socket.jpg": ("unknown_format", "a FIFO, socket or device, not a file"),
        }

    @pytest.mark.usefixtures("ordinary_user")
    def test_an_unreadable_folder_and_file_are_rows(
        self, run: Run, pictures: Pictures, photos: Path
    ):
        pictures(photos, "a.png", "closed/b.png", "secret.png")
        (photos / "secret.png").chmod(0)
        (photos / "closed").chmod(0)
        try:
            audit = run(photos)
        finally:
            (photos / "closed").chmod(0o700)
        assert relative(audit, photos) == ["a.png", "closed", "secret.png"]
        assert errors(audit) == {
            "closed": ("permission_denied", "no permission to read the file"),
            "secret.png": ("permission_denied", "no permission to read the file"),
        }


class TestLinks:
    def test_a_link_to_a_file_outside_is_followed(
        self, run: Run, pictures: Pictures, photos: Path, tmp_path: Path
    ):
        (file,) = pictures(tmp_path / "elsewhere", "x.png")
        (photos / "link.png").symlink_to(file)
        assert relative(run(photos), photos) == ["link.png"]

    def test_a_link_to_a_folder_outside_is_followed(
        self, run: Run, pictures: Pictures, photos: Path, tmp_path: Path
    ):
        pictures(tmp_path / "elsewhere", "x.png", "sub/y.png")
        (photos / "link").symlink_to(tmp_path / "elsewhere")
        assert relative(run(photos), photos) == ["link/sub/y.png", "link/x.png"]

    def test_a_file_is_listed_once_under_its_own_name(
        self, run: Run, pictures: Pictures, photos: Path
    ):
        pictures(photos, "m/real.png")
        (photos / "a.png").symlink_to("m/real.png")
        (photos / "z").symlink_to("m")
        audit = run(photos)
        assert relative(audit, photos) == ["m/real.png"]
        assert audit.info["left_out"]["links"] == 2

    def test_of_two_links_to_one_file_the_first_is_listed(
        self, run: Run, pictures: Pictures, photos: Path, tmp_path: Path
    ):
        (file,) = pictures(tmp_path / "elsewhere", "x.png")
        for name in ("c.png", "a.png", "b.png"):
            (photos / name).symlink_to(file)
        audit = run(photos)
        assert relative(audit, photos) == ["a.png"]
        assert audit.info["left_out"]["links"] == 2

    def test_loops_and_dangling_links_end(self, run: Run, pictures: Pictures, photos: Path):
        pictures(photos, "a.png", "sub/b.png")
        (photos / "sub" / "up").symlink_to(photos)
        (photos / "self.png").symlink_to("self.png")
        (photos / "gone.png").symlink_to("nowhere.png")
        audit = run(photos)
        assert relative(audit, photos) == ["a.png", "sub/b.png"]
        assert audit.info["left_out"]["links"] == 3

    def test_hard_links_are_two_files(self, run: Run, pictures: Pictures, photos: Path):
        (file,) = pictures(photos, "a.png")
        (photos / "b.png").hardlink_to(file)
        audit = run(photos)
        assert relative(audit, photos) == ["a.png", "b.png"]
        assert audit.duplicates()["kind"].to_list() == ["exact", "exact"]

    def test_an_input_that_is_a_link(
        self, run: Run, pictures: Pictures, photos: Path, tmp_path: Path
    ):
        pictures(photos, "a.png")
        link = tmp_path / "link"
        link.symlink_to(photos)
        assert relative(run(link), link) == ["a.png"]


class TestNames:
    def test_odd_names_are_read_and_shown(self, run: Run, photos: Path):
        names = {
            b"x" * 196 + b".png": "x" * 196 + ".png",
            b"caf\xe9.png": "caf\\xe9.png",
            b"two\nlines.png": "two\nlines.png",
            b"<b>&\"'.png": "<b>&\"'.png",
            "\U0001f40e \u202egnp.png".encode(): "\U0001f40e \u202egnp.png",
        }
        for seed, name in enumerate(names):
            draw(seed).save(photos / os.fsdecode(name), format="PNG")
        audit = run(photos, overwrite=False)
        assert audit.invalid_instances().is_empty()
        expected = [names[name] for name in sorted(names)]
        assert relative(audit, photos) == expected
        # The bytes are kept: the file behind every row can be opened.
        for image in range(len(names)):
            assert Path(audit.location(image)).is_file()
        assert audit.summary(verbose=False)[0].startswith("5 images, 5 valid (100.0%)")

    def test_odd_names_in_a_list(self, run: Run, photos: Path):
        name = photos / os.fsdecode(b"caf\xe9.png")
        draw(1).save(name, format="PNG")
        frame = run([name]).annotations()
        assert frame.select("path", "error_code").rows() == [(f"{photos}/caf\\xe9.png", None)]


class TestWorkDirectoryInside:
    def test_it_is_left_out_of_the_walk(self, run: Run, pictures: Pictures, photos: Path):
        pictures(photos, "a.png", "b/c.png")
        for _ in range(2):
            audit = run(photos, work_dir=photos / "b" / "out", thumbnails=True, overwrite=True)
            assert relative(audit, photos) == ["a.png", "b/c.png"]
        assert any((photos / "b" / "out" / "thumbnails").rglob("*.jpg"))

    def test_reached_through_a_link_too(
        self, run: Run, pictures: Pictures, photos: Path, tmp_path: Path
    ):
        pictures(photos, "a.png")
        work = tmp_path / "work"
        (photos / "link").symlink_to(work)
        for _ in range(2):
            audit = run(photos, work_dir=work, thumbnails=True, overwrite=True)
            assert relative(audit, photos) == ["a.png"]

    def test_the_input_itself_is_refused(self, run: Run, pictures: Pictures, photos: Path):
        pictures(photos, "a.png")
        for work_dir in (photos, photos / "sub" / ".."):
            with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text follows
                run(photos, work_dir=work_dir)
            assert str(caught.value) == (
                f"work_dir is the input folder {photos}: give another folder, "
                f"for example {photos}-audit"
            )
        assert sorted(path.name for path in photos.iterdir()) == ["a.png"]


class TestSelection:
    @pytest.fixture
    def folder(self, pictures: Pictures, photos: Path) -> Path:
        pictures(photos, "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")
        return photos

    def test_by_regular_expression(self, run: Run, folder: Path):
        found = relative(run(folder, find_regex=r"dog/.*\.png$"), folder)
        assert found == ["dog/1.png", "dog/2.png"]

    def test_by_number_in_path_order(self, run: Run, folder: Path):
        found = relative(run(folder, num_images=3), folder)
        assert found == ["cat/1.png", "cat/2.png", "dog/1.png"]

    def test_by_subset_of_relative_or_full_paths(self, run: Run, folder: Path):
        subset = ["dog/2.png", str(folder / "cat/1.png"), "not/there.png"]
        found = relative(run(folder, subset=subset), folder)
        assert found == ["cat/1.png", "dog/2.png"]

    def test_the_number_counts_what_the_others_leave(self, run: Run, folder: Path):
        found = relative(run(folder, find_regex="dog", num_images=1), folder)
        assert found == ["dog/1.png"]

    def test_nothing_left(self, run: Run, folder: Path):
        with pytest.raises(
            ValueError, match=r"^no image is left after find_regex='bird': none of the 4"
        ):
            run(folder, find_regex="bird")

    def test_a_pattern_that_is_none(self, run: Run, folder: Path):
        with pytest.raises(ValueError, match=r"^find_regex '\(' is no regular expression: "):
            run(folder, find_regex="(")


class TestLists:
    def test_folders_and_files_in_one_list(
        self, run: Run, pictures: Pictures, photos: Path, tmp_path: Path
    ):
        pictures(photos, "a.png", "b/c.png")
        (other,) = pictures(tmp_path, "d.png", seed=9)
        audit = run([photos, other])
        assert relative(audit, tmp_path) == ["d.png", "photos/a.png", "photos/b/c.png"]

    def test_missing_files_folders_and_repetitions(
        self, run: Run, pictures: Pictures, photos: Path
    ):
        (file,) = pictures(photos, "a.png")
        audit = run([file, file, photos / "gone.png", photos, str(file)])
        assert audit.annotations().height == 2
        assert audit.info["left_out"]["repeated"] == 3
        assert errors(audit) == {"gone.png": ("missing_file", "no such file")}

    @pytest.mark.parametrize("name", ["gone", "gone.tar", "gone.parquet", "gone.mp4", "gone.csv"])
    def test_only_pictures_of_a_list_may_be_missing(
        self, run: Run, pictures: Pictures, photos: Path, name: str
    ):
        """A collection that is not there is a slip of the pen, not a bad picture."""
        pictures(photos, "a.png")
        with pytest.raises(FileNotFoundError, match=rf"{name}: there is no such"):
            run([photos, photos / name])


def test_where_a_run_goes_if_nothing_is_said(folder_of_two, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    audit = pixsieve.run(folder_of_two, progress=False)
    assert audit.work_dir == tmp_path / "pixsieve-out" / folder_of_two.name
    files = sorted(folder_of_two.iterdir())
    assert pixsieve.create(input_dir=files).work_dir == tmp_path / "pixsieve-out" / "files"


@pytest.fixture
def folder_of_two(tmp_path):
    for number in range(2):
        (tmp_path / "two").mkdir(exist_ok=True)
        draw(number).save(tmp_path / "two" / f"{number}.png")
    return tmp_path / "two"
