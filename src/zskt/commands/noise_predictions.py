"""`zskt noise-predictions`: which classes networks see in uniform noise."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from zskt.comparison import normalisation_of
from zskt.devices import make_fabric, resolve
from zskt.errors import UserError, check_settings
from zskt.model_file import Card, load, network_file, read_classifier_card
from zskt.noise_predictions import noise_predictions, uniform_noise
from zskt.pictures.noise import noise_bars
from zskt.pictures.style import house_style, save_figure
from zskt.results import command, machine, versions, write_result
from zskt.training.run_folder import RunFolder

TOP = 3
"""Classes in the printed table."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Settings of the noise."""

    images: int = 1000
    """How many images of noise."""
    seed: int = 0
    """Of the noise."""

    def __post_init__(self):
        check_settings(self, "seed")


def noise_predictions_command(
    *networks: Path,
    out: Path,
    noise: Annotated[Noise, Parameter(name="*")] = Noise(),
    device: str = "cpu",
    overwrite: bool = False,
    results: Path | None = None,
) -> None:
    """Count which classes networks see in images of uniform noise: the paper's Fig. 5.

    Args:
        networks: model files or run folders; all see the same images, each normalised its own way.
        out: the folder to write: noise.png and result.json.
        noise: settings of the noise.
        device: auto, cpu, cuda, cuda:N or mps.
        overwrite: replace a result that is already in the folder.
        results: a further file for the result as JSON.
    """
    start = time.monotonic()
    device, _ = resolve(device, "32")
    where = make_fabric(device, "32").device
    files = [network_file(path) for path in networks]
    cards = [read_classifier_card(file) for file in files]
    labels = labels_of(networks, cards)
    names = shared_class_names(cards)
    # All is read before anything is written: a wrong file must not cost the folder.
    for card in cards:
        normalisation_of(card)
    loaded = [load(file) for file in files]
    if any(file.parent.resolve() == out.resolve() for file in files):
        raise UserError(f"a network lies in {out}, which would be replaced; give another --out")
    folder = RunFolder(out)
    settings: dict[str, Any] = {"networks": [str(path) for path in networks], "device": device}
    settings |= {"images": noise.images, "seed": noise.seed}
    about = {"command": command(), "command_name": "noise-predictions", "versions": versions()}
    folder.create({**about, "machine": machine(device), **settings}, overwrite=overwrite)

    rows = []
    for label, card, network in zip(labels, cards, loaded, strict=True):
        images = uniform_noise(noise.images, card.input_size, noise.seed)
        said = noise_predictions(network.to(where), images, normalisation_of(card))
        counts = dict(zip(names, said.counts, strict=True))
        rows.append({"network": label, "confidence": said.confidence, "counts": counts})
    print_counts(rows)
    with house_style():
        print(save_figure(out / "noise.png", noise_bars(rows)))
    write_result(
        folder.result_file,
        results,
        seeds=[noise.seed],
        settings=settings,
        seconds=time.monotonic() - start,
        rows=rows,
        device=device,
    )


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


def print_counts(rows: Sequence[dict[str, Any]]) -> None:
    """Print each network's most frequent classes."""
    table = Table()
    table.add_column("network")
    table.add_column("says, of the noise images")
    table.add_column("confidence", justify="right")
    for row in rows:
        top = Counter(row["counts"]).most_common()
        shown = [f"{name} {count:,}" for name, count in top[:TOP] if count]
        rest = sum(count for _, count in top[TOP:])
        shown += [f"others {rest:,}"] if rest else []
        table.add_row(row["network"], ", ".join(shown), f"{row['confidence']:.2%}")
    # A pipe has no width of its own; nothing is cut there.
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(table)
