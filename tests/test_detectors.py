"""Detectors: opening them, faces, overlapping boxes, names of classes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from detector_models import Graph, fixed, locator, yunet_locator, yunet_outputs
from pixsieve import Config, ModelError
from pixsieve.detectors import load_detector
from pixsieve.detectors.boxes import non_maximum
from pixsieve.detectors.letterbox import resize
from pixsieve.detectors.names import COCO, name_classes, read_names
from pixsieve.detectors.session import Session
from pixsieve.detectors.yolo import Yolo
from pixsieve.detectors.yunet import CONFIDENCE, YuNet

CONFIG = Config(device="cpu")
Resolve = Callable[[str], Path]


def nothing_else(name: str) -> Path:
    raise ValueError(f"there is no model {name!r}")


def overlap_of(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    either = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - shared
    return shared / either if either else 0.0


@given(st.data())
def test_of_overlapping_boxes_the_surest_stay(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 25))
    edges = data.draw(arrays(np.int64, (count, 4), elements=st.integers(0, 12)))
    boxes = np.concatenate([edges[:, :2], edges[:, :2] + edges[:, 2:]], axis=1).astype(float)
    confidences = data.draw(arrays(np.float32, count, elements=st.sampled_from([0.3, 0.5, 0.9])))
    classes = data.draw(arrays(np.intp, count, elements=st.integers(0, 2)))
    most = data.draw(st.integers(1, 25))
    kept: list[int] = []
    for number in sorted(range(count), key=lambda one: -confidences[one]):
        if len(kept) < most and not any(
            classes[number] == classes[other] and overlap_of(boxes[number], boxes[other]) > 0.45
            for other in kept
        ):
            kept.append(number)
    found = non_maximum(boxes, confidences, classes, overlap=0.45, most=most)
    assert found.tolist() == kept


def test_resizing_is_that_of_opencv() -> None:
    cv2 = pytest.importorskip("cv2")
    pixels = np.random.default_rng(1).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    for width, height in ((640, 447), (20, 14), (53, 37), (1, 1), (54, 3)):
        expected = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        assert np.abs(resize(pixels, width, height).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("size", [(640, 640), (200, 100), (333, 1601), (41, 97)])
def test_faces_are_found_where_they_are(tmp_path: Path, size: tuple[int, int]) -> None:
    yunet = load_detector(
        str(yunet_locator(tmp_path / "face.onnx")), config=CONFIG, resolve=nothing_else
    )
    width, height = size
    box = [width // 4, height // 5, width // 2, height // 2]
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[box[1] : box[3], box[0] : box[2]] = (255, 0, 0)
    found = yunet.detect(pixels)
    assert (found.labels, found.corners) == (["face"], None)
    assert found.confidences == pytest.approx([0.9], abs=1e-3)
    assert np.abs(found.boxes[0] - box).max() <= max(*size, 640) / 640 + 0.5
    assert len(yunet.detect(np.zeros((height, width, 3), np.uint8))) == 0
    # The model takes blue first: what is blue here is no face.
    assert len(yunet.detect(pixels[..., ::-1])) == 0


def test_faces_are_decoded_as_opencv_does(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    width, height = 96, 64
    path = fixed(
        tmp_path / "m.onnx",
        yunet_outputs(np.random.default_rng(0), width, height),
        shape=(1, 3, height, width),
    )
    session = Session(path, "cpu")
    boxes, confidences = YuNet(session)._decode(session.run(np.zeros((height, width, 3), "f")))
    oracle = cv2.FaceDetectorYN.create(str(path), "", (width, height), CONFIDENCE, 1.0, 5_000)
    faces = oracle.detect(np.zeros((height, width, 3), np.uint8))[1].astype(float)
    faces[:, 2:4] += faces[:, :2]
    expected = faces[np.lexsort(faces[:, :4].T)]
    order = np.lexsort(boxes.T)
    assert len(boxes) > 20
    assert boxes[order] == pytest.approx(expected[:, :4], abs=1e-3)
    assert confidences[order] == pytest.approx(expected[:, 14], abs=1e-5)


def test_faces_may_be_many_and_of_any_size(tmp_path: Path) -> None:
    outputs = yunet_outputs(np.random.default_rng(0), 640, 640)
    for stride in (8, 16, 32):
        outputs[f"cls_{stride}"][:] = outputs[f"obj_{stride}"][:] = 1
        outputs[f"bbox_{stride}"][..., 2:] = 1e30
    path = fixed(tmp_path / "m.onnx", outputs, shape=(1, 3, 640, 640))
    found = YuNet(Session(path, "cpu")).detect(np.zeros((10, 20, 3), np.uint8))
    assert found.boxes.tolist() == [[0, 0, 20, 10]]
    outputs["cls_8"][:] = np.nan
    path = fixed(tmp_path / "m.onnx", outputs, shape=(1, 3, 640, 640))
    assert YuNet(Session(path, "cpu")).detect(np.zeros((10, 20, 3), np.uint8)).boxes.size == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cls_8": np.zeros((1, 5, 1))}, "cls_8, obj_8 and bbox_8 do not hold 8 x 12 faces"),
        (
            {
                f"cls_{stride}": np.full((1, 6 * 1024 // stride**2, 1), np.nan)
                for stride in (8, 16, 32)
            },
            "NaN instead of scores",
        ),
    ],
)
def test_what_is_no_yunet_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    outputs = yunet_outputs(np.random.default_rng(0), 96, 64) | change
    path = fixed(tmp_path / "odd.onnx", outputs, shape=(1, 3, 64, 96))
    with pytest.raises(ModelError, match=f"odd.onnx: .*{message}"):
        load_detector(str(path), config=CONFIG, resolve=nothing_else)


def test_names_of_the_catalogue(tmp_path: Path) -> None:
    files = {
        "yunet": yunet_locator(tmp_path / "face.onnx"),
        "yolov5s": locator(tmp_path / "things.onnx", "v5"),
    }
    assert isinstance(load_detector("face", config=CONFIG, resolve=files.__getitem__), YuNet)
    assert isinstance(load_detector("yolov5s", config=CONFIG, resolve=files.__getitem__), Yolo)
    files["yunet"] = files["yolov5s"]
    with pytest.raises(ModelError, match="is no YuNet: its outputs are output0"):
        load_detector("face", config=CONFIG, resolve=files.__getitem__)
    with pytest.raises(ValueError, match="there is no model 'yolov99'"):
        load_detector("yolov99", config=CONFIG, resolve=nothing_else)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    missing = tmp_path / "missing.onnx"
    with pytest.raises(FileNotFoundError, match=r"bounding_box: there is no file .*missing\.onnx"):
        load_detector(str(missing), config=CONFIG, resolve=nothing_else)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        load_detector(str(tmp_path / "folder" / "weights"), config=CONFIG, resolve=nothing_else)
    whole = locator(tmp_path / "whole.onnx", "v8").read_bytes()
    for number, content in enumerate((b"", b"PK\x03\x04", whole[:5000], whole[100:])):
        path = tmp_path / f"broken{number}.onnx"
        path.write_bytes(content)
        with pytest.raises(ModelError, match=f"broken{number}"):
            load_detector(str(path), config=CONFIG, resolve=nothing_else)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 64), "has the shape"),
        ((1, 4, 64, 64), "has the shape"),
        ((2, 3, 64, 64), "takes 2 pictures at a time"),
        ((1, 3, 64, 100_000), "100,000 pixels a side"),
    ],
)
def test_models_that_take_no_picture(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    path = fixed(tmp_path / "m.onnx", {"out": np.zeros((1, 84, 8))}, shape=shape)
    with pytest.raises(ModelError, match=message):
        Session(path, "cpu")


def test_models_with_other_inputs_and_outputs(tmp_path: Path) -> None:
    graph = Graph()
    graph.add("Identity", "images", to="out")
    path = graph.save(
        tmp_path / "m.onnx", (1, 3, 8, 8), ["out"], dtype="int64", output_dtype="int64"
    )
    with pytest.raises(ModelError, match=r"holds tensor\(int64\)"):
        Session(path, "cpu")
    graph = Graph()
    graph.add("Cast", "images", to="out")
    graph.nodes[0].attribute.add(name="to", type=2, i=8)
    path = graph.save(tmp_path / "m.onnx", (1, 3, 8, 8), ["out"], output_dtype="string")
    with pytest.raises(ModelError, match="'out' does not hold numbers"):
        Yolo(Session(path, "cpu"))


def test_a_model_that_fails_says_which(tmp_path: Path) -> None:
    graph = Graph()
    graph.add("Reshape", "images", graph.constant([7, -1], np.int64), to="out")
    path = graph.save(tmp_path / "m.onnx", (1, 3, "h", "w"), ["out"])
    with pytest.raises(ModelError, match=r"m\.onnx fails: "):
        Yolo(Session(path, "cpu"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{0: 'cat', 1: 'dog'}", {0: "cat", 1: "dog"}),
        ("['cat', 'dog']", {0: "cat", 1: "dog"}),
        ('{"0": "cat", "1": "dog"}', {0: "cat", 1: "dog"}),
        (r"{0: '\d'}", {0: r"\d"}),
        ("", {}),
        ("cat, dog", {}),
        ("__import__('os').getcwd()", {}),
        ("{'cat': 0}", {}),
        ("17", {}),
        ("[" * 5_000, {}),
        ("-" * 100_000 + "1", {}),
        ("['a'," * 300_000, {}),
        ("{1e999: 'a'}", {}),
        ("{[]: 'a'}", {}),
    ],
)
def test_class_names(text: str, expected: dict[int, str]) -> None:
    assert read_names({"names": text}) == expected


def test_classes_without_a_name() -> None:
    assert name_classes({}, 80)[79] == "toothbrush"
    assert len(COCO) == len(set(COCO)) == 80
    assert name_classes({}, 3)[2] == "class 2"
    assert name_classes({1: "dog"}, 3)[2] == "class 2"


def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    path = locator(tmp_path / "m.onnx", "v8")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime can use GPUs")
    with pytest.raises(ModelError, match="pip install onnxruntime-gpu"):
        load_detector(str(path), config=Config(device="cuda"), resolve=nothing_else)
    load_detector(str(path), config=Config(device="auto"), resolve=nothing_else)
