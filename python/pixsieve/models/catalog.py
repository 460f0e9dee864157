"""The models that can be asked for by name: where each is, what it must be, and its licence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_HUB = "https://huggingface.co"
_ZOO = "validated/vision/classification/efficientnet-lite4/model/efficientnet-lite4-11.onnx"
_CLIP = (
    "https://clip-as-service.s3.us-east-2.amazonaws.com/models-436c69702d61732d53657276696365/onnx"
)
_YUNET = "face_detection_yunet_2023mar.onnx"

#: What fastdup takes for every model; none was measured for these.
_THRESHOLDS = {"similar": 0.9, "component": 0.96, "near_duplicate": 0.96}
_IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_OPENAI = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
}
_BICUBIC = {"filter_down": "bicubic", "filter_up": "bicubic"}
_BILINEAR = {"filter_down": "triangle-antialiased", "filter_up": "bilinear"}


@dataclass(frozen=True)
class Entry:
    """A file that can be fetched by name."""

    name: str
    description: str
    urls: tuple[str, ...]
    """The same file at each, tried in this order."""
    sha256: str | None
    """None where nobody can vouch for it: then the first one that comes is kept to."""
    size: int | None
    """Bytes; None where it is not known."""
    about: int
    """Bytes, roughly: what to tell before the download."""
    license: str
    license_url: str
    source: str
    """The page that describes it."""
    known_from: str
    """Where `sha256` was read; where that is None, why."""
    md5: str | None = None
    """What the publisher gives instead of a SHA-256."""
    card: Mapping[str, Any] | None = None
    """None for what makes no embeddings."""

    @property
    def file(self) -> str:
        """Its name in the cache."""
        return f"{self.name}.onnx"


def _card(
    side: int,
    dim: int,
    scale: Mapping[str, Any],
    filters: Mapping[str, str],
    *,
    layout: str = "NCHW",
    pool: str | None = None,
) -> dict[str, Any]:
    """A card whose picture is the largest centred square, in RGB and float32.

    Where the model's own recipe also leaves away the outer eighth (256 to 224), this does not:
    copies differ at their borders.
    """
    sizes = {"height": side, "width": side, "resize": "crop", "channels": "RGB"}
    return {
        "input": {**sizes, "layout": layout, "dtype": "float32", **scale, **filters},
        "output": {"dim": dim, "normalize": "l2"} | ({"pool": pool} if pool else {}),
        "thresholds": _THRESHOLDS,
    }


_ENTRIES = (
    Entry(
        name="dinov2s",
        description="DINOv2 ViT-S/14, 384 numbers: good at copies and at what is alike",
        urls=(
            f"{_HUB}/onnx-community/dinov2-small/resolve/"
            "8b1f705a3a7f6f062f6bdd21986c1583d3ef105d/onnx/model.onnx",
        ),
        sha256="f22797eabf810a75e41de68d378541ebea372122b25c4ce3ef25ff618250c20a",
        size=88_532_934,
        about=88_532_934,
        license="Apache-2.0",
        license_url="https://github.com/facebookresearch/dinov2/blob/main/LICENSE",
        source=f"{_HUB}/onnx-community/dinov2-small",
        known_from="pinned for this revision by ten public projects, some from the LFS listing",
        card=_card(224, 384, _IMAGENET, _BICUBIC, pool="first"),
    ),
    Entry(
        name="dinov2b",
        description="DINOv2 ViT-B/14, 768 numbers: as dinov2s, sees more, four times as slow",
        urls=(
            f"{_HUB}/onnx-community/dinov2-base/resolve/"
            "31ef06cac16d5d301c5930d147002a058c85a5e4/onnx/model.onnx",
        ),
        sha256="320d1012a6fc65b101fc85ca30ee7a47b2e4f6a2e8bd78fb9d7036def0e30cb0",
        size=346_627_111,
        about=346_627_111,
        license="Apache-2.0",
        license_url="https://github.com/facebookresearch/dinov2/blob/main/LICENSE",
        source=f"{_HUB}/onnx-community/dinov2-base",
        known_from="pinned for this revision by five public projects, some from the LFS listing",
        card=_card(224, 768, _IMAGENET, _BICUBIC, pool="first"),
    ),
    Entry(
        name="clip",
        description="CLIP ViT-B/32, 512 numbers: what a picture shows rather than how it looks",
        urls=(f"{_CLIP}/ViT-B-32/visual.onnx",),
        sha256="06395063c0a5c28b1a8d4bd585261501a878c8f52d1216db6c4cbb651f7c13f1",
        size=None,
        about=352_000_000,
        license="MIT (weights), Apache-2.0 (conversion)",
        license_url="https://github.com/openai/CLIP/blob/main/LICENSE",
        source="https://github.com/jina-ai/clip-as-service",
        known_from="pinned for this address by six public projects",
        card=_card(224, 512, _OPENAI, _BICUBIC),
    ),
    Entry(
        name="clip336",
        description="CLIP ViT-L/14 at 336 pixels, 768 numbers: the best of CLIP, and very slow",
        urls=(f"{_CLIP}/ViT-L-14@336px/visual.onnx",),
        sha256=None,
        md5="f3b1f5d55ca08d43d749e11f7e4ba27e",
        size=None,
        about=1_220_000_000,
        license="MIT (weights), Apache-2.0 (conversion)",
        license_url="https://github.com/openai/CLIP/blob/main/LICENSE",
        source="https://github.com/jina-ai/clip-as-service",
        known_from="its publisher gives an MD5 only",
        card=_card(336, 768, _OPENAI, _BICUBIC),
    ),
    Entry(
        name="resnet50",
        description="ResNet-50 v1, 1,000 class scores: the classic, quick on a CPU",
        urls=(
            f"{_HUB}/onnxmodelzoo/resnet50-v1-12/resolve/"
            "1f95315d8bd3b3ca2ceabe54d274e0cdf5a83bbe/resnet50-v1-12.onnx",
        ),
        sha256="3f03fdef724b22947eed826f1eef1dc5c34151bb4c37d634f1db89dfa2dd1526",
        size=102_576_593,
        about=102_576_593,
        license="Apache-2.0",
        license_url="https://github.com/onnx/models/blob/main/LICENSE",
        source=f"{_HUB}/onnxmodelzoo/resnet50-v1-12",
        known_from="pinned for this revision by four public projects",
        card=_card(224, 1000, _IMAGENET, _BILINEAR),
    ),
    Entry(
        name="efficientnet",
        description="EfficientNet-Lite4, 1,000 class probabilities: tells classes, hardly copies",
        urls=(
            "https://media.githubusercontent.com/media/onnx/models/"
            f"c5cae0f1942c8d7727372c7b1f6b485aa39e4421/{_ZOO}",
            f"{_HUB}/onnxmodelzoo/legacy_models/resolve/main/{_ZOO}",
        ),
        sha256="d111689907c06eea7c82e4833ddef758da6453b9d4cf60b7e99ca05c7cbd9c12",
        size=51_946_641,
        about=51_946_641,
        license="MIT",
        license_url=(
            "https://github.com/onnx/models/tree/main/validated/vision/classification/"
            "efficientnet-lite4#license"
        ),
        source=(
            "https://github.com/onnx/models/tree/main/validated/vision/classification/"
            "efficientnet-lite4"
        ),
        known_from="the Git LFS pointer in onnx/models",
        # (x - 127) / 128 of values from 0 to 255.
        card=_card(
            224,
            1000,
            {"mean": [127 / 255] * 3, "std": [128 / 255] * 3},
            _BILINEAR,
            layout="NHWC",
        ),
    ),
    Entry(
        name="yunet",
        description="YuNet: finds faces",
        urls=(
            "https://media.githubusercontent.com/media/opencv/opencv_zoo/"
            f"47534e27c9851bb1128ccc0102f1145e27f23f98/models/face_detection_yunet/{_YUNET}",
            f"{_HUB}/opencv/face_detection_yunet/resolve/main/{_YUNET}",
        ),
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        size=232_589,
        about=232_589,
        license="MIT",
        license_url=(
            "https://github.com/opencv/opencv_zoo/blob/main/models/face_detection_yunet/LICENSE"
        ),
        source="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet",
        known_from="the Git LFS pointer in opencv/opencv_zoo",
    ),
    Entry(
        name="yolov5s",
        description="YOLOv5s: finds the 80 kinds of things of COCO",
        urls=("https://github.com/ultralytics/yolov5/releases/download/v6.0/yolov5s.onnx",),
        sha256=None,
        size=None,
        about=29_000_000,
        license="AGPL-3.0 (copyleft, also for services over a network)",
        license_url="https://github.com/ultralytics/yolov5/blob/master/LICENSE",
        source="https://github.com/ultralytics/yolov5",
        known_from="its publisher gives no checksum",
    ),
)

CATALOG: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def find(name: str) -> Entry | None:
    """The entry of this name, in capitals or not; None if there is none."""
    return CATALOG.get(name.lower())


def named(name: str) -> Entry:
    """The entry of this name.

    Raises:
        ValueError: If there is none; names those that there are.
    """
    entry = find(name)
    if entry is None:
        raise ValueError(f"there is no model {name!r}{suggestion(name)}")
    return entry


def suggestion(name: str) -> str:
    """What to say of a name that is none."""
    import difflib  # noqa: PLC0415 - only when something went wrong

    similar = difflib.get_close_matches(name.lower(), CATALOG, n=1)
    return f"; did you mean {similar[0]}?" if similar else f"; there are {', '.join(CATALOG)}"
