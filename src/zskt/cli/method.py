"""`zskt distill` and `zskt plan` with the settings of the method that their words name.

A run file may stand before all other words; it then says what they leave out.
"""

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from cyclopts import Parameter

from zskt.cli.run_file import Overlay, file_in, overlay, said_by
from zskt.errors import UserError
from zskt.jobs.arguments import OfMethod
from zskt.jobs.distill import WHAT_TO_GIVE, distill
from zskt.jobs.run_file import hints_of
from zskt.methods import DEFAULT, METHODS, method_class


def with_method(job: Callable[..., Any], words: Sequence[str]) -> tuple[Any, Overlay | None]:
    """The job as a command: `--method NAME`, and the settings of that method.

    In Python a method is an object with its settings; on the command line both are options.
    Besides comes what fills in the options that a run file says, if the words begin with one.
    """
    file = file_in(words)
    said = said_by(file, words)
    name = named(words) or said.get("method", DEFAULT)
    kind = method_class(name)
    if name != said.get("method", DEFAULT):
        # What the file says of its own method belongs to no other.
        own = hints_of(method_class(said.get("method", DEFAULT)))
        said = {each: value for each, value in said.items() if each not in own}

    def command(*given: Any, **options: Any) -> Any:
        options.pop("method_name", None)
        if file is not None:
            given = given[1:]
            _check_beside(file, options)
        if options.get("resume") is not None and named(words) is not None:
            raise UserError("`resume` goes on by the run's own method; leave `method` out")
        if job is distill and not any(map(options.get, ("out", "resume", "dry_run"))):
            raise UserError(WHAT_TO_GIVE if file is None else f"give `out` beside {file}")
        return job(*given, **{"method": kind(), **options})

    parameters = _parameters(job, kind)
    if file is not None:
        place = Annotated[str, Parameter(help="What the words beside it leave out.")]
        only = inspect.Parameter.POSITIONAL_OR_KEYWORD
        parameters.insert(0, inspect.Parameter("run_file", only, annotation=place))
    command.__doc__ = job.__doc__
    command.__signature__ = inspect.Signature(parameters)  # ty: ignore
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command, None if file is None else overlay(file, said)


def _parameters(job: Callable[..., Any], kind: Any) -> list[inspect.Parameter]:
    """Those of the job, with a method's name and its settings in the place of the method."""
    names = f"What to do: {', '.join(METHODS)}; `--method NAME --help` tells its settings."
    hints = get_type_hints(job, include_extras=True)
    parameters = []
    for name, parameter in inspect.signature(job).parameters.items():
        if name == "method":
            choice = Annotated[str, Parameter(name="--method", help=names)]
            parameters.append(_keyword("method_name", choice, DEFAULT))
            settings = Annotated[kind, OfMethod]
            parameters.append(_keyword("method", settings, kind()))
            continue
        parameters.append(parameter.replace(annotation=hints[name]))
    return parameters


def _check_beside(file: Path, options: dict[str, Any]) -> None:
    """Raise a `UserError` for what a run file does not go with."""
    if not file.is_file():
        raise UserError(f"there is no file {file}; check the path")
    if options.get("resume") is not None:
        raise UserError(f"give {file} or `resume`, not both")


def named(words: Sequence[str]) -> str | None:
    """The method that a line of words names."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == "--method" and following:
            return following
        if word.startswith("--method="):
            return word.removeprefix("--method=")
    return None


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
