"""What goes into the layer that makes the logits."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zskt.chunks import in_chunks
from zskt.taps import tappable, tapped

Images = Float[Tensor, "batch channels height width"]


class LastLayer:
    """A network that returns the inputs of its last linear layer after its logits.

    Args:
        network: any; where no linear layer can be seen, zeros stand for its inputs.
        tell: leaves a sentence for the user.
    """

    def __init__(self, network: nn.Module, tell: Callable[[str], None]):
        self.network = network
        self.layers = [each for each in tappable(network) if isinstance(each, nn.Linear)][-1:]
        if not self.layers:
            tell("No linear layer of the teacher can be seen; the term that needs one is left out.")

    def __call__(
        self, images: Images
    ) -> tuple[Float[Tensor, "batch classes"], Float[Tensor, "batch _"]]:
        """Logits and features."""
        logits, features = in_chunks(self.network, self._seen, images)
        return logits, features

    def _seen(self, images: Images) -> tuple[Tensor, ...]:
        with tapped(self.layers, inputs=True) as inputs:
            logits = self.network(images)
        features = [inputs[layer].flatten(1) for layer in self.layers if layer in inputs]
        return logits, features[0] if features else torch.zeros_like(logits)
