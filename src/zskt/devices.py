"""Where a run computes and how precisely."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from zskt.allocation import memory_kept
from zskt.errors import UserError

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "bf16", "32"]


@dataclass(frozen=True)
class Where:
    """A device and a precision, neither of them `auto`."""

    name: str
    """`cpu`, `cuda`, `cuda:1` or `mps`."""
    precision: Precision
    devices: int = 1
    """Processes on each machine."""
    nodes: int = 1
    """Machines."""

    @property
    def processes(self) -> int:
        """Of the whole run."""
        return self.devices * self.nodes

    @property
    def device(self) -> "torch.device":
        """The device."""
        import torch

        return torch.device(self.name)

    def autocast(self) -> AbstractContextManager:
        """The precision, for forward passes."""
        import torch

        if self.precision != "bf16":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def resolve(
    device: str = "auto", precision: Precision = "auto", devices: int = 1, nodes: int = 1
) -> Where:
    """What `auto` means on this machine.

    Args:
        device: `auto` (CUDA, then Apple's MPS, then the CPU), `cpu`, `cuda`, `cuda:1`, `mps`.
        precision: `auto` takes bf16 autocast where the hardware has it natively, else float32.
        devices: processes on each machine, a GPU or a part of the processor for each.
        nodes: machines.

    Raises:
        UserError: if the device is not there or not known, or there are too few of it.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise UserError(f"unknown device '{device}'; take auto, cpu, cuda, cuda:N or mps")
    import torch

    available = {
        "cpu": lambda: True,
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if kind == "auto":
        device = kind = next((name for name in ("cuda", "mps") if available[name]()), "cpu")
    present = available[kind]()
    if not present or (kind == "cuda" and index and int(index) >= torch.cuda.device_count()):
        raise UserError(f"there is no {device} device on this machine; take `device` cpu or auto")
    if devices * nodes > 1 and (index or kind == "mps"):
        raise UserError(
            f"`devices` and `nodes` share out cpu or cuda, not {device}; take one of them"
        )
    if kind == "cuda" and devices > torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise UserError(
            f"`devices` is {devices} and this machine has {count}; take at most so many"
        )
    if precision == "auto":
        precision = "bf16" if _native_bf16(kind) else "32"
    return Where(device, precision, devices, nodes)


@contextmanager
def settled(where: Where) -> Generator[None]:
    """Process-wide settings as a run needs them; all are put back afterwards.

    In exact float32 cuDNN may not round the inputs of convolutions to 10 bits. On CPUs freed memory
    is kept for the next step, and in bf16 transformers attend by plain matrix products: the fused
    kernel of torch 2.15 is slow there, above all backwards.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    slow = where.device.type == "cpu" and where.precision == "bf16"
    with (
        _exact_convolutions() if where.precision == "32" else nullcontext(),
        sdpa_kernel(SDPBackend.MATH) if slow else nullcontext(),
        memory_kept() if where.device.type == "cpu" else nullcontext(),
    ):
        yield


@contextmanager
def _exact_convolutions() -> Generator[None]:
    """Whichever of torch's two names for this the caller has set: after one the other fails."""
    import torch

    place: Any = torch.backends.cudnn
    name, exact = "allow_tf32", False
    try:
        before = getattr(place, name)
    except RuntimeError:
        place, name, exact = place.conv, "fp32_precision", "ieee"
        before = getattr(place, name)
    setattr(place, name, exact)
    try:
        yield
    finally:
        setattr(place, name, before)


def sent(tensor: "torch.Tensor", device: "torch.device") -> "torch.Tensor":
    """A tensor on a device; a GPU fetches it when it comes to it, and nobody waits.

    A copy from memory that is not pinned would wait for all that the GPU has been given.
    """
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _native_bf16(kind: str) -> bool:
    import torch

    if kind == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    capabilities = torch.cpu.get_capabilities() if kind == "cpu" else {}
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
