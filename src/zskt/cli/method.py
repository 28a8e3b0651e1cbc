"""`zskt distill` with the settings of the method that its words name."""

import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_type_hints

from cyclopts import Parameter

from zskt.errors import UserError
from zskt.jobs.arguments import Flat
from zskt.jobs.distill import WHAT_TO_GIVE, distill
from zskt.methods import DEFAULT, METHODS, method_class


def distill_of(words: Sequence[str]) -> Callable[..., Any]:
    """The job as a command: `--method NAME`, and the settings of that method.

    In Python a method is an object with its settings; on the command line both are options.
    """
    kind = method_class(named(words))
    names = f"What to do: {', '.join(METHODS)}; `--method NAME --help` tells its settings."

    def distill_command(*given: Any, **options: Any) -> Any:
        options.pop("method_name", None)
        if options.get("out") is None and options.get("resume") is None:
            raise UserError(WHAT_TO_GIVE)
        return distill(*given, **{"method": kind(), **options})

    hints = get_type_hints(distill, include_extras=True)
    parameters = []
    for name, parameter in inspect.signature(distill).parameters.items():
        if name == "method":
            choice = Annotated[str, Parameter(name="--method", help=names)]
            parameters.append(_keyword("method_name", choice, DEFAULT))
            settings = Annotated[kind, Flat]  # ty: ignore
            parameters.append(_keyword("method", settings, kind()))
            continue
        parameters.append(parameter.replace(annotation=hints[name]))
    distill_command.__doc__ = distill.__doc__
    distill_command.__signature__ = inspect.Signature(parameters)  # ty: ignore
    distill_command.__annotations__ = {each.name: each.annotation for each in parameters}
    return distill_command


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
