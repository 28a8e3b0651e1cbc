"""Where a run computes and how precisely."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from lightning_fabric import Fabric
from torch.nn.attention import SDPBackend, sdpa_kernel

from zskt.errors import UserError

Precision = Literal["auto", "bf16", "32"]


def resolve(device: str, precision: Precision) -> tuple[str, Precision]:
    """What `auto` means on this machine.

    Args:
        device: `auto` (CUDA, then Apple's MPS, then the CPU), `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: `auto` takes bf16 autocast where the hardware has it natively, else float32.

    Returns:
        The device and the precision, neither of them `auto`.

    Raises:
        UserError: if the device is not there or not known.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise UserError(f"unknown device '{device}'; take auto, cpu, cuda, cuda:N or mps")
    if kind == "auto":
        device = kind = next((name for name in ("cuda", "mps") if _has(name)), "cpu")
    if not _has(kind) or (kind == "cuda" and index and int(index) >= torch.cuda.device_count()):
        raise UserError(f"there is no {device} device on this machine; take --device cpu or auto")
    if precision == "auto":
        precision = "bf16" if _native_bf16(kind) else "32"
    return device, precision


def make_fabric(device: str = "auto", precision: Precision = "auto") -> Fabric:
    """One process on one device; the arguments and errors are those of `resolve`."""
    device, precision = resolve(device, precision)
    kind, _, index = device.partition(":")
    if kind == "cuda" and precision == "32":
        # Convolutions would otherwise round their inputs to 10 bits.
        torch.backends.cudnn.allow_tf32 = False
    return Fabric(
        accelerator=kind,
        devices=[int(index)] if index and kind == "cuda" else 1,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
    )


def attention_kernel(fabric: Fabric) -> AbstractContextManager:
    """Inside it, transformers attend in the quickest way.

    On CPUs the fused kernel of torch 2.15 is slow in bf16, above all backwards; plain matrix
    products are not.
    """
    with fabric.autocast():
        slow = fabric.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    return sdpa_kernel(SDPBackend.MATH) if slow else nullcontext()


def _has(kind: str) -> bool:
    available = {
        "cpu": lambda: True,
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    return available[kind]()


def _native_bf16(kind: str) -> bool:
    if kind == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    capabilities = torch.cpu.get_capabilities() if kind == "cpu" else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
