"""What layers of a network take in and give out, by hooks; the network knows nothing of us.

    with tapped(modules) as outputs: network(images)               outputs of modules
    with tapped(modules, inputs=True) as inputs: network(images)   what goes into them

    with Operations(seen): network(images)                         operations of torch as they run

`tappable` says which modules can be watched: none inside TorchScript, which runs without Python's
hooks, and none inside what takes a batch in pieces.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from zskt.chunks import in_chunks
from zskt.losses import attention_map
from zskt.modes import evaluating

Images = Float[Tensor, "batch channels height width"]


@contextmanager
def tapped(
    modules: Sequence[nn.Module], *, inputs: bool = False
) -> Generator[dict[nn.Module, Tensor]]:
    """A dictionary that fills with the last output of each module, in the order they ran.

    Args:
        modules: of any network; no hook stays on them.
        inputs: record the first argument instead of the output.
    """
    recorded: dict[nn.Module, Tensor] = {}

    def record(module: nn.Module, arguments: Any, output: Any) -> None:
        value = arguments[0] if inputs else output
        recorded.pop(module, None)
        if isinstance(value, Tensor):
            recorded[module] = value

    handles = []
    try:
        for module in modules:
            handles.append(module.register_forward_hook(record))
        yield recorded
    finally:
        for handle in handles:
            handle.remove()


def tappable(network: nn.Module, depth: int = 0) -> dict[nn.Module, int]:
    """How deep each module lies that can be watched; empty where there is nothing to watch."""
    if isinstance(network, torch.jit.ScriptModule) or getattr(network, "in_pieces", False):
        return {}
    depths = {network: depth}
    for child in network.children():
        depths |= tappable(child, depth + 1)
    return depths


class Operations(TorchDispatchMode):
    """Within it, a function is told every operation of torch that runs, whatever made the network.

    Args:
        seen: gets the operation, its arguments, those by name, and what it returned.
    """

    def __init__(self, seen: Callable[[Any, Any, Any, Any], None]):
        super().__init__()
        self.seen = seen

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Otherwise torch imports its compiler, which takes longer than torch itself.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        self.seen(func, args, kwargs or {}, output)
        return output


class Watched:
    """A network that returns the attention maps of some of its modules after its logits.

    Args:
        network: any module from images to logits; it is not changed, and no hook stays on it.
        names: names of its modules whose outputs are (batch, channels, height, width).
    """

    def __init__(self, network: nn.Module, names: Sequence[str]):
        self.network = network
        # Not `get_submodule`: converted networks have names with dots in them.
        modules = dict(network.named_modules())
        self.modules = [modules[name] for name in names]

    def __call__(
        self, images: Images
    ) -> tuple[Float[Tensor, "batch classes"], list[Float[Tensor, "batch _"]]]:
        """Logits and one attention map for each name."""
        logits, *maps = in_chunks(self.network, self._seen, images)
        return logits, maps

    def _seen(self, images: Images) -> tuple[Tensor, ...]:
        with tapped(self.modules) as outputs:
            logits = self.network(images)
        return logits, *[attention_map(outputs[module]) for module in self.modules]


def watch_stages(
    teacher: nn.Module,
    student: nn.Module,
    images: Images,
    *,
    tell: Callable[[str], None],
    autocast: Callable[[], AbstractContextManager] = nullcontext,
) -> tuple[Watched, Watched]:
    """Teacher and student with the attention maps of their matching stages.

    With none if nothing matches, which the user is told.

    Args:
        teacher: any network.
        student: another one.
        images: of the size that both take, to see what comes out of where.
        tell: leaves a sentence for the user.
        autocast: makes the context of the forward passes.
    """
    with autocast():
        names = matching_stages(teacher, student, images)
    if not names[0]:
        tell("No stages of teacher and student match in size: no attention transfer.")
    return Watched(teacher, names[0]), Watched(student, names[1])


def matching_stages(
    teacher: nn.Module, student: nn.Module, images: Images
) -> tuple[list[str], list[str]]:
    """Names of modules of both networks whose outputs have the same height and width.

    Our own networks name their stages; of any other, among the outermost modules with an output of
    a spatial size, the last to run is taken, which is the end of a stage.

    Returns:
        The teacher's and the student's names, largest maps first; both empty if nothing matches.
    """
    ours, theirs = _stages(student, images), _stages(teacher, images)
    sizes = sorted(ours.keys() & theirs.keys(), reverse=True)
    return [theirs[size] for size in sizes], [ours[size] for size in sizes]


@torch.no_grad()
def _stages(network: nn.Module, images: Images) -> dict[tuple[int, int], str]:
    """The end of the stage at each spatial size larger than 1x1."""
    depths = tappable(network)
    names = {module: name for name, module in network.named_modules() if name and module in depths}
    declared = getattr(network, "stages", None)
    if isinstance(declared, tuple):
        names = {module: name for module, name in names.items() if name in declared}
    with evaluating(network), tapped(list(names)) as outputs:
        network(images)
    stages: dict[tuple[int, int], nn.Module] = {}
    for module, output in outputs.items():
        # A module that only normalises the images is no stage.
        if output.ndim != 4 or output.shape[2:] == (1, 1) or output.shape == images.shape:
            continue
        size = (output.shape[2], output.shape[3])
        # Inside the next stage, layers before its stride still have this size; they lie deeper.
        if size not in stages or depths[module] <= depths[stages[size]]:
            stages[size] = module
    return {size: names[module] for size, module in stages.items()}
