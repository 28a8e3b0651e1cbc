"""The networks of a finished run: its teacher, and what its generator draws."""

from pathlib import Path

import torch
from torch import Tensor

from zskt.commands.teacher_options import of_run
from zskt.errors import UserError
from zskt.model_file import load, read_card
from zskt.networks.generator import Generator
from zskt.teachers import Teacher
from zskt.training.run_folder import RunFolder

BATCH = 128


def generator_of(run: Path) -> Path:
    """The file of a run's generator; or a `UserError`."""
    file = run / "generator.safetensors"
    if not file.is_file():
        raise UserError(f"{run} has no generator; give the folder of a finished zskt distill run")
    return file


def past_generators(run: Path) -> list[Generator]:
    """A run's generator as it was earlier, oldest first; none where they were not kept."""
    folder = RunFolder(run)
    last = max((row["round"] for row in folder.metrics()), default=0)
    kept = sorted(folder.snapshots.glob("generator-*.safetensors"))
    drawings = (drawing_of(it) for it in kept if int(it.stem.rpartition("-")[2]) < last)
    return [each for each in drawings if each is not None]


def drawing_of(file: Path) -> Generator | None:
    """A generator of ours from its file; None if there is none, or one of another kind."""
    if not file.is_file() or read_card(file).architecture != "generator":
        return None
    generator = load(file)
    assert isinstance(generator, Generator)
    return generator


def teacher_of(run: Path, teacher: str | None, *, allow_code: bool) -> Teacher:
    """A run's teacher, from where it lay or from another place.

    Raises:
        UserError: if it is not there, another one, or code that is not allowed; if the folder is
            not that of a distillation by the command line.
    """
    asked = RunFolder(run).settings()
    if asked.get("command_name") != "distill":
        raise UserError(f"{run} was not made by zskt distill; give the folder of a run that was")
    source, options = of_run(asked, teacher, allow_code=allow_code)
    taught = options.load(source)
    if taught.digest != asked["teacher_sha256"]:
        raise UserError(f"{taught.source} is not the teacher of {run}; give --teacher")
    return taught


@torch.no_grad()
def drawn(file: Path, count: int, seed: int = 0) -> Tensor:
    """Normalised images (count, channels, height, width) of a generator, in eval mode."""
    generator = drawing_of(file)
    if generator is None:
        raise UserError(f"{file} is no generator of ours; give a run of zskt distill")
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, generator.noise_size, generator=random)
    return torch.cat([generator(part) for part in noise.split(BATCH)])
