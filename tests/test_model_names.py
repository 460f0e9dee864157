"""Models asked for by name: the catalogue, their cards, and what becomes of the pixels."""

import dataclasses
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

import pixsieve
from conftest import Run
from pixsieve import Config, ModelError, engine
from pixsieve.models import CATALOG, Entry, cache_folder, load_card, load_model, named
from pixsieve.models.card import INPUT_DEFAULTS

NAMES = ["dinov2s", "dinov2b", "clip", "clip336", "resnet50", "efficientnet"]
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))

#: What each model's authors publish: side, filter, mean, std, and where the channels are. Written
#: out here once more: a card that is changed by mistake must not change this with it.
PUBLISHED: dict[str, tuple[int, Image.Resampling, Any, str]] = {
    "dinov2s": (224, Image.Resampling.BICUBIC, IMAGENET, "NCHW"),
    "dinov2b": (224, Image.Resampling.BICUBIC, IMAGENET, "NCHW"),
    "clip": (224, Image.Resampling.BICUBIC, OPENAI, "NCHW"),
    "clip336": (336, Image.Resampling.BICUBIC, OPENAI, "NCHW"),
    "resnet50": (224, Image.Resampling.BILINEAR, IMAGENET, "NCHW"),
    "efficientnet": (224, Image.Resampling.BILINEAR, None, "NHWC"),
}
#: Levels of 255 by which a pixel may be off, and all of them on average: like Pillow, Rust rounds
#: between the two directions, but not always to the same side.
MOST, MEAN = 2.01, 0.2
#: A larger picture is first reduced to a short side of 256; where it is soft, that hardly shows.
MOST_REDUCED, MEAN_REDUCED = 4.01, 0.6


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network to fill it from."""
    monkeypatch.setenv("PIXSIEVE_CACHE", str(tmp_path / "cache"))
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    folder = tmp_path / "cache" / "models"
    folder.mkdir(parents=True)
    return folder


def mirror(path: Path, entry: Entry, *, averaged: bool = False) -> None:
    """A model with the entry's input that returns it as it is, one row per picture.

    Or, as a small embedding, the averages of its rows.
    """
    assert entry.card is not None
    source = {**INPUT_DEFAULTS, **entry.card["input"]}
    side = source["height"]
    shape = ["n", 3, side, side] if source["layout"] == "NCHW" else [1, side, side, 3]
    kind = {"float32": TensorProto.FLOAT}[source["dtype"]]
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["picture"], ["means"], axes=[-1]),
            helper.make_node("Flatten", ["means" if averaged else "picture"], ["out"], axis=1),
        ],
        "mirror",
        [helper.make_tensor_value_info("picture", kind, shape)],
        [helper.make_tensor_value_info("out", kind, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    onnx.save(model, path)


def vouch(monkeypatch: pytest.MonkeyPatch, name: str, path: Path) -> None:
    """The catalogue takes this file for the model."""
    digest, size = hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size
    entry = dataclasses.replace(CATALOG[name], sha256=digest, size=size)
    monkeypatch.setitem(CATALOG, name, entry)  # type: ignore[arg-type]


def scene(width: int, height: int, seed: int) -> Image.Image:
    """Soft colours, as of a photograph, with no even border that would be cut."""
    generator = np.random.default_rng(seed)
    blocks = generator.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.BICUBIC)


PICTURES = {
    "landscape": lambda: scene(400, 256, 1),
    "portrait": lambda: scene(250, 333, 2),
    "square": lambda: scene(256, 256, 3),
    "small": lambda: scene(61, 40, 4),
    "grey": lambda: scene(300, 240, 5).convert("L"),
    "large": lambda: scene(1200, 900, 7),
    "as it is": lambda: scene(224, 224, 6),
}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.png" for name in PICTURES]
    for path, draw in zip(paths, PICTURES.values(), strict=True):
        draw().save(path)
    return paths


def central_square(image: Image.Image) -> tuple[float, float, float, float]:
    side, (width, height) = min(image.size), image.size
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def reference(name: str, path: Path) -> NDArray[np.float64]:
    """What the model should be given for the picture, in levels of 0 to 255, (h, w, 3)."""
    side, resampling, _, _ = PUBLISHED[name]
    image = Image.open(path).convert("RGB")
    resized = image.resize((side, side), resampling, box=central_square(image))
    return np.asarray(resized, np.float64)


def levels(name: str, row: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the model was given, undone to levels of 0 to 255, (h, w, 3)."""
    side, _, scale, layout = PUBLISHED[name]
    if layout == "NCHW":
        values = row.astype(np.float64).reshape(3, side, side).transpose(1, 2, 0)
    else:
        values = row.astype(np.float64).reshape(side, side, 3)
    if scale is None:
        return values * 128 + 127
    mean, std = map(np.array, scale)
    return (values * std + mean) * 255


class TestPreprocessing:
    @pytest.mark.parametrize("name", NAMES)
    def test_the_model_is_given_what_its_authors_say(
        self, name: str, cache: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
    ):
        path = cache / f"{name}.onnx"
        mirror(path, CATALOG[name])
        vouch(monkeypatch, name, path)
        card = load_card(name, None)
        # The mirror gives all pixels, in place of so many numbers of length one.
        output = {**card.output, "normalize": "none", "dim": None, "pool": None}
        card = dataclasses.replace(card, output=output)
        config = Config(num_threads=2, device="cpu", batch_size=2)
        model = load_model(card, config)
        found = engine.extract(
            engine.Images.of_files(files),
            model=model,
            config=config,
            thumbnails=None,
            progress=None,
        )
        assert found["error"] == [None] * len(files)
        for file, row in zip(files, found["embeddings"], strict=True):
            off = np.abs(levels(name, row) - reference(name, file))
            large = file.stem == "large"
            assert off.max() < (MOST_REDUCED if large else MOST), (file.name, off.max())
            assert off.mean() < (MEAN_REDUCED if large else MEAN), (file.name, off.mean())


class TestCatalogue:
    def test_the_names_of_the_issue_are_there(self):
        assert [name for name, entry in CATALOG.items() if entry.card] == NAMES
        assert {"yunet", "yolov5s"} <= CATALOG.keys()

    @pytest.mark.parametrize("entry", CATALOG.values(), ids=CATALOG)
    def test_every_entry_is_complete(self, entry: Entry):
        assert entry.urls
        for url in (*entry.urls, entry.license_url, entry.source):
            assert re.fullmatch(r"https://[\w./@#-]+", url), url
        assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert entry.md5 is None or re.fullmatch("[0-9a-f]{32}", entry.md5)
        assert entry.size in (None, entry.about)
        assert entry.license
        assert entry.known_from

    def test_no_two_entries_are_the_same_file(self):
        known = [entry.sha256 for entry in CATALOG.values() if entry.sha256]
        assert len(set(known)) == len(known) == 6

    @pytest.mark.parametrize("name", NAMES)
    def test_cards_are_cards(self, name: str, cache: Path, monkeypatch: pytest.MonkeyPatch):
        (cache / f"{name}.onnx").write_bytes(name.encode())
        vouch(monkeypatch, name, cache / f"{name}.onnx")
        card = load_card(name.upper(), None)
        side, _, scale, layout = PUBLISHED[name]
        assert card.name == name
        assert card.path == cache / f"{name}.onnx"
        assert (card.input["height"], card.input["width"]) == (side, side)
        assert (card.input["layout"], card.input["channels"]) == (layout, "RGB")
        mean, std = scale or ((127 / 255,) * 3, (128 / 255,) * 3)
        assert (tuple(card.input["mean"]), tuple(card.input["std"])) == (mean, std)
        assert card.threshold("near_duplicate", "duplicate_threshold") == 0.96

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("dinov2", "there is no model 'dinov2'; did you mean dinov2s?"),
            ("xyz", "there is no model 'xyz'; there are dinov2s, dinov2b, "),
        ],
    )
    def test_a_name_that_is_none(self, name: str, said: str):
        with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
            named(name)


class TestNames:
    def test_a_file_of_that_name_comes_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "clip").write_bytes(b"mine")
        card = load_card("clip", {"input": {"height": 8, "width": 8}})
        assert card.path == tmp_path / "clip"

    def test_a_detector_embeds_nothing(self):
        with pytest.raises(ModelError, match="yunet finds things in pictures"):
            load_card("yunet", None)

    def test_a_word_that_is_neither_file_nor_name(self):
        said = r"no file .*/resnet5, and no model of that name; did you mean resnet50\?$"
        with pytest.raises(FileNotFoundError, match=said):
            load_card("resnet5", None)

    def test_offline_the_run_says_where_to_put_the_file(
        self, run: Run, tmp_path: Path, cache: Path
    ):
        entry = CATALOG["resnet50"]
        with pytest.raises(ConnectionError) as caught:
            run([tmp_path / "none.png"], model_path="resnet50")
        assert str(caught.value).endswith(
            f"Without a network, put the file at {cache / 'resnet50.onnx'}\n"
            f"  (102,576,593 bytes, SHA-256 {entry.sha256})"
        )
        assert not list(tmp_path.glob("work*"))

    def test_a_file_in_the_cache_that_is_another(self, cache: Path):
        (cache / "clip.onnx").write_bytes(b"no clip")
        with pytest.raises(ModelError, match="is not the model clip: its SHA-256 should be 0639"):
            load_card("clip", None)

    def test_a_run_by_name(
        self,
        run: Run,
        cache: Path,
        files: list[Path],
        monkeypatch: pytest.MonkeyPatch,
    ):
        path = cache / "resnet50.onnx"
        mirror(path, CATALOG["resnet50"], averaged=True)
        vouch(monkeypatch, "resnet50", path)
        card = {**CATALOG["resnet50"].card} | {"output": {"normalize": "l2"}}
        audit = run(files, model_path="resnet50", model_card=card)
        assert audit.info["model"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert audit.info["thresholds"]["near_duplicate"] == 0.96
        assert audit.embeddings().height == len(files)

    def test_the_cache_is_where_the_system_has_its_own(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.delenv("PIXSIEVE_CACHE")
        assert cache_folder().parts[-2:] == ("pixsieve", "models")
        monkeypatch.setenv("PIXSIEVE_CACHE", "~/somewhere")
        assert cache_folder() == Path.home() / "somewhere" / "models"


def cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pixsieve", "models", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class TestCommands:
    def test_lists_all_with_their_licences(self, cache: Path):
        (cache / "yunet.onnx").write_bytes(b"short")
        (cache / "clip.onnx").write_bytes(b"any")
        done = cli()
        assert done.returncode == 0, done.stderr
        lines = {line.split()[0]: line for line in done.stdout.splitlines() if line}
        assert lines.keys() >= CATALOG.keys()
        assert lines["dinov2s"].split() == ["dinov2s", "88.5", "MB", "absent", "Apache-2.0"]
        assert "AGPL-3.0" in lines["yolov5s"]
        assert " wrong " in lines["yunet"]
        assert " present " in lines["clip"]
        assert f"Cache: {cache}\n" in done.stdout
        assert "No SHA-256 is known of clip336, yolov5s" in done.stdout

    def test_as_json(self, cache: Path):
        told = json.loads(cli("--json").stdout)
        assert told["cache"] == str(cache)
        facts = {model["name"]: model for model in told["models"]}
        assert facts["dinov2s"]["sha256"] == CATALOG["dinov2s"].sha256
        assert facts["yolov5s"]["sha256_known"] is False
        assert facts["yunet"]["embeds"] is False
        assert all(model["license_url"] for model in facts.values())

    def test_fetch_without_a_network(self, cache: Path):
        done = cli("fetch", "clip")
        assert done.returncode == 1
        assert done.stderr.startswith("pixsieve: error: cannot fetch the model clip\n  from https")
        assert f" at {cache / 'clip.onnx'}\n" in done.stderr

    def test_fetch_of_what_is_there_says_what_it_is(self, cache: Path):
        (cache / "yolov5s.onnx").write_bytes(b"a model")
        done = cli("fetch", "yolov5s")
        digest = hashlib.sha256(b"a model").hexdigest()
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{cache / 'yolov5s.onnx'}\nLicence: AGPL-3.0")
        assert f"SHA-256: {digest}. Nobody vouches for it" in done.stdout

    def test_verify(self, cache: Path):
        assert cli("verify").stdout == "no model is in the cache\n"
        (cache / "yolov5s.onnx").write_bytes(b"a model")
        assert cli("verify").stdout == "yolov5s       kept\n"
        (cache / "yolov5s.onnx").write_bytes(b"another model")
        done = cli("verify", "yolov5s")
        assert (done.returncode, done.stdout) == (1, "yolov5s       wrong\n")
        assert "its SHA-256 should be " in done.stderr
        facts = json.loads(cli("verify", "--json").stdout)["models"]
        assert [model["state"] for model in facts] == ["wrong"]
        assert cli("verify", "clip").returncode == 1

    @pytest.mark.parametrize("command", ["fetch", "verify"])
    def test_a_name_that_is_none_is_wrong_usage(self, command: str):
        done = cli(command, "resnet5")
        assert done.returncode == 2
        assert "did you mean resnet50?" in done.stderr


def test_the_package_exports_what_it_did() -> None:
    assert set(pixsieve.models.__all__) >= {"Card", "load_card", "load_model", "find_runtime"}
