"""What is said of a teacher that its file does not tell, light enough for the command line."""

import shlex
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from zskt.errors import UserError

if TYPE_CHECKING:
    from zskt.teachers.teacher import Teacher

Kind = Literal["logits", "probabilities"]
Output = Literal["auto", "logits", "probabilities"]
Pixels = Literal["normalised", "0-1", "0-255"]
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
    """Of its normalisation: one number for each channel or one for all, pixels from 0 to 1. Of a
    teacher of pixels: of its data, if its batch norm does not tell."""
    std: Numbers = None
    """Likewise."""
    pixels: Pixels = "normalised"
    """What it takes: normalised images, or pixels, because it normalises them itself."""
    output: Output = "auto"
    """What it returns; by default rows that sum to one are probabilities."""

    allow_code: bool = False
    """Import the code that made a network, where a file of ours names a factory."""

    def check(self, source: Any) -> None:
        """Raise a `UserError` for a file that is not there, before anything heavy is imported."""
        names_file = isinstance(source, str | Path) and Path(source).suffix and not self.weights
        if names_file and ":" not in str(source) and not Path(source).exists():
            raise UserError(f"there is no file {source}; check the path")

    def load(self, source: Any) -> "Teacher":
        """The teacher of a source as `zskt.load_teacher` takes it; or a `UserError`."""
        from zskt.networks.factory import parsed
        from zskt.teachers.load import load_teacher
        from zskt.teachers.teacher import Teacher

        if isinstance(source, Teacher):
            if replace(self, allow_code=False) != TeacherOptions():
                raise UserError("a loaded teacher tells all itself; leave `options` out")
            return source
        options = asdict(self)
        return load_teacher(source, arguments=parsed(options.pop("teacher_arg")), **options)

    def told_by(self, teacher: "Teacher") -> "TeacherOptions":
        """With what a teacher of pixels told of its data: who goes on is not to ask it again."""
        if teacher.takes == "normalised":
            return self
        return replace(self, pixels=teacher.takes, mean=teacher.card.mean, std=teacher.card.std)

    def words(self) -> str:
        """The options of a command line that say this, for advice that can be typed."""
        said = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                values = () if value is True else value if isinstance(value, tuple) else (value,)
                said += [f"--{field.name.replace('_', '-')}", *map(str, values)]
        return shlex.join(said)

    def plain(self) -> dict[str, Any]:
        """For JSON; trust in code is not kept."""
        weights = str(self.weights.resolve()) if self.weights else None
        kept = {**asdict(self), "weights": weights}
        del kept["allow_code"]
        return kept
