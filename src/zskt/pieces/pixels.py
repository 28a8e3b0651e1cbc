"""What natural images have little of, as a penalty on pixels."""

from jaxtyping import Float
from torch import Tensor

Images = Float[Tensor, "batch channels height width"]


def total_variation(images: Images) -> Float[Tensor, ""]:
    """Sum over four directions of the norm of the differences of neighbours.

    Mahendran & Vedaldi (2015), as DeepInversion has it (Yin et al., 2020, section 3.1): down, right
    and both diagonals, each the norm over the whole batch.
    """
    down = images[:, :, 1:] - images[:, :, :-1]
    right = images[:, :, :, 1:] - images[:, :, :, :-1]
    falling = images[:, :, 1:, 1:] - images[:, :, :-1, :-1]
    rising = images[:, :, 1:, :-1] - images[:, :, :-1, 1:]
    return down.norm() + right.norm() + falling.norm() + rising.norm()
