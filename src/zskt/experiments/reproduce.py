"""`zskt reproduce`: tables and figures of the paper, missing runs being made."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from zskt.errors import UserError, unknown
from zskt.experiments.placing import Placing
from zskt.files import check_writable
from zskt.jobs import arguments as arg
from zskt.seeds import check_seeds
from zskt.switches import Either

if TYPE_CHECKING:
    from zskt.data import ImageData
    from zskt.experiments.experiment import Experiment, Report
    from zskt.experiments.protocol import Protocol
    from zskt.experiments.store import RunStore


@dataclass
class Reproduced:
    """A table or figure, or what each of them would cost."""

    heading: str
    rows: list[dict[str, Any]]
    files: list[Path] = field(default_factory=list)
    """The result as JSON, and pictures."""
    notes: list[str] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Further tables, by name."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "files": [str(file) for file in self.files]}


@arg.job
def reproduce(
    name: str | None = None,
    *,
    list_: Annotated[bool, Parameter(name="--list")] = False,
    data: str | None = None,
    protocol: str | None = None,
    scale: float = 1.0,
    seeds: Annotated[tuple[int, ...] | None, arg.Many] = None,
    pair: tuple[str, str] | None = None,
    per_class: Annotated[tuple[int, ...] | None, arg.Many] = None,
    teachers: Path | None = None,
    runs: Path = Path("runs/reproduce"),
    out: Path = Path("results"),
    flips: Either = None,
    retry: bool = False,
    device: arg.Device = "auto",
    precision: arg.Precision = "auto",
    data_dir: arg.DataDir = Path("data"),
    placing: Annotated[Placing, arg.OfPlacing] = Placing(),
) -> Reproduced:
    """Make a table or figure of the paper; runs that exist are read, missing ones are made.

    Args:
        name: table-1, table-2, figure-1 to figure-5, svhn, ablations, or pairs, which is ours.
        list_: Tell what there is, and what each costs, instead.
        data: A data set that `zskt list` shows; by default the paper's.
        protocol: What is run, by the name of a data set: cifar10, svhn, mnist or digits; by default
            that of the data.
        scale: So many times the rounds, epochs and images of the protocol.
        seeds: One run for each; by default 0, 1 and 2, and 4 for the toy, as the authors.
        pair: Teacher and student; by default the protocol's, of which table-1 has several.
        per_class: Real images of each class in figure-2; by default the protocol's.
        teachers: A folder of finished teachers, NAME.safetensors; by default they are trained.
        runs: Where the runs lie, shared by all experiments.
        out: Where the result lies: a folder for each experiment, with JSON and pictures.
        flips: Whether training images are mirrored; by default where the data set says it may be,
            which a file or a folder never does.
        retry: Try runs again that diverged before.
        placing: Where the runs are made.

    Raises:
        UserError: for an unknown experiment, data that do not suffice, or runs of another protocol.
    """
    start = time.monotonic()
    if name is None and not list_:
        raise UserError("give the name of a table or figure, or `list`")
    _check_numbers(scale, seeds, per_class)
    placing.check(device)
    if not list_:
        check_writable(out / str(name) / "result.json")

    from zskt.data import load_data
    from zskt.experiments.catalogue import EXPERIMENTS
    from zskt.experiments.order import make_all
    from zskt.experiments.store import RunStore

    if list_ or name is None:
        planned = _planned(data or "cifar10", protocol, scale).of(pair, per_class)
        return _listed(planned, scale, seeds)
    if name not in EXPERIMENTS:
        raise unknown("experiment", name, EXPERIMENTS)
    experiment = EXPERIMENTS[name]
    seeds = seeds or experiment.seeds
    data = data or experiment.data or "cifar10"
    planned = _planned(data, protocol, scale, flips).of(pair, per_class)
    if experiment.data is not None:
        _check_possible(planned, load_data(data, data_dir))
    store = RunStore(
        runs / f"{planned.name}-{Path(data).stem}-scale-{scale:g}", planned, data=data,
        data_dir=data_dir, teachers=teachers, device=device, precision=precision,
    )  # fmt: skip
    make_all(store, experiment.specs(planned, seeds), placing, retry=retry)
    tag = _tag(experiment, data, planned, scale, seeds)
    tag += "" if pair is None else f"-{'-to-'.join(pair)}"
    tag += "" if per_class is None else f"-per-class-{'-'.join(map(str, per_class))}"
    report = experiment.report(store, seeds, out / name / f"pictures{tag}")
    file = out / name / f"{name}{tag}.json"
    settings = {"experiment": name, "data": data, "scale": scale}
    _write(file, seeds, settings, report, store, time.monotonic() - start)
    heading = f"{name}: {experiment.title}; {_in_words(scale, planned)}"
    files = [file, *report.pictures]
    return Reproduced(heading, report.rows, files, tables=report.tables)


def _check_numbers(
    scale: float, seeds: Sequence[int] | None, per_class: Sequence[int] | None
) -> None:
    """Raise a `UserError` for numbers that no experiment can take."""
    if not 0 < scale <= 100:
        raise UserError(f"`scale` must be above zero and at most 100, not {scale:g}")
    if seeds is not None:
        check_seeds(seeds)
    if per_class is not None and (
        not per_class or min(per_class) < 1 or len(set(per_class)) < len(per_class)
    ):
        raise UserError("`per_class` must be different numbers above zero")


def _write(
    file: Path, seeds: Sequence[int], settings: dict[str, Any], report: Report, store: RunStore,
    seconds: float,
) -> None:  # fmt: skip
    """The result with every run of the report, each once."""
    from zskt.results import write_result

    device, teachers = store.where.name, str(store.teachers) if store.teachers else None
    settings |= {"device": device, "precision": store.where.precision, "teachers": teachers}
    runs = [
        {"run": name, **run.row, "run_seconds": run.seconds}
        | ({"diverged": run.error} if run.error else {})
        for name, run in {run.path.name: run for run in report.runs}.items()
    ]
    write_result(
        file, seeds=seeds, settings={**settings, **asdict(store.protocol)}, seconds=seconds,
        rows=report.rows, runs=runs, device=device, tables=report.tables,
    )  # fmt: skip


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
    from zskt.experiments.protocol import PROTOCOLS

    name = protocol or (data if data in PROTOCOLS else "cifar10")
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    scaled = PROTOCOLS[name].scaled(scale)
    teacher, student = (replace(each, flips=flips) for each in (scaled.teacher, scaled.student))
    return replace(scaled, teacher=teacher, student=student)


def _check_possible(protocol: Protocol, data: ImageData) -> None:
    """Raise a `UserError`, before hours pass, if a network cannot be made or images are too few."""
    from zskt.networks import create

    for network in protocol.pair:
        create(network, classes=data.classes, input_size=data.input_size)
    fewest = int(data.train.labels.bincount(minlength=data.classes).min())
    most = max(*protocol.per_class, protocol.table_1_per_class)
    if fewest < most:
        raise UserError(
            f"the protocol {protocol.name} learns up to {most} images of each class and the data "
            f"has {fewest} of the rarest; give other `per_class` or `protocol`"
        )


def _in_words(scale: float, protocol: Protocol) -> str:
    size = f"{protocol.rounds:,} rounds, {protocol.student.epochs} epochs"
    return f"full scale: {size}" if scale == 1 else f"{scale:g} of full scale: {size}"


def _listed(planned: Protocol, scale: float, seeds: Sequence[int] | None) -> Reproduced:
    """Every experiment with its cost."""
    from zskt.experiments import cost
    from zskt.experiments.catalogue import EXPERIMENTS

    rows = []
    for name, experiment in EXPERIMENTS.items():
        specs = experiment.specs(planned, seeds or experiment.seeds)
        hours = {}
        for device in cost.DEVICES:
            taken = cost.seconds(specs, planned, device)
            hours[f"{device}_time"] = "not measured" if taken is None else _time(taken)
        rows.append({"name": name, "what": experiment.title, "runs": len(specs), **hours})
    counted = "three seeds" if seeds is None else f"seeds {', '.join(map(str, seeds))}"
    machines = cost.measured()["machines"]
    rates = {device: f"rates measured on {machine}" for device, machine in machines.items()}
    notes = [f"{device}: {rates.get(device, 'not measured')}" for device in cost.DEVICES]
    notes.append("Runs are shared: figure-4 costs nothing after table-2.")
    heading = f"Protocol {planned.name}, {counted}; {_in_words(scale, planned)}."
    return Reproduced(heading, rows, notes=notes)


def _time(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.1f} days"
