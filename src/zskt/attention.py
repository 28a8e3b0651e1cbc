"""Intermediate activations of networks that know nothing of us, taken by hooks."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zskt.game import Game
from zskt.losses import attention_map
from zskt.modes import evaluating

Images = Float[Tensor, "batch channels height width"]


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
        with recorded(self.modules) as outputs:
            logits = self.network(images)
        return logits, [attention_map(outputs[module]) for module in self.modules]


def watch_stages(game: Game, *, wanted: bool) -> tuple[Watched, Watched]:
    """The game's teacher and student with the attention maps of their matching stages.

    With none if they are not wanted, or, which the user is told, if nothing matches.
    """
    names: tuple[list[str], list[str]] = [], []
    if wanted:
        images = torch.zeros(2, *game.input_size, device=game.device, dtype=game.dtype)
        with game.autocast():
            names = matching_stages(game.teacher, game.student, images)
        if not names[0]:
            game.tell("No stages of teacher and student match in size: no attention transfer.")
    return Watched(game.teacher, names[0]), Watched(game.student, names[1])


@contextmanager
def recorded(modules: Sequence[nn.Module]) -> Generator[dict[nn.Module, Tensor]]:
    """A dictionary that fills with the last output of each module, in the order they ran."""
    outputs: dict[nn.Module, Tensor] = {}

    def record(module: nn.Module, _, output: Any) -> None:
        outputs.pop(module, None)
        if isinstance(output, Tensor):
            outputs[module] = output

    handles = []
    try:
        for module in modules:
            handles.append(module.register_forward_hook(record))
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


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
    names = {module: name for name, module in network.named_modules() if name}
    depths = _depths(network)
    names = {module: name for module, name in names.items() if module in depths}
    declared = getattr(network, "stages", None)
    if isinstance(declared, tuple):
        names = {module: name for module, name in names.items() if name in declared}
    with evaluating(network), recorded(list(names)) as outputs:
        network(images)
    stages: dict[tuple[int, int], nn.Module] = {}
    for module, output in outputs.items():
        if output.ndim != 4 or output.shape[2:] == (1, 1):
            continue
        if output.shape == images.shape:
            # A module that only normalises the images is no stage.
            continue
        size = (output.shape[2], output.shape[3])
        # Inside the next stage, layers before its stride still have this size; they lie deeper.
        if size not in stages or depths[module] <= depths[stages[size]]:
            stages[size] = module
    return {size: names[module] for size, module in stages.items()}


def _depths(network: nn.Module, depth: int = 0) -> dict[nn.Module, int]:
    """How deep each module lies; without those whose outputs cannot be taken.

    Those are TorchScript, which runs without Python's hooks, and what takes a batch in pieces.
    """
    if isinstance(network, torch.jit.ScriptModule) or getattr(network, "in_pieces", False):
        return {}
    found = {network: depth}
    for child in network.children():
        found |= _depths(child, depth + 1)
    return found
