"""What the images were like that a teacher of pixels learnt from, told by its first batch norm.

A teacher that normalises its images itself hides their mean and spread. But its first batch norm
remembers the mean m and the variance v of what its first layers made of them. Where these are
linear, an image of one colour p gives the mean c + A p: c by a black image, the columns of A by one
of each colour. So, without any data,

    p = argmin  sum over channels  (c + A p - m)^2 / v         the mean of the data
    s^2 = sum of v (A 1)^2 / sum of (A 1)^4                     its spread, were each image one grey

In place of all of its pixels a channel sees a place and its neighbours, which in real images are
much alike: the spread is told to about a quarter. Borders that a training added are counted in.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zskt.images import Images, Normalisation
from zskt.modes import evaluating
from zskt.statistics import remembering, running
from zskt.taps import tapped

DARKEST, SMALLEST, LARGEST = 0.02, 0.05, 0.5
"""Means lie so far from black and white at least, spreads between the other two."""
BENT = 0.05
"""So many spreads of the layer may be off what a linear layer would give."""
PULL = 0.1
"""Towards mid-grey, where the layer does not tell colours apart."""


@torch.no_grad()
def data_statistics(
    network: nn.Module, input_size: tuple[int, int, int], top: float
) -> Normalisation | None:
    """Mean and spread of the data of a network that takes pixels from 0 to `top`.

    None where no batch norm can be seen, where the layers before it are not linear, or where what
    it tells makes no sense or fits worse than mid-grey.
    """
    channels = input_size[0]
    colours = torch.cat([torch.zeros(1, channels), torch.eye(channels)])
    answer = _first(network, input_size, top * colours)
    if answer is None:
        return None
    means, ours, variance = answer
    if not all(each.isfinite().all() for each in answer):
        return None
    black, columns = means[0], (means[1:] - means[0]).T
    scale = variance.clamp_min(1e-5).sqrt()[:, None]
    rows = torch.cat([columns / scale, PULL * torch.eye(channels)])
    aims = torch.cat([(ours - black)[:, None] / scale, torch.full((channels, 1), PULL / 2)])
    mean = torch.linalg.lstsq(rows, aims).solution[:, 0]
    grey = columns.sum(1).square()
    spread = ((variance * grey).sum() / grey.square().sum()).sqrt()
    sensible = (mean > DARKEST).all() and (mean < 1 - DARKEST).all()
    if not (sensible and SMALLEST < spread < LARGEST):
        return None
    tried = torch.stack([mean, torch.full_like(mean, 0.5)])
    again = _first(network, input_size, top * tried)
    if again is None:
        return None
    maps, width = again[0], scale[:, 0]
    bent = ((maps - black - tried @ columns.T) / width).abs().max()
    told, centre = ((maps - ours) / width).norm(dim=1)
    if not (bent < BENT and told <= centre):
        return None
    # Rounded, so that another machine plays with the same.
    return Normalisation(
        tuple(round(each, 3) for each in mean.tolist()), (round(spread.item(), 3),) * channels
    )


def _first(
    network: nn.Module, input_size: tuple[int, int, int], colours: Float[Tensor, "count channels"]
) -> tuple[Float[Tensor, "count maps"], Float[Tensor, " maps"], Float[Tensor, " maps"]] | None:
    """What goes into the first batch norm for images of one colour, and what it remembers."""
    place = next(network.parameters())
    images: Images = colours[..., None, None].expand(-1, *input_size).to(place)
    try:
        with evaluating(network), tapped(remembering(network), inputs=True) as inputs:
            network(images)
    except (Exception, SystemExit):
        # It takes other images; what it cannot take is told where it is tried as a teacher.
        return None
    layer, maps = next(iter(inputs.items()), (None, None))
    if layer is None or maps is None or maps.ndim != 4 or len(maps) != len(colours):
        return None
    mean, variance = running(layer)
    return maps.flatten(2).mean(2).float(), mean.float(), variance.float()
