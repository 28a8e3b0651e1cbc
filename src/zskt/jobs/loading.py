"""Objects of what a job was given: data, networks with what they take, folders to write."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from zskt.data import ImageData, load_data
from zskt.devices import Where
from zskt.errors import NOT_MEANT, UserError
from zskt.measure.contenders import Contender
from zskt.model_file import Card, load, network_file, read_classifier_card
from zskt.networks import is_code
from zskt.networks.arguments import check_arguments
from zskt.results import command, machine, versions
from zskt.runs.folder import RunFolder
from zskt.teachers.load import CENTRED, load_teacher
from zskt.teachers.onnx_runtime import is_onnx, load_to_run
from zskt.teachers.options import TeacherOptions
from zskt.teachers.teacher import Teacher

DOWNLOADED = ("hf:", "timm:", "torchvision:")
"""How sources begin that are fetched from their makers."""
IN_MEMORY = "in memory: "
"""How a record names what was no file."""


def data_of(data: str | ImageData, data_dir: Path, *, download: bool = True) -> ImageData:
    """Data by its name, or as it is."""
    if isinstance(data, ImageData):
        return data
    return load_data(data, data_dir, download=download)


def data_dir_of_run(settings: dict[str, Any], given: Path) -> tuple[Path, bool]:
    """Where a run's data lies, and whether it may be downloaded to there.

    A folder that only the run names, which may be somebody else's, is read and not written.
    """
    if given != Path("data"):
        return given, True
    named = Path(settings["data_dir"])
    return named, named == given.resolve()


def name_of(given: Any) -> str | None:
    """What stands in a record for an argument: its text, or that it was in memory."""
    if given is None or isinstance(given, str | Path):
        return None if given is None else str(given)
    return given.source if isinstance(given, Teacher) else f"{IN_MEMORY}{type(given).__name__}"


def student_of(
    student: str | Path | nn.Module | Teacher, teacher: Card, options: TeacherOptions
) -> Teacher:
    """A student that is to be measured, from wherever it is."""
    if isinstance(student, Teacher):
        return student
    # TorchScript and networks in memory do not tell the size of their images.
    bare = isinstance(student, nn.Module) or Path(student).suffix in (".pt", ".pth", ".ts")
    size = teacher.input_size if bare else None
    return load_teacher(student, input_size=size, allow_code=options.allow_code)


def judged_of(
    student: str | Path | nn.Module | Teacher, teacher: Card, options: TeacherOptions
) -> Teacher:
    """A student that is to be judged, but not looked into: an ONNX file as onnxruntime runs it."""
    if isinstance(student, str | Path) and is_onnx(student):
        read = load_to_run(student, teacher.input_size)
        if read is not None:
            return read
    return student_of(student, teacher, options)


def contender_of(role: str, taught: Teacher, teacher: Card, where: Where) -> Contender:
    """A network on the device, with its own normalisation or else its teacher's.

    Raises:
        UserError: if neither is known.
    """
    normalisation = taught.card.normalised_as(teacher).known_normalisation()
    return Contender(role, taught.network, normalisation, taught.file).on(where.device)


def new_run(
    out: Path, command_name: str, settings: dict[str, Any], where: Where, *, overwrite: bool
) -> RunFolder:
    """A run folder with its settings; or a `UserError`, and what is there is kept."""
    folder = RunFolder(out)
    folder.create(described(command_name, settings, where), overwrite=overwrite)
    return folder


def described(command_name: str, settings: dict[str, Any], where: Where) -> dict[str, Any]:
    """Settings with the command, versions and machine."""
    about = {"command": command(), "command_name": command_name, "versions": versions()}
    return {**about, "machine": machine(where.name), **settings}


def resolved(source: str | None) -> str | None:
    """A place that means the same from another folder."""
    if source is None:
        return None
    kind = next((each for each in ("hf:", "folder:") if source.startswith(each)), "")
    place = Path(source.removeprefix(kind))
    return f"{kind}{place.resolve()}" if place.exists() else source


def data_of_run(path: Path, settings: Mapping[str, Any]) -> str | None:
    """The data that a run names, by its place: from wherever it is gone on with, the same files.

    Raises:
        UserError: if they were in memory.
        TypeError: if it names no text.
    """
    data = settings.get("data_path") or settings["data"]
    if not isinstance(data, str | None):
        raise TypeError(f"data is {data!r}")
    if data is not None and data.startswith(IN_MEMORY):
        raise UserError(f"the data of {path} was in memory; give `data` again")
    return data


def resolved_data(name: str | None) -> str | None:
    """Data by a place that means the same from another folder; a data set's name stays as it is."""
    place = name is not None and (name.startswith("folder:") or name.endswith(".npz"))
    return resolved(name) if place else name


def teacher_path(teacher: Teacher, options: TeacherOptions) -> str | None:
    """Where a teacher lies; with weights its source is the name of an architecture."""
    named = options.weights is not None and ":" not in teacher.source
    return teacher.source if named else resolved(teacher.source)


def keep_apart(out: Path | None, *sources: Any) -> None:
    """Raise a `UserError` if a network that is read lies in the folder that is written."""
    for source in sources:
        if out is None or not isinstance(source, str | Path) or not Path(source).exists():
            continue
        file = network_file(Path(source)) if Path(source).is_dir() else Path(source)
        if out.resolve() in file.resolve().parents:
            raise UserError(f"{source} lies in {out}, which is to be written; give another `out`")


def own_network(path: Path, *, allow_code: bool = False) -> tuple[nn.Module, Card, Path]:
    """A network of ours from a file or run folder, with its card and file."""
    file = network_file(path)
    card = read_classifier_card(file)
    return load(file, allow_code=allow_code), card, file


def teacher_of_run(settings: dict[str, Any], *, allow_code: bool) -> tuple[str, TeacherOptions]:
    """Which teacher a run had, by its settings, which somebody else may have written.

    Raises:
        UserError: if it is code or would be fetched, and that is not allowed.
    """
    source = str(settings["teacher_path"])
    check_code(source, allow_code=allow_code)
    local = source.startswith("hf:") and Path(source.removeprefix("hf:")).is_dir()
    if source.startswith(DOWNLOADED) and not (local or settings["teacher_options"].get("weights")):
        check_trusted(f"fetches {source}", allow_code=allow_code)
    return source, options_of_run(settings, allow_code=allow_code)


def options_of_run(settings: dict[str, Any], *, allow_code: bool) -> TeacherOptions:
    """What was said of a run's teacher."""
    from zskt.networks.factory import parsed

    kept: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in settings.get("teacher_options", {}).items()
    }
    if not allow_code:
        check_arguments("the run", parsed(kept.get("teacher_arg", ())))
    if kept.get("pixels", "normalised") != "normalised" and not kept.get("mean"):
        # Runs of 0.1 did not ask a teacher's batch norm.
        kept["mean"], kept["std"] = ((each,) for each in CENTRED)
    kept["weights"] = Path(kept["weights"]) if kept.get("weights") else None
    return TeacherOptions(**kept, allow_code=allow_code)


def options_beside(teacher: Any, settings: dict[str, Any], *, allow_code: bool) -> TeacherOptions:
    """What was said of a run's teacher that is given anew; one that is loaded tells all itself."""
    if isinstance(teacher, Teacher):
        return TeacherOptions(allow_code=allow_code)
    return options_of_run(settings, allow_code=allow_code)


def check_code(name: str, *, allow_code: bool) -> None:
    """Raise a `UserError` if a name from a run's settings means code and that is not allowed."""
    if is_code(name):
        check_trusted(f"was made with the code of {name}", allow_code=allow_code)


def check_trusted(does: str, *, allow_code: bool) -> None:
    """Raise a `UserError` unless a run from somebody else may do what its settings say."""
    if not allow_code:
        raise UserError(f"the run {does}; if you trust it, `allow_code`")


@contextmanager
def whole_settings(path: Path) -> Generator[None]:
    """Within it, settings of a run that are not what they should be are a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except NOT_MEANT as error:
        raise UserError(
            f"the settings of {path} are damaged or of another version ({error}); start it anew"
        ) from error
