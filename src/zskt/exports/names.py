"""Formats by name, light enough for the command line."""

from typing import Literal

Format = Literal["safetensors", "onnx", "pt2", "torchscript"]
ENDS: dict[Format, str] = {
    "safetensors": ".safetensors", "onnx": ".onnx", "pt2": ".pt2", "torchscript": ".pt",
}  # fmt: skip
"""How the names of their files end."""
