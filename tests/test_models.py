"""Models of every supported shape give the right numbers; all others a clear error."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image

from conftest import Run
from model_cases import COLOURS, SIDE, Write, embed, model_writer, write_plain
from pixsieve import ModelError


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return model_writer(tmp_path)


@pytest.fixture
def plain(tmp_path: Path) -> list[Path]:
    return write_plain(tmp_path)


class TestShapes:
    @pytest.mark.parametrize("rank", [2, 4])
    @pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
    @pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
    def test_average_colour_comes_out(
        self, write: Write, plain: list[Path], layout: str, dtype: str, rank: int
    ):
        embeddings = embed(*write(layout=layout, dtype=dtype, rank=rank), plain)
        scale = 1 if dtype == "uint8" else 255
        expected = np.array(COLOURS) / scale
        assert embeddings.dtype == np.float32
        np.testing.assert_allclose(embeddings, expected, atol=2e-3 if dtype == "float16" else 1e-5)

    @pytest.mark.parametrize("batch", [1, 4, "n"])
    def test_batches_of_a_fixed_size_are_filled_up(
        self, write: Write, plain: list[Path], batch: int | str
    ):
        embeddings = embed(*write(batch=batch), plain)
        np.testing.assert_allclose(embeddings, np.array(COLOURS) / 255, atol=1e-5)

    @pytest.mark.parametrize("pool", ["first", "mean"])
    def test_tokens_are_pooled_as_the_card_says(self, write: Write, plain: list[Path], pool: str):
        path, card = write(rank=3)
        # The planes of red, green and blue are the tokens: each is of one value throughout.
        embeddings = embed(path, card | {"output": {"normalize": "none", "pool": pool}}, plain)
        values = np.array(COLOURS) / 255
        expected = values[:, 0] if pool == "first" else values.mean(axis=1)
        # What gives zeros has no direction, and no embedding.
        expected = expected[expected > 0]
        np.testing.assert_allclose(
            embeddings, np.repeat(expected[:, None], SIDE * SIDE, axis=1), atol=1e-5
        )

    def test_output_of_half_precision(self, write: Write, plain: list[Path]):
        embeddings = embed(*write(output_dtype="float16"), plain)
        np.testing.assert_allclose(embeddings, np.array(COLOURS) / 255, atol=2e-3)

    def test_mean_and_std_apply_per_channel(self, write: Write, plain: list[Path]):
        mean, std = [0.5, 0.25, 0.0], [0.5, 0.1, 1.0]
        embeddings = embed(*write(mean=mean, std=std), plain)
        expected = (np.array(COLOURS) / 255 - mean) / std
        np.testing.assert_allclose(embeddings, expected, atol=1e-5)

    def test_blue_first(self, write: Write, plain: list[Path]):
        embeddings = embed(*write(channels="BGR", layout="NHWC"), plain)
        np.testing.assert_allclose(embeddings, np.array(COLOURS)[:, ::-1] / 255, atol=1e-5)

    def test_length_one_where_the_card_says_so(self, write: Write, plain: list[Path]):
        path, card = write()
        embeddings = embed(path, card | {"output": {"normalize": "l2"}}, plain)
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)

    def test_a_card_in_a_file_beside_the_model(self, write: Write, plain: list[Path], run: Run):
        path, card = write(dtype="uint8")
        path.with_suffix(".json").write_text(json.dumps(card))
        audit = run(plain, model_path=str(path))
        assert audit.info["model"]["name"] == "tiny"
        np.testing.assert_allclose(audit.embeddings()["embedding"].to_numpy(), COLOURS, atol=1e-4)

    def test_a_picture_without_direction_is_valid_but_not_in_the_graph(
        self, write: Write, tmp_path: Path, run: Run
    ):
        folder = tmp_path / "in"
        folder.mkdir()
        Image.new("RGB", (20, 20)).save(folder / "black.png")
        Image.new("RGB", (20, 20), "white").save(folder / "white.png")
        path, card = write()
        audit = run(folder, model_path=str(path), model_card=card)
        assert audit.annotations()["error_code"].to_list() == [None, None]
        assert audit.embeddings()["image"].to_list() == [1]


def scaled_by(name: str, value: float) -> dict[str, Any]:
    return {
        "after": (helper.make_node(name, ["x", "c"], ["out"]),),
        "constants": (helper.make_tensor("c", TensorProto.FLOAT, [1], [value]),),
    }


class TestWrongModels:
    """Each is told before the first picture is read: there is none to read."""

    def fails(self, run: Run, tmp_path: Path, path: Path, card: dict[str, Any] | None) -> str:
        with pytest.raises(ModelError) as caught:
            run([tmp_path / "none.png"], model_path=str(path), model_card=card)
        assert not list(tmp_path.glob("work*"))
        return str(caught.value)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (
                {"shape": ["n", 1, SIDE, SIDE]},
                "the model's input has shape [-1, 1, 8, 8], but its card says (n, 3, 8, 8)",
            ),
            (
                {"shape": ["n", 3, 9, 8]},
                "the model's input has shape [-1, 3, 9, 8], but its card says (n, 3, 8, 8)",
            ),
            (
                {"layout": "NHWC", "shape": ["n", 3, SIDE, SIDE]},
                "the model's input has shape [-1, 3, 8, 8], but its card says (n, 8, 8, 3)",
            ),
            (
                {"dtype": "int64"},
                'the model\'s input "image" takes Int64, but its card says float32',
            ),
        ],
    )
    def test_input(
        self, run: Run, tmp_path: Path, write: Write, settings: dict[str, Any], message: str
    ):
        path, card = write(**settings)
        if settings.get("dtype") == "int64":
            card["input"]["dtype"] = "float32"
        assert self.fails(run, tmp_path, path, card) == f"{path}: {message}"

    def test_a_sequence_of_tokens(self, run: Run, tmp_path: Path, write: Write):
        path, card = write(rank=3)
        assert self.fails(run, tmp_path, path, card) == (
            "the model's output has shape [2, 3, 64]; needed is one embedding per picture: rank 2 "
            "(n, d), or rank 4, which is averaged over its area. Name another output as "
            '`name` in the card\'s output, or, for rank 3, say `pool`: "first" or "mean"'
        )

    @pytest.mark.parametrize("value", ["last", 1, []])
    def test_tokens_pooled_in_an_unknown_way(
        self, run: Run, tmp_path: Path, write: Write, value: Any
    ):
        path, card = write(rank=3)
        card["output"] = {"pool": value}
        message = f"the card of tiny.onnx: output.pool must be one of first, mean, not {value!r}"
        assert self.fails(run, tmp_path, path, card) == message

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_always_not_finite(self, run: Run, tmp_path: Path, write: Write, value: float):
        path, card = write(**scaled_by("Mul", value))
        assert self.fails(run, tmp_path, path, card) == (
            f"{path}: the model gives values that are not finite (NaN or infinity) for a test "
            "picture; check mean, std and dtype"
        )

    def test_nothing_but_zeros(self, run: Run, tmp_path: Path, write: Write):
        path, card = write(**scaled_by("Mul", 0.0))
        assert self.fails(run, tmp_path, path, card) == (
            f"{path}: the model gives nothing but zeros for a test picture; check mean, std and "
            "the output"
        )

    def test_names_that_the_model_does_not_have(self, run: Run, tmp_path: Path, write: Write):
        path, card = write(name="pixels")
        assert self.fails(run, tmp_path, path, card) == (
            f"{path}: give the picture's input as `name` in the card's input: the model has "
            '["image"]'
        )
        path, card = write()
        card["output"] = {"name": "features"}
        assert self.fails(run, tmp_path, path, card) == (
            f'{path}: no output "features": the model has ["out"]'
        )

    def test_not_an_onnx_file(self, run: Run, tmp_path: Path, write: Write):
        path, card = write()
        path.write_bytes(b"this is no model")
        message = self.fails(run, tmp_path, path, card)
        assert message.startswith(f"{path}: ONNX Runtime cannot load this model: ")

    def test_a_card_of_another_file(self, run: Run, tmp_path: Path, write: Write):
        path, card = write()
        message = self.fails(run, tmp_path, path, card | {"sha256": "0" * 64})
        assert re.fullmatch(
            re.escape(f"{path} is not the file that its card describes (SHA-256 ")
            + r"[0-9a-f]{12}…, the card says 0{12}…\)",
            message,
        )

    @pytest.mark.parametrize(
        ("card", "message"),
        [
            ("{", "{card} is not valid JSON: "),
            ("[1]", "{card} must hold one JSON object"),
            ("{}", "the card of tiny.onnx: input.height must be a number of pixels"),
            (
                '{"input": {"height": 8, "width": 8, "size": 8}}',
                "the card of tiny.onnx: input has unknown keys ['size']; known are channels, ",
            ),
        ],
    )
    def test_a_card_that_is_none(
        self, run: Run, tmp_path: Path, write: Write, card: str, message: str
    ):
        path, _ = write()
        path.with_suffix(".json").write_text(card)
        start = message.replace("{card}", str(path.with_suffix(".json")))
        assert self.fails(run, tmp_path, path, None).startswith(start)

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("layout", "CHW", "must be one of NCHW, NHWC, patches, not 'CHW'"),
            ("layout", "patches", "'patches' needs dtype 'uint8' and an even width and height"),
            ("padding", 256, "must be a number from 0 to 255, not 256"),
            ("dtype", "int8", "must be one of float32, float16, uint8, not 'int8'"),
            ("channels", "RGBA", "must be one of RGB, BGR, not 'RGBA'"),
            ("resize", "pad", "must be one of stretch, crop, not 'pad'"),
            (
                *("filter_up", "magic"),
                "must be one of box, triangle-antialiased, bilinear, bicubic, lanczos, not 'magic'",
            ),
            ("padding", True, "must be a number from 0 to 255, not True"),
            (
                *("mean", [float("nan")] * 3),
                "must be three numbers, one per channel; it is [nan, nan, nan]",
            ),
            ("mean", [0.5], "must be three numbers, one per channel; it is [0.5]"),
            ("mean", 0.5, "must be three numbers, one per channel; it is 0.5"),
            (
                *("std", [1, 1, 0]),
                "must be three numbers, one per channel, none of them 0; it is [1, 1, 0]",
            ),
        ],
    )
    def test_a_card_with_a_wrong_value(
        self, run: Run, tmp_path: Path, write: Write, key: str, value: Any, message: str
    ):
        path, card = write()
        card["input"][key] = value
        assert (
            self.fails(run, tmp_path, path, card) == f"the card of tiny.onnx: input.{key} {message}"
        )

    @pytest.mark.parametrize("value", [float("nan"), 1.5, "high", None, True])
    def test_a_threshold_that_is_no_similarity(
        self, run: Run, tmp_path: Path, write: Write, value: Any
    ):
        path, card = write()
        card["thresholds"] = {**card["thresholds"], "near_duplicate": value}
        assert self.fails(run, tmp_path, path, card) == (
            "the card of tiny.onnx: thresholds.near_duplicate must be a similarity from -1 to 1, "
            f"not {value!r}"
        )

    @pytest.mark.parametrize("part", ["input", "output", "thresholds"])
    @pytest.mark.parametrize("value", [None, [], [1], "abc", 5])
    def test_a_part_that_is_no_object(
        self, run: Run, tmp_path: Path, write: Write, part: str, value: Any
    ):
        path, card = write()
        message = (
            f"the card of tiny.onnx: {part} must be an object with named values, not {value!r}"
        )
        assert self.fails(run, tmp_path, path, card | {part: value}) == message

    def test_an_output_normalised_in_an_unknown_way(self, run: Run, tmp_path: Path, write: Write):
        path, card = write()
        card["output"] = {"normalize": "l1"}
        message = "the card of tiny.onnx: output.normalize must be one of l2, none, not 'l1'"
        assert self.fails(run, tmp_path, path, card) == message

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"ouput": {}}, "it has unknown keys ['ouput']; known are "),
            ({"output": {"normalise": "l2"}}, "output has unknown keys ['normalise']; known are "),
            ({"thresholds": {"same": 0.9}}, "thresholds has unknown keys ['same']; known are "),
            ({"output": {"name": 5}}, "output.name must be a string, not 5"),
            ({"output": {"dim": 0}}, "output.dim must be a whole number, not 0"),
        ],
    )
    def test_what_nothing_reads_is_not_passed_over(
        self,
        run: Run,
        tmp_path: Path,
        write: Write,
        changes: dict[str, Any],
        message: str,
    ):
        path, card = write()
        said = self.fails(run, tmp_path, path, card | changes)
        assert said.startswith(f"the card of tiny.onnx: {message}")

    @pytest.mark.parametrize(
        ("key", "value"), [("height", 10**20), ("width", 8.0), ("height", True), ("width", 0)]
    )
    def test_a_size_that_no_picture_has(
        self, run: Run, tmp_path: Path, write: Write, key: str, value: Any
    ):
        path, card = write()
        card["input"][key] = value
        message = f"the card of tiny.onnx: input.{key} must be a number of pixels, at most 65,535"
        assert self.fails(run, tmp_path, path, card) == message

    def test_an_embedding_of_another_length_than_the_card_says(
        self, run: Run, tmp_path: Path, write: Write
    ):
        path, card = write()
        card["output"] = {"dim": 7}
        said = self.fails(run, tmp_path, path, card)
        assert re.fullmatch(
            re.escape(f"{path}: the model gives ") + r"\d+ numbers, but its card says 7", said
        )

    @pytest.mark.parametrize("card", [[1], "x", 5])
    def test_a_card_of_another_type(self, run: Run, tmp_path: Path, write: Write, card: Any):
        path, _ = write()
        said = self.fails(run, tmp_path, path, card)
        assert said == f"model_card must be an object with named values, not {card!r}"

    def test_no_card(self, run: Run, tmp_path: Path, write: Write):
        path, _ = write()
        with pytest.raises(FileNotFoundError, match=r"^tiny.onnx has no card: write tiny.json "):
            run([tmp_path / "none.png"], model_path=str(path))

    def test_no_model(self, run: Run, tmp_path: Path):
        path = tmp_path / "gone.onnx"
        with pytest.raises(FileNotFoundError, match=f"^model_path: there is no file {path}$"):
            run([tmp_path / "none.png"], model_path=str(path))

    def test_no_thresholds(self, run: Run, write: Write, plain: list[Path]):
        path, card = write()
        del card["thresholds"]
        message = "the card of model 'tiny' has no threshold 'similar': pass threshold="
        with pytest.raises(ValueError, match=f"^{message}$"):
            run(plain, model_path=str(path), model_card=card)
        given = {"threshold": 0.5, "cc_threshold": 0.5, "duplicate_threshold": 0.5}
        run(plain, model_path=str(path), model_card=card, **given)


class TestNotFiniteForSomePicture:
    def test_names_the_picture(self, run: Run, write: Write, plain: list[Path]):
        # The root of a negative number: for pictures darker than the test picture.
        after = (
            helper.make_node("Sub", ["x", "c"], ["y"]),
            helper.make_node("Sqrt", ["y"], ["out"]),
        )
        constants = (helper.make_tensor("c", TensorProto.FLOAT, [1], [0.2]),)
        path, card = write(after=after, constants=constants)
        with pytest.raises(ModelError) as caught:
            run([plain[1], plain[4]], model_path=str(path), model_card=card)
        assert str(caught.value) == (
            f"the model gave an embedding that is not finite (NaN or infinity) for {plain[1]}"
        )
