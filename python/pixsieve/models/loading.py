"""From a card to a model that can run."""

from pixsieve import _native
from pixsieve.config import Config
from pixsieve.errors import ModelError
from pixsieve.models.card import Card
from pixsieve.models.runtime import find_runtime


def load_model(card: Card, config: Config) -> _native.Model:
    """The model on the device asked for, run once to see that it works.

    Raises:
        ModelError: If the model does not fit its card, or the device is not there.
    """
    devices = {"auto": ("cuda", "cpu")}.get(config.device, (config.device,))
    if config.device == "auto" and not gpu_runtime():
        devices = ("cpu",)
    for device in devices[:-1]:
        try:
            return _load(card, config, device)
        except ModelError:
            # "auto" means: without a usable GPU, the CPU will do.
            continue
    return _load(card, config, devices[-1])


def gpu_runtime() -> bool:
    """Whether the installed ONNX Runtime can use CUDA."""
    return any(find_runtime().parent.glob("*onnxruntime_providers_cuda*"))


def _load(card: Card, config: Config, device: str) -> _native.Model:
    source, output = card.input, card.output
    model = _native.load_model(
        runtime=str(find_runtime()),
        path=str(card.path),
        input_name=source["name"],
        output_name=output["name"],
        layout=source["layout"],
        channels=source["channels"],
        dtype=source["dtype"],
        height=source["height"],
        width=source["width"],
        mean=source["mean"] or [0.0, 0.0, 0.0],
        std=source["std"] or [1.0, 1.0, 1.0],
        padding=source["padding"],
        resize=source["resize"],
        filter_down=source["filter_down"],
        filter_up=source["filter_up"],
        pool=output["pool"],
        normalize=output["normalize"] == "l2",
        device=device,
        num_threads=config.threads,
        batch_size=config.batch_size,
    )
    if output["dim"] not in (None, model.dim):
        raise ModelError(
            f"{card.path}: the model gives {model.dim} numbers, but its card says {output['dim']}"
        )
    return model
