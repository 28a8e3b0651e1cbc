"""Arguments that many jobs take, each with its help, and what Python's users may give besides.

On the command line a teacher, a student or data are given as text; in Python they may be objects.
"""

import sys
from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_type_hints

from cyclopts import Parameter

from zskt import devices
from zskt.files import check_writable
from zskt.switches import OnByDefault

if TYPE_CHECKING:
    from torch import nn

    from zskt.data import ImageData
    from zskt.teachers.teacher import Teacher

    TeacherLike = str | Path | nn.Module | Teacher
    NetworkLike = str | Path | nn.Module
    Networks = tuple[NetworkLike, ...]
    DataLike = str | ImageData
    MethodLike = Any
else:
    TeacherLike = NetworkLike = DataLike = MethodLike = Any
    Networks = tuple[str, ...]


def _help(text: str) -> Parameter:
    return Parameter(help=text)


Data = Annotated[DataLike, _help("A data set that `zskt list` shows.")]
DataDir = Annotated[Path, _help("Where public data sets lie.")]
Device = Annotated[str, _help("auto, cpu, cuda, cuda:N or mps.")]
Precision = Annotated[
    devices.Precision,
    _help("bf16 autocast, exact 32, or auto: bf16 where the hardware has it."),
]
RunDir = Annotated[Path, _help("The folder to write, with the run and its result.")]
Overwrite = Annotated[bool, _help("Replace what this command left in the folder or file before.")]
Results = Annotated[Path | None, _help("A further file for the result as JSON.")]
AllowCode = Annotated[
    bool, _help("Run the code that made a network, where a file names the user's own.")
]
Progress = Annotated[OnByDefault, _help("Whether it is shown how far it is.")]
Many = Parameter(consume_multiple=True)
Flat = Parameter(name="*")
"""A group of settings, each an option of its own."""
OfTeacher, OfMethod, OfRun, OfRecipe, OfGuidance, OfPlacing = (
    Parameter(name="*", group=f"{title} settings")
    for title in ("Teacher", "Method", "Run", "Recipe", "Guidance", "Cluster")
)
"""The same under a title of their own in the help."""


Job = TypeVar("Job", bound=Callable[..., Any])


def job(function: Job) -> Job:
    """A job whose paths may be given as text in Python too, as on the command line.

    It does the same within `torch.no_grad` or with another default dtype. Where `results` cannot be
    written, it does not begin.
    """

    @wraps(function)
    def called(*given: Any, **named: Any) -> Any:
        bound = signature(function).bind(*given, **named)
        for name, hint in get_type_hints(function).items():
            value = bound.arguments.get(name)
            if isinstance(value, str) and Path in (hint, *get_args(hint)):
                bound.arguments[name] = Path(value)
        if (results := bound.arguments.get("results")) is not None:
            check_writable(results)
        if "torch" not in sys.modules:
            # Not worth its import: nobody has set anything.
            return function(*bound.args, **bound.kwargs)
        from zskt.modes import usual_modes

        with usual_modes():
            return function(*bound.args, **bound.kwargs)

    return called  # ty: ignore
