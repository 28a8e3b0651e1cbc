"""`zskt noise-predictions`: which classes networks see in uniform noise."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.errors import UserError, check_settings
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result

if TYPE_CHECKING:
    from zskt.model_file import Card


@dataclass(frozen=True, kw_only=True)
class UniformNoise:
    """Settings of the noise."""

    images: int = 1000
    """How many images of noise."""
    seed: int = 0
    """Of the noise."""

    def __post_init__(self):
        check_settings(self, "seed")


@dataclass
class NoiseCounts(Result):
    """What networks say of noise."""

    rows: list[dict[str, Any]]
    """One for each network: its images for each class, and its mean confidence, 0 to 1."""
    picture: Path
    seconds: float


@arg.job
def noise_predictions(
    *networks: Path,
    out: arg.RunDir,
    noise: Annotated[UniformNoise, arg.Flat] = UniformNoise(),
    device: arg.Device = "auto",
    overwrite: arg.Overwrite = False,
    results: arg.Results = None,
) -> NoiseCounts:
    """Count which classes networks see in images of uniform noise: the paper's Fig. 5.

    Args:
        networks: Model files or run folders; all see the same images, each normalised its own way.
        noise: Settings of the noise.

    Raises:
        UserError: if a network is missing, damaged or a generator, or they have different classes.
    """
    start = time.monotonic()
    where = resolve(device, "32")

    from zskt.jobs.loading import keep_apart, new_run, own_network
    from zskt.measure.noise import noise_predictions as predictions_of
    from zskt.measure.noise import uniform_noise
    from zskt.reports.noise import noise_bars
    from zskt.reports.style import house_style, save_figure
    from zskt.results import write_result

    # All is read before anything is written: a wrong file must not cost the folder.
    loaded = [own_network(path) for path in networks]
    cards = [card for _, card, _ in loaded]
    names, labels = shared_class_names(cards), labels_of(networks, cards)
    normalisations = [card.known_normalisation() for card in cards]
    keep_apart(out, *(file for _, _, file in loaded))
    settings: dict[str, Any] = {"networks": [str(path) for path in networks], **asdict(noise)}
    settings |= {"device": where.name}
    folder = new_run(out, "noise-predictions", settings, where, overwrite=overwrite)
    rows = []
    for label, (network, card, _), normalisation in zip(
        labels, loaded, normalisations, strict=True
    ):
        images = uniform_noise(noise.images, card.input_size, noise.seed)
        predicted = predictions_of(network.to(where.device), images, normalisation)
        counts = dict(zip(names, predicted.counts, strict=True))
        rows.append({"network": label, "confidence": predicted.confidence, "counts": counts})
    with house_style():
        picture = save_figure(out / "noise.png", noise_bars(rows))
    seconds = time.monotonic() - start
    write_result(
        folder.result_file, results, seeds=[noise.seed], settings=settings, seconds=seconds,
        rows=rows, device=where.name,
    )  # fmt: skip
    return NoiseCounts(rows, picture, seconds)


def labels_of(networks: Sequence[Path], cards: Sequence[Card]) -> list[str]:
    """Architectures, with the path where several networks have the same one."""
    seen = Counter(card.architecture for card in cards)
    return [
        str(card.architecture) if seen[card.architecture] == 1 else f"{card.architecture} ({path})"
        for path, card in zip(networks, cards, strict=True)
    ]


def shared_class_names(cards: Sequence[Card]) -> tuple[str, ...]:
    """The class names of all networks; numbers where none of them tells names.

    Raises:
        UserError: if there is no network, or networks have different classes.
    """
    if not cards:
        raise UserError("give at least one network: a model file or a run folder")
    named = {card.class_names for card in cards if card.class_names is not None}
    sizes = {card.classes or 0 for card in cards}
    if len(named) > 1 or len(sizes) > 1:
        raise UserError("the networks have different classes; give networks with the same classes")
    return named.pop() if named else tuple(str(number) for number in range(sizes.pop()))
