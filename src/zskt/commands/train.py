"""`zskt train`: a classifier from labelled images."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import Parameter

from zskt.data import load_data
from zskt.devices import Precision, make_fabric, resolve
from zskt.evaluation import Normalisation, accuracy, predict
from zskt.model_file import Card, load, load_weights, write_network
from zskt.networks import create
from zskt.results import command, machine, versions, write_result
from zskt.training.compatibility import count_logits
from zskt.training.progress import ProgressLine
from zskt.training.run_folder import RunFolder
from zskt.training.train import Recipe, epochs


def train_command(
    network: str,
    *,
    data: str,
    out: Path,
    recipe: Annotated[Recipe, Parameter(name="*")] = Recipe(),
    device: str = "auto",
    precision: Precision = "auto",
    init: Path | None = None,
    half: bool = False,
    data_dir: Path = Path("data"),
    overwrite: bool = False,
    results: Path | None = None,
) -> None:
    """Train a network on labelled images: a teacher, or a student "from scratch".

    Args:
        network: a name that `zskt list` shows.
        data: a data set that `zskt list` shows.
        out: the run folder to write; its model.safetensors is what `--teacher` takes.
        recipe: how to train.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: bf16 autocast, exact 32, or auto: bf16 where the hardware has it.
        init: a model file or run folder whose weights to start from, for a further cycle.
        half: store the weights in 16 bits.
        data_dir: where public data sets lie.
        overwrite: replace a run that is already in the folder.
        results: a further file for the result as JSON.
    """
    start = time.monotonic()
    device, precision = resolve(device, precision)
    fabric = make_fabric(device, precision)
    images = load_data(data, data_dir)
    torch.manual_seed(recipe.seed)
    model = create(network, classes=images.classes, input_size=images.input_size)
    if init is not None:
        load_weights(init, model)
    count_logits(network, model, images.input_size)
    settings: dict[str, Any] = {"network": network, "data": data, "half": half}
    settings |= {"init": None if init is None else str(init)}
    settings |= {"device": device, "precision": precision, **asdict(recipe)}
    folder = RunFolder(out)
    about = {"command": command(), "command_name": "train", "versions": versions()}
    folder.create({**about, "machine": machine(device), **settings}, overwrite=overwrite)

    normalisation = Normalisation(images.mean, images.std)
    model = model.to(fabric.device).to(memory_format=torch.channels_last)
    with ProgressLine("epochs", recipe.epochs) as line:
        for number, loss in enumerate(epochs(model, images, recipe, fabric), start=1):
            row = {"epoch": number, "loss": loss}
            if number % recipe.evaluate_every == 0:
                logits = predict(model, images.test, normalisation)
                row["test_accuracy"] = accuracy(logits, images.test.labels)
            folder.record({**row, "seconds": round(time.monotonic() - start, 1)})
            line.show(row)
            line.advance(number)

    card = Card(
        architecture=network,
        input_size=images.input_size,
        classes=images.classes,
        mean=images.mean,
        std=images.std,
        class_names=images.class_names,
    )
    file = out / "model.safetensors"
    write_network(file, model, card, half=half)
    # What is judged is what was stored, at the precision it was stored in.
    final = accuracy(predict(load(file), images.test, normalisation), images.test.labels)
    seconds = time.monotonic() - start
    row = {"network": network, "test_accuracy": final, "file_bytes": file.stat().st_size}
    write_result(
        folder.result_file,
        results,
        seeds=[recipe.seed],
        settings=settings,
        seconds=seconds,
        rows=[row],
        device=device,
    )
    print(f"{file}: test accuracy {final:.2%} after {recipe.epochs} epochs, {seconds:.0f} s")
