"""A perceptron 2-100-500-3 with its gradients in closed form.

The game takes 120,000 steps on 50 points. Each is so small that autograd, modules and optimizers
would cost more than the arithmetic.
"""

from math import prod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from zskt.toy.data import CLASSES

HIDDEN = (100, 500)
LAYERS = ((HIDDEN[0], 2), (HIDDEN[1], HIDDEN[0]), (CLASSES, HIDDEN[1]))
"""Outputs and inputs of each layer: the shape of its weights, as in `torch.nn.Linear`."""

# Passes the gradient on where the second argument is above zero; a mask of booleans costs more.
through_relu = torch.ops.aten.threshold_backward

Logits = Float[Tensor, "count classes"]


class Pass(NamedTuple):
    """What a forward pass leaves for the backward pass."""

    points: Float[Tensor, "count 2"]
    first: Float[Tensor, "count first"]
    second: Float[Tensor, "count second"]
    logits: Logits


class Perceptron:
    """logits = C relu(B relu(A x + a) + b) + c.

    Args:
        weights: A, a, B, b, C and c in one vector, of which the six are views: clipping and Adam
            then see a single tensor.
    """

    def __init__(self, weights: Float[Tensor, " parameters"]):
        self.weights = weights
        self.parts = _views(weights)
        self.gradient = torch.zeros_like(weights)
        self.gradient_parts = _views(self.gradient)

    def forward(self, points: Float[Tensor, "count 2"]) -> Pass:
        """Logits and what the gradients need."""
        first_weight, first_bias, second_weight, second_bias, last_weight, last_bias = self.parts
        first = torch.addmm(first_bias, points, first_weight.T).relu_()
        second = torch.addmm(second_bias, first, second_weight.T).relu_()
        # With the three outputs as rows, this is three times as fast as the usual way round.
        logits = torch.addmm(last_bias[:, None], last_weight, second.T).T.contiguous()
        return Pass(points, first, second, logits)

    def gradient_of_points(self, seen: Pass, of_logits: Logits) -> Float[Tensor, "count 2"]:
        """From the gradient of the logits to that of the points."""
        of_first, _ = self._back(seen, of_logits)
        return of_first @ self.parts[0]

    def gradient_of_weights(self, seen: Pass, of_logits: Logits) -> Float[Tensor, " parameters"]:
        """From the gradient of the logits to that of all weights, in a tensor that is reused."""
        of_first, of_second = self._back(seen, of_logits)
        layers = (of_first, seen.points), (of_second, seen.first), (of_logits, seen.second)
        for number, (of_outputs, inputs) in enumerate(layers):
            torch.mm(of_outputs.T, inputs, out=self.gradient_parts[2 * number])
            torch.sum(of_outputs, 0, out=self.gradient_parts[2 * number + 1])
        return self.gradient

    def _back(self, seen: Pass, of_logits: Logits) -> tuple[Tensor, Tensor]:
        """Gradients of what the two hidden layers put into their relu."""
        of_second = through_relu(of_logits @ self.parts[4], seen.second, 0)
        return through_relu(of_second @ self.parts[2], seen.first, 0), of_second


def fresh(random: torch.Generator) -> Perceptron:
    """A network with weights as `torch.nn.Linear` draws them, uniform within 1 / sqrt(inputs)."""
    parts = []
    for outputs, inputs in LAYERS:
        drawn = torch.rand(outputs * (inputs + 1), generator=random) * 2 - 1
        parts.append(drawn / inputs**0.5)
    return Perceptron(torch.cat(parts))


def logits_of(
    network: Perceptron, points: Float[Tensor, "count 2"]
) -> Float[Tensor, "count classes"]:
    """Logits of many points, some at a time for the sake of memory."""
    return torch.cat([network.forward(some).logits for some in points.split(4096)])


def _views(vector: Tensor) -> list[Tensor]:
    """Weights and bias of every layer."""
    shapes = [shape for outputs, inputs in LAYERS for shape in ((outputs, inputs), (outputs,))]
    parts = vector.split([prod(shape) for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
