"""Flags that say of a teacher what its file does not."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

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
        """For JSON."""
        return {**asdict(self), "weights": str(self.weights) if self.weights else None}


def from_plain(saved: dict[str, Any]) -> TeacherOptions:
    """What `plain` gave."""
    found: dict[str, Any] = {
        name: tuple(it) if isinstance(it, list) else it for name, it in saved.items()
    }
    found["weights"] = Path(found["weights"]) if found.get("weights") else None
    return TeacherOptions(**found)
