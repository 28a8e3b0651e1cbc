"""`zskt reproduce`: tables and figures of the paper, missing runs being made."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from zskt.commands.table import print_table
from zskt.data import ImageData, load_data
from zskt.devices import Precision
from zskt.errors import UserError, unknown
from zskt.networks import create
from zskt.reproduce import (
    ablations,
    cost,
    figure_1,
    figure_2,
    figure_3,
    figure_5,
    svhn,
    table_1,
    table_2,
)
from zskt.reproduce.experiment import Experiment, Report
from zskt.reproduce.lab import Lab
from zskt.reproduce.protocol import PROTOCOLS, Protocol
from zskt.results import write_result

EXPERIMENTS: dict[str, Experiment] = {
    "table-1": table_1.EXPERIMENT,
    "table-2": table_2.TABLE,
    "figure-1": figure_1.EXPERIMENT,
    "figure-2": figure_2.EXPERIMENT,
    "figure-3": figure_3.EXPERIMENT,
    "figure-4": table_2.FIGURE,
    "figure-5": figure_5.EXPERIMENT,
    "svhn": svhn.EXPERIMENT,
    "ablations": ablations.EXPERIMENT,
}


def reproduce_command(
    name: str | None = None,
    *,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
    data: str | None = None,
    protocol: str | None = None,
    scale: float = 1.0,
    seeds: Annotated[tuple[int, ...] | None, Parameter(consume_multiple=True)] = None,
    pair: tuple[str, str] | None = None,
    per_class: Annotated[tuple[int, ...] | None, Parameter(consume_multiple=True)] = None,
    teachers: Path | None = None,
    runs: Path = Path("runs/reproduce"),
    out: Path = Path("results"),
    flips: bool | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    data_dir: Path = Path("data"),
) -> None:
    """Make a table or figure of the paper; runs that exist are read, missing ones are made.

    Args:
        name: table-1, table-2, figure-1 to figure-5, svhn or ablations.
        list_: tell what there is, and what each costs, instead.
        data: a data set that `zskt list` shows; by default the paper's.
        protocol: what is run, by the name of a data set: cifar10, svhn, mnist or digits; by default
            that of the data.
        scale: so many times the rounds, epochs and images of the protocol.
        seeds: one run for each; by default 0, 1 and 2, and 4 for the toy, as the authors.
        pair: teacher and student; by default the protocol's, of which table-1 has several.
        per_class: real images of each class in figure-2; by default the protocol's.
        teachers: a folder of finished teachers, NAME.safetensors; by default they are trained.
        runs: where the runs lie, shared by all experiments.
        out: where the result lies: a folder for each experiment, with JSON and pictures.
        flips: whether training images are mirrored; by default where the data set says it may be,
            which a file or a folder never does.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: bf16 autocast, exact 32, or auto: bf16 where the hardware has it.
        data_dir: where public data sets lie.
    """
    start = time.monotonic()
    if list_:
        data = data or "cifar10"
        _list(_planned(data, protocol, scale).of(pair, per_class), scale, seeds)
        return
    if name is None:
        raise UserError("give the name of a table or figure, or --list")
    if name not in EXPERIMENTS:
        raise unknown("experiment", name, EXPERIMENTS)
    experiment = EXPERIMENTS[name]
    seeds = seeds or experiment.seeds
    if min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise UserError("--seeds must be different numbers of zero or above")
    data = data or experiment.data or "cifar10"
    planned = _planned(data, protocol, scale, flips).of(pair, per_class)
    if per_class is not None and (min(per_class) < 1 or len(set(per_class)) < len(per_class)):
        raise UserError("--per-class must be different numbers above zero")
    if experiment.data is not None:
        _check_possible(planned, load_data(data, data_dir))
    place = runs / f"{planned.name}-{Path(data).stem}-scale-{scale:g}"
    lab = Lab(
        place, planned, data=data, data_dir=data_dir, teachers=teachers,
        device=device, precision=precision,
    )  # fmt: skip
    tag = _tag(experiment, data, planned, scale, seeds)
    tag += "" if pair is None else f"-{'-to-'.join(pair)}"
    tag += "" if per_class is None else f"-per-class-{'-'.join(map(str, per_class))}"
    report = experiment.report(lab, seeds, out / name / f"pictures{tag}")
    settings: dict[str, Any] = {"experiment": name, "data": data, "scale": scale}
    settings |= {"device": lab.device, "precision": lab.precision}
    settings |= {"teachers": str(teachers) if teachers else None, **asdict(planned)}
    file = out / name / f"{name}{tag}.json"
    write_result(
        file,
        seeds=seeds,
        settings=settings,
        seconds=time.monotonic() - start,
        rows=report.rows,
        runs=_runs(report),
        device=lab.device,
    )
    print(f"{name}: {experiment.title}; {_said(scale, planned)}")
    print_table(report.rows)
    for written in (file, *report.pictures):
        print(written)


def _tag(
    experiment: Experiment, data: str, protocol: Protocol, scale: float, seeds: Sequence[int]
) -> str:
    """The end of file names: everything that sets one result of an experiment apart."""
    tag = f"-{Path(data).stem}" if experiment.data else ""
    tag += "" if protocol.name in (Path(data).stem, "cifar10") else f"-as-{protocol.name}"
    tag += "" if scale == 1 else f"-scale-{scale:g}"
    return tag + ("" if seeds == experiment.seeds else f"-seeds-{'-'.join(map(str, seeds))}")


def _planned(data: str, protocol: str | None, scale: float, flips: bool | None = None) -> Protocol:
    """The protocol at its scale."""
    if not 0 < scale <= 100:
        raise UserError(f"--scale must be above zero and at most 100, not {scale:g}")
    name = protocol or (data if data in PROTOCOLS else "cifar10")
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    scaled = PROTOCOLS[name].scaled(scale)
    mirrored = {
        part: replace(getattr(scaled, part), flips=flips) for part in ("teacher", "student")
    }
    return replace(scaled, **mirrored)


def _check_possible(protocol: Protocol, data: ImageData) -> None:
    """Raise a `UserError`, before hours pass, if a network cannot be made or images are too few."""
    for network in protocol.pair:
        create(network, classes=data.classes, input_size=data.input_size)
    fewest = int(data.train.labels.bincount(minlength=data.classes).min())
    most = max(*protocol.per_class, protocol.table_1_per_class)
    if fewest < most:
        raise UserError(
            f"the protocol {protocol.name} learns up to {most} images of each class and the data "
            f"has {fewest} of the rarest; give other --per-class or --protocol"
        )


def _runs(report: Report) -> list[dict[str, Any]]:
    """Every run of a report, once."""
    made = {run.path.name: run for run in report.runs}
    return [{"run": name, **run.row, "run_seconds": run.seconds} for name, run in made.items()]


def _said(scale: float, protocol: Protocol) -> str:
    """The scale in words."""
    size = f"{protocol.rounds:,} rounds, {protocol.student.epochs} epochs"
    return f"full scale: {size}" if scale == 1 else f"{scale:g} of full scale: {size}"


def _list(planned: Protocol, scale: float, seeds: Sequence[int] | None) -> None:
    """Print every experiment with its cost."""
    rows = []
    for name, experiment in EXPERIMENTS.items():
        wanted = experiment.wanted(planned, seeds or experiment.seeds)
        hours = {}
        for device in cost.DEVICES:
            taken = cost.seconds(wanted, planned, device)
            hours[f"{device}_time"] = "not measured" if taken is None else _time(taken)
        rows.append({"name": name, "what": experiment.title, "runs": len(wanted), **hours})
    told = "three seeds" if seeds is None else f"seeds {', '.join(map(str, seeds))}"
    print(f"Protocol {planned.name}, {told}; {_said(scale, planned)}.")
    print_table(rows)
    for device in cost.DEVICES:
        machine = cost.measured()["machines"].get(device)
        print(f"{device}: {f'rates measured on {machine}' if machine else 'not measured'}")
    print("Runs are shared: figure-4 costs nothing after table-2.")


def _time(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.1f} days"
