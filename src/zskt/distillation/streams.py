"""What a process draws by chance, and the state of it: a stream of its own for each process.

All are saved by the first process. A run that is resumed on as many processes draws on as it would
have; on fewer, the streams of the last ones end; on more, the new ones begin streams that no
process has drawn from before.
"""

from typing import Any

import torch

from zskt.distillation.processes import Processes
from zskt.seeds import stream

CUDA = "cuda"
"""The name of a GPU's state, on whichever of them the run goes on."""


class Streams:
    """The random generators of this process.

    Args:
        seed: of the run.
        processes: of the run.
        device: of this process.

    Attributes:
        noise: on the CPU, for whatever a method draws.
        cuda: the device, if it has a generator of its own; else nothing.
    """

    def __init__(self, seed: int, processes: Processes, device: torch.device):
        self.seed = seed
        self.processes = processes
        self.cuda = [device] if device.type == "cuda" else []
        self.noise = torch.Generator().manual_seed(stream(seed, "noise", processes.rank))

    def begin(self, saved: dict[str, Any] | None) -> None:
        """Draw from here on as a run from its start, or as one goes on after a checkpoint."""
        rank = self.processes.rank
        if saved is None:
            if rank:
                torch.manual_seed(stream(self.seed, "torch", rank))
            return
        first = saved["random"]
        states = [first, *first.get("others", [])]
        if rank >= len(states):
            self.noise.manual_seed(stream(self.seed, f"noise after {saved['round']}", rank))
            torch.manual_seed(stream(self.seed, f"torch after {saved['round']}", rank))
            return
        self.noise.set_state(states[rank]["noise"])
        torch.set_rng_state(states[rank]["cpu"])
        for device in self.cuda:
            if CUDA in states[rank]:
                torch.cuda.set_rng_state(states[rank][CUDA], device)

    def state(self) -> dict[str, Any]:
        """Of all processes, the same on each."""
        state = {"noise": self.noise.get_state(), "cpu": torch.get_rng_state()}
        for device in self.cuda:
            state[CUDA] = torch.cuda.get_rng_state(device)
        first, *others = self.processes.all(state)
        return {**first, "others": others} if others else first
