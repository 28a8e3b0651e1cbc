"""Flags that say of a teacher what its file does not."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from zskt.errors import UserError
from zskt.model_file import network_file
from zskt.networks import is_code
from zskt.networks.factory import parsed
from zskt.teachers import Output, Pixels, Teacher, load_teacher

Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]
Numbers = Annotated[tuple[float, ...] | None, Parameter(consume_multiple=True)]


@dataclass(frozen=True, kw_only=True)
class TeacherOptions:
    """For teachers that are no file of ours, which tells all of this."""

    weights: Path | None = None
    """Safetensors or a state dict for a teacher given by name or factory."""
    teacher_arg: Words = ()
    """Arguments, name=value, for its factory or library."""
    input_size: tuple[int, int, int] | None = None
    """Channels, height and width of its images."""
    classes: int | None = None
    """How many it has, if its weights do not tell."""
    mean: Numbers = None
    """Of its normalisation: one number for each channel or one for all, pixels from 0 to 1."""
    std: Numbers = None
    """Of its normalisation."""
    pixels: Pixels = "normalised"
    """What it takes: normalised images, or pixels, because it normalises them itself."""
    output: Output = "auto"
    """What it returns; by default rows that sum to one are probabilities."""

    allow_code: bool = False
    """Import the code that made a network, where a file of ours names a factory."""

    def load(self, source: str) -> Teacher:
        """The teacher; or a `UserError`."""
        options = asdict(self)
        return load_teacher(source, arguments=parsed(options.pop("teacher_arg")), **options)

    def plain(self) -> dict[str, Any]:
        """For JSON; trust in code is not kept."""
        weights = str(self.weights.resolve()) if self.weights else None
        kept = {**asdict(self), "weights": weights}
        del kept["allow_code"]
        return kept


def of_run(
    asked: dict[str, Any], teacher: str | None, *, allow_code: bool
) -> tuple[str, TeacherOptions]:
    """The teacher of a run, by the run's settings, or another place where it lies now.

    Raises:
        UserError: if it is somebody's code and not allowed: a folder from someone else could name
            any.
    """
    source = teacher or asked["teacher_path"]
    check_code(source, allow_code=allow_code)
    found: dict[str, Any] = {
        name: tuple(it) if isinstance(it, list) else it
        for name, it in asked.get("teacher_options", {}).items()
    }
    found["weights"] = Path(found["weights"]) if found.get("weights") else None
    found["allow_code"] = allow_code
    return source, TeacherOptions(**found)


def check_code(name: str, *, allow_code: bool) -> None:
    """Raise a `UserError` if a name from a run's settings means code and that is not allowed."""
    if is_code(name) and not allow_code:
        raise UserError(f"the run was made with the code of {name}; if you trust it, --allow-code")


def keep_apart(out: Path, *sources: Path | None) -> None:
    """Raise a `UserError` if a network that is read lies in the folder that is written."""
    for source in sources:
        if source is None or not source.exists():
            continue
        file = network_file(source) if source.is_dir() else source
        if out.resolve() in file.resolve().parents:
            raise UserError(f"{source} lies in {out}, which is to be written; give another --out")
