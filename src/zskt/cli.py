import dataclasses
import json
import time
from pathlib import Path

from typing import Annotated

from cyclopts import App, Parameter

from zskt.training.train import Recipe

app = App(name="zskt")


@app.command
def train(network: str, *, data: str, out: Path, seed: int = 0, device: str = "auto", precision: str = "auto", half: bool = False, recipe: Annotated[Recipe, Parameter(name="*")] = Recipe()):
    import torch
    from zskt.data import load_data
    from zskt.devices import make_fabric
    from zskt.evaluation import accuracy, predict
    from zskt.model_file import Card, load, write_network
    from zskt.networks import create
    from zskt.results import write_result
    from zskt.training.train import epochs
    start = time.time()
    images = load_data(data)
    fabric = make_fabric(device, precision)
    torch.manual_seed(seed)
    model = create(network, classes=images.classes, input_size=images.input_size).to(fabric.device, memory_format=torch.channels_last)
    out.mkdir(parents=True)
    for number, loss in enumerate(epochs(model, images, recipe, fabric, seed), 1):
        row = {"epoch": number, "loss": loss, "seconds": round(time.time() - start, 1)}
        if number % 5 == 0 or number == recipe.epochs:
            row["test_accuracy"] = accuracy(predict(model, images.test, images.mean, images.std), images.test.labels)
        with (out / "metrics.jsonl").open("a") as f:
            f.write(json.dumps(row) + "\n")
        print(row, flush=True)
        torch.save(model.state_dict(), "/tmp/snap_model.pt")
    card = Card(architecture=network, input_size=images.input_size, classes=images.classes, mean=images.mean, std=images.std, class_names=images.class_names)
    write_network(out / "model.safetensors", model, card, half=half)
    final = accuracy(predict(load(out), images.test, images.mean, images.std), images.test.labels)
    write_result(out / "result.json", seeds=[seed], settings={"network": network, "data": data, "half": half, **dataclasses.asdict(recipe)}, seconds=time.time() - start, rows=[{"test_accuracy": final}])
    print(final)


def main():
    app()
