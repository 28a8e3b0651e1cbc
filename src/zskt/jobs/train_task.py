"""What one training is asked to do, by its arguments or by the folder of the run it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from zskt.devices import Precision
from zskt.errors import UserError, check_settings
from zskt.jobs.loading import (
    check_code,
    data_dir_of_run,
    data_of_run,
    name_of,
    options_beside,
    resolved_data,
    teacher_of_run,
    whole_settings,
)
from zskt.networks.arguments import check_arguments
from zskt.runs.folder import MODEL, RunFolder
from zskt.supervised.recipe import KnowledgeDistillation, Recipe
from zskt.teachers.options import TeacherOptions


@dataclass(frozen=True, kw_only=True)
class TrainTask:
    """What one training is asked to do."""

    network: str
    arguments: Mapping[str, Any]
    data: Any
    data_dir: Path
    recipe: Recipe
    per_class: int | None
    distill_from: Any
    options: TeacherOptions
    guidance: KnowledgeDistillation
    init: Path | None
    half: bool
    out: Path
    device: str
    precision: Precision
    save_seconds: float
    trained_on: str | None = None
    """The digest of the images that it was started with, if they have to be these."""
    digest: str | None = None
    """Of the teacher's file, if it has to be a certain one."""
    resumed: bool = False
    download: bool = True
    """Whether public data may be downloaded to `data_dir`."""
    as_recorded: Mapping[str, Any] = field(default_factory=dict)
    """What the settings of a run that is gone on with say of what is given by its place now."""

    def __post_init__(self):
        # How many images of a class there are, the data will say.
        check_settings(self, "save_seconds", "per_class")

    def settings(self) -> dict[str, Any]:
        """The settings of a run, save for those that need the data or the teacher."""
        return {
            "network": self.network,
            "data": name_of(self.data),
            "data_path": resolved_data(name_of(self.data)),
            "half": self.half,
            "init": name_of(self.init),
            "init_path": str(self.init.resolve()) if self.init else None,
            "distill_from": name_of(self.distill_from),
            "per_class": self.per_class,
            "data_dir": str(self.data_dir.resolve()),
            "save_seconds": self.save_seconds,
            **vars(self.recipe),
            "network_arguments": dict(self.arguments),
            **self.as_recorded,
        }


def task_of_run(
    path: Path,
    *,
    data: Any,
    data_dir: Path,
    distill_from: Any,
    options: TeacherOptions,
    device: str,
) -> TrainTask:
    """What a run folder was started with.

    Raises:
        UserError: if it holds no training, one that ended before there were checkpoints, or
            settings that name what is not allowed.
    """
    folder = RunFolder(path)
    settings = folder.settings()
    if settings.get("command_name") != "train":
        raise UserError(f"{path} was not made by zskt train or finetune; start it anew")
    whole = folder.checkpoint_file.exists()
    if not whole and (path / MODEL).exists():
        raise UserError(f"{path} is finished and has no checkpoint; there is nothing to go on from")
    with whole_settings(path):
        network, arguments = settings["network"], settings["network_arguments"]
        check_code(network, allow_code=options.allow_code)
        if not options.allow_code:
            check_arguments(path, arguments)
        as_recorded = {name: settings.get(name) for name in ("init", "init_path")}
        if data is None:
            data, as_recorded["data"] = data_of_run(path, settings), settings["data"]
        if settings["distill_from"] is None:
            if distill_from is not None:
                raise UserError(f"{path} learns from labels alone; leave `distill_from` out")
            options = TeacherOptions()
        elif distill_from is None:
            distill_from, options = teacher_of_run(settings, allow_code=options.allow_code)
            as_recorded["distill_from"] = settings["distill_from"]
        else:
            options = options_beside(distill_from, settings, allow_code=options.allow_code)
        place, download = data_dir_of_run(settings, data_dir)
        # Before its first checkpoint a run starts again from what it was started with.
        init = None if whole else settings["init_path"]
        return TrainTask(
            network=network, arguments=arguments, data=data, data_dir=place, download=download,
            recipe=_settings_of(Recipe, settings), per_class=_whole_number(settings["per_class"]),
            distill_from=distill_from, options=options,
            guidance=_settings_of(KnowledgeDistillation, settings),
            init=Path(init) if init else None, half=bool(settings["half"]), out=path, device=device,
            precision=_one_of(get_args(Precision), settings["precision"]),
            save_seconds=float(settings["save_seconds"]),
            trained_on=settings["data_sha256"],
            digest=settings.get("teacher_sha256"), resumed=True, as_recorded=as_recorded,
        )  # fmt: skip


def _settings_of(kind: Any, settings: Mapping[str, Any]) -> Any:
    """A group of settings, each of the kind that it has by default."""
    found = {}
    for each in fields(kind):
        if each.name not in settings and kind is KnowledgeDistillation:
            continue
        value = settings[each.name]
        if each.name in ("optimizer", "schedule"):
            kinds = {"optimizer": ("sgd", "adamw"), "schedule": ("one-cycle", "drops")}
            value = _one_of(kinds[each.name], value)
        elif not isinstance(value, int | float | None):
            raise TypeError(f"{each.name} is {value!r}")
        found[each.name] = value
    return kind(**found)


def _whole_number(value: Any) -> int | None:
    if not isinstance(value, int | None):
        raise TypeError(f"{value!r} is no number")
    return value


def _one_of(known: tuple[str, ...], value: Any) -> Any:
    if value not in known:
        raise TypeError(f"{value!r} is not one of {', '.join(known)}")
    return value
