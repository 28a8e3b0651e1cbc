"""8-bit weights and activations for CPUs, their ranges calibrated on generated images.

Static quantisation by onnxruntime: weights channel by channel, activations by the ranges that they
take on the generator's images, for which no real data are needed.
"""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jaxtyping import Float
from torch import Tensor


def quantise(file: Path, out: Path, images: Float[Tensor, "count channels height width"]) -> None:
    """Write an ONNX file of 32 bits as one with 8, calibrated on images as it takes them."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Batches(CalibrationDataReader):
        def __init__(self):
            self.parts = iter(images.split(64))

        def get_next(self) -> Any:
            """What the next batch is; None after the last."""
            part = next(self.parts, None)
            return None if part is None else {"images": part.numpy()}

    # It logs advice that is for its own developers.
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        with TemporaryDirectory() as folder:
            ready = Path(folder) / "ready.onnx"
            quant_pre_process(str(file), str(ready))
            quantize_static(
                str(ready), str(out), Batches(), per_channel=True,
                activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            )  # fmt: skip
    finally:
        logging.root.setLevel(level)
