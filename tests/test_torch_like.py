"""Datasets of torch's kind, tensors and lists of pictures, without torch."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from pixsieve.sources.places import LISTED, Content, Failure, Pixels
from pixsieve.sources.tables.given import Given
from pixsieve.sources.tables.items import is_picture
from pixsieve.sources.tables.torch_like import is_dataset, list_dataset, list_pictures

RED = np.zeros((6, 8, 3), dtype=np.uint8)
RED[..., 0] = 255
RED[0, 0] = (10, 20, 30)


class Tensor:
    """A tensor of torch's, as far as it is used: of its own type, with gradients."""

    def __init__(self, array: Any, *, brain: bool = False, grad: bool = True) -> None:
        self._array = np.asarray(array)
        self._brain, self._grad = brain, grad
        self.shape = self._array.shape

    def detach(self) -> "Tensor":
        return Tensor(self._array, brain=self._brain, grad=False)

    def cpu(self) -> "Tensor":
        return self

    def is_floating_point(self) -> bool:
        return bool(self._brain or self._array.dtype.kind == "f")

    def float(self) -> "Tensor":
        return Tensor(self._array.astype(np.float32), grad=self._grad)

    def numpy(self) -> np.ndarray:
        if self._grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self._brain:
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self._array

    def __int__(self) -> int:
        return int(self._array)

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: int) -> "Tensor":
        return Tensor(self._array[index])


class Items:
    """A dataset of given items."""

    def __init__(self, items: list[Any], **attributes: Any) -> None:
        self._items = items
        self.read = 0
        vars(self).update(attributes)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Any:
        self.read += 1
        item = self._items[index]
        if isinstance(item, Exception):
            raise item
        return item


class Subset:
    def __init__(self, dataset: Any, indices: Any) -> None:
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]


class IterableDataset:
    def __iter__(self) -> Any:
        return iter([RED])


class DataLoader:
    def __init__(self, dataset: Any) -> None:
        self.dataset, self.batch_size = dataset, 4

    def __len__(self) -> int:
        return 1


def listed(dataset: Any) -> Given:
    return list_dataset(dataset, max_pixels=10_000)


def fetched(listing: Given) -> list[Content]:
    rows = listing.frame.with_row_index("row")
    assert listing.fetcher is not None
    return [content for _, content in listing.fetcher.fetch(rows)]


def only(item: Any) -> Content:
    (content,) = fetched(list_pictures([item], max_pixels=10_000))
    return content


CHW = np.moveaxis(RED, 2, 0)


@pytest.mark.parametrize(
    "item",
    [
        RED,
        CHW,
        RED[None],
        RED.astype(np.float32) / 255,
        RED.astype(np.float64),
        RED.astype(np.int64),
        RED.astype(np.uint16) * 257,
        np.asfortranarray(RED),
        RED[:, ::-1][:, ::-1],
        np.dstack([RED, np.full((6, 8), 255, np.uint8)]),
        Image.fromarray(RED),
        Tensor(CHW),
        Tensor(CHW / 255),
        Tensor(CHW / 255, brain=True),
        Tensor(CHW[None].astype(np.float16) / 255),
        {"image": RED, "label": 1},
        {"pixel_values": Tensor(CHW)},
        (Tensor(CHW), 3),
        (Image.fromarray(RED), {"boxes": []}),
    ],
)
def test_pictures_of_every_kind(item: Any) -> None:
    content = only(item)
    assert isinstance(content, Pixels)
    assert content.array.flags.c_contiguous
    assert np.array_equal(content.array, RED)
    assert content.format == "array"


def test_grey_bits_and_alpha() -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    for item in (grey, grey[..., None], Image.fromarray(grey), Tensor(grey), Tensor(grey[None])):
        content = only(item)
        assert isinstance(content, Pixels)
        assert np.array_equal(content.array, np.repeat(grey[..., None], 3, axis=2))
    white = only(np.ones((6, 8), dtype=bool))
    assert isinstance(white, Pixels)
    assert white.array.min() == 255
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    for item in (clear, np.asarray(clear), clear.convert("LA")):
        content = only(item)
        assert isinstance(content, Pixels)
        assert content.array.min() == 255


def test_sixteen_bits_of_pillow() -> None:
    deep = np.array([[0, 257, 65535], [32768, 514, 128]], dtype=np.uint16)
    content = only(Image.fromarray(deep))
    assert isinstance(content, Pixels)
    assert content.array[..., 0].tolist() == [[0, 1, 255], [128, 2, 0]]


def test_pictures_of_pillow_are_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    held = io.BytesIO()
    Image.fromarray(RED).save(held, "png", exif=exif)
    content = only(Image.open(held))
    assert isinstance(content, Pixels)
    assert content.format == "png"
    assert np.array_equal(content.array, np.rot90(RED, -1))


def test_encoded_pictures_and_paths(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"picture")
    for item in (b"picture", bytearray(b"picture"), {"bytes": b"picture", "path": None}):
        assert only(item) == b"picture"
    dataset = Items([(tmp_path / "a.jpg", 0), (str(tmp_path / "gone.jpg"), 1)])
    there, gone = fetched(listed(dataset))
    assert there == b"picture"
    assert isinstance(gone, Failure)
    assert gone.code == "missing_file"


@pytest.mark.parametrize(
    ("item", "code", "message"),
    [
        (None, "unknown_format", "NoneType holds no picture"),
        (3.5, "unknown_format", "float holds no picture"),
        ({"text": "x"}, "unknown_format", "dict holds no picture"),
        (np.zeros((2, 5, 5)), "unknown_format", "no 1, 3 or 4 channels"),
        (np.zeros((4, 0, 3)), "unknown_format", "4x0x3"),
        (np.zeros((2, 5, 5, 3)), "unknown_format", "2x5x5x3"),
        (np.full((5, 5, 3), "x"), "unknown_format", "<U1"),
        (np.full((5, 5, 3), np.nan), "corrupt", "not finite"),
        (np.linspace(-2, 2, 75).reshape(5, 5, 3), "corrupt", "from -2 to 2: pictures are needed"),
        (np.zeros((200, 200), np.uint8), "too_large", "200x200 pixels"),
        (Image.new("1", (200, 200)), "too_large", "200x200 pixels"),
        (b"", "empty_file", "no bytes"),
        (Image.open(io.BytesIO(b"P6 9 9 255 short")), "corrupt", "item 0: "),
    ],
)
def test_no_pictures(item: Any, code: str, message: str) -> None:
    content = only(item)
    assert isinstance(content, Failure)
    assert content.code == code
    assert message in content.detail


def test_labels_by_the_names_of_classes() -> None:
    dataset = Items([(RED, 1), (RED, 0), (RED, 7)], classes=["cat", "dog"])
    listing = listed(dataset)
    assert listing.frame.columns == [*LISTED, "label"]
    assert listing.frame["label"].to_list() == ["dog", "cat", "7"]
    assert listing.frame["path"].to_list() == ["dataset#row=0", "dataset#row=1", "dataset#row=2"]
    for _ in range(2):
        assert [type(content) for content in fetched(listing)] == [Pixels] * 3


@pytest.mark.parametrize("targets", [[1, 0], np.array([1, 0]), Tensor([1, 0])])
@pytest.mark.parametrize("name", ["targets", "labels", "_labels"])
def test_labels_of_all_items_are_not_read_one_by_one(targets: Any, name: str) -> None:
    dataset = Items([(RED, 5), (RED, 5)], classes=("cat", "dog"), **{name: targets})
    assert listed(dataset).frame["label"].to_list() == ["dog", "cat"]
    assert dataset.read == 1


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["x", "y"], ["x", "y"]),
        ([np.int64(1), Tensor(0)], ["1", "0"]),
        ([[0, 1], []], [["0", "1"], []]),
        ([{"boxes": 1}, None], None),
    ],
)
def test_labels_of_other_kinds(labels: list[Any], expected: list[Any] | None) -> None:
    frame = listed(Items([{"image": RED, "label": label} for label in labels])).frame
    assert (frame["label"].to_list() if "label" in frame.columns else None) == expected


def test_items_that_raise_are_rows() -> None:
    listing = listed(Items([(RED, "x"), OSError("no such luck"), (RED, "z")]))
    assert listing.frame["label"].to_list() == ["x", None, "z"]
    good, bad, last = fetched(listing)
    assert bad == Failure("corrupt", "item 1: OSError: no such luck")
    assert isinstance(good, Pixels)
    assert isinstance(last, Pixels)


def folder_dataset(tmp_path: Path, name: str = "samples") -> Items:
    samples = [(str(tmp_path / f"{number}.jpg"), number % 2) for number in range(4)]
    for path, _ in samples:
        Path(path).write_bytes(b"x")
    return Items([RuntimeError("not to be read")] * 4, **{name: samples}, classes=["cat", "dog"])


@pytest.mark.parametrize("name", ["samples", "imgs"])
def test_image_folders_are_their_files(tmp_path: Path, name: str) -> None:
    listing = listed(folder_dataset(tmp_path, name))
    assert listing.frame["kind"].to_list() == ["file"] * 4
    assert listing.frame["path"][3] == str(tmp_path / "3.jpg")
    assert listing.frame["label"].to_list() == ["cat", "dog", "cat", "dog"]
    assert listing.fetcher is None


def test_subsets_and_concatenations(tmp_path: Path) -> None:
    whole = folder_dataset(tmp_path)
    first, second = Subset(whole, Tensor([3])), Subset(Subset(whole, np.array([1, 2])), [1])
    assert listed(second).frame["label"].to_list() == ["cat"]
    both = Items([None, None], datasets=[first, second])
    frame = listed(both).frame
    assert frame["path"].to_list() == [str(tmp_path / "3.jpg"), str(tmp_path / "2.jpg")]
    assert frame["label"].to_list() == ["dog", "cat"]
    given = Subset(Items([(RED, 9), (RED * 0, 9)], targets=[0, 1], classes=["a", "b"]), [1])
    assert listed(given).frame["label"].to_list() == ["b"]
    (content,) = fetched(listed(given))
    assert isinstance(content, Pixels)
    assert content.array.max() == 0


def test_splits() -> None:
    splits = {"train": Items([(RED, "x")] * 2), "test": Items([(RED * 0, "y")])}
    assert is_dataset(splits)
    listing = listed(splits)
    assert listing.frame["split"].to_list() == ["train", "train", "test"]
    assert listing.frame["path"].to_list()[1:] == ["dataset/train#row=1", "dataset/test#row=0"]
    contents = fetched(listing)
    assert [int(content.array.max()) for content in contents if isinstance(content, Pixels)] == [
        255,
        255,
        0,
    ]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (IterableDataset(), "whose items can be had by number"),
        (DataLoader(Items([RED])), r"pass its dataset, loader\.dataset"),
        (Items([{"text": "x"}]), "neither pictures nor hold one: the first is a dict"),
        (Items([3.5]), "the first is a float"),
    ],
)
def test_what_is_no_dataset_of_pictures(dataset: Any, message: str) -> None:
    assert is_dataset(dataset)
    with pytest.raises(ValueError, match=message):
        listed(dataset)


def test_no_items() -> None:
    assert listed(Items([])).frame.is_empty()


@pytest.mark.parametrize("source", ["folder", ["a.jpg"], RED, {"path": ["x"]}, Path("x"), {}])
def test_other_inputs(source: Any) -> None:
    assert not is_dataset(source)


def test_what_is_a_picture() -> None:
    assert all(map(is_picture, (RED, Tensor(CHW), b"x", Image.fromarray(RED))))
    assert not any(map(is_picture, ("a.jpg", Path("x"), 3, None, np.zeros(5), [RED], pl.Series())))
