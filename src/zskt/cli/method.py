"""`zskt distill` and `zskt plan` with the settings of the method that their words name."""

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_type_hints

from cyclopts import Parameter

from zskt.errors import UserError
from zskt.jobs.arguments import OfMethod
from zskt.jobs.distill import WHAT_TO_GIVE, distill
from zskt.methods import DEFAULT, METHODS, method_class


def with_method(job: Callable[..., Any], words: Sequence[str]) -> Callable[..., Any]:
    """The job as a command: `--method NAME`, and the settings of that method.

    In Python a method is an object with its settings; on the command line both are options.
    """
    kind = method_class(named(words))
    names = f"What to do: {', '.join(METHODS)}; `--method NAME --help` tells its settings."

    def command(*given: Any, **options: Any) -> Any:
        options.pop("method_name", None)
        if job is distill and options.get("out") is None and options.get("resume") is None:
            raise UserError(WHAT_TO_GIVE)
        return job(*given, **{"method": kind(), **options})

    hints = get_type_hints(job, include_extras=True)
    parameters = []
    for name, parameter in inspect.signature(job).parameters.items():
        if name == "method":
            choice = Annotated[str, Parameter(name="--method", help=names)]
            parameters.append(_keyword("method_name", choice, DEFAULT))
            settings = Annotated[kind, OfMethod]  # ty: ignore
            parameters.append(_keyword("method", settings, kind()))
            continue
        parameters.append(parameter.replace(annotation=hints[name]))
    command.__doc__ = job.__doc__
    command.__signature__ = inspect.Signature(parameters)  # ty: ignore
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def named(words: Sequence[str]) -> str:
    """The method that a line of words names."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--method" and following:
            return following
        if word.startswith("--method="):
            return word.removeprefix("--method=")
    return DEFAULT


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)
