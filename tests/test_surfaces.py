"""Python and the command line are two doors to one house: same settings, defaults and help."""

import inspect
import re
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

import pytest
from cyclopts import Parameter

import zskt
from zskt.cli.app import COMMANDS, WITH_METHOD, make_app
from zskt.cli.complaints import with_flags
from zskt.methods import DEFAULT, METHODS, method_class

IN_PYTHON = {"list": "list_names"}
"""Where a command's name would hide one of Python's."""
ONLY_ON_THE_COMMAND_LINE = {"--method"}
"""In Python a method is an object, which has its name in its class."""


def documented(job):
    """The help of each argument, from the docstring."""
    text = inspect.getdoc(job)
    section = re.search(r"Args:\n(.*?)(?:\n\n|\Z)", text, re.DOTALL)
    entries = re.split(r"\n    (?=\w+: )", "\n" + section[1]) if section else []
    pairs = (entry.strip().partition(": ") for entry in entries if entry.strip())
    return {name: " ".join(line.split()) for name, _, line in pairs}


def field_docs(kind):
    """The help of each setting, from the string below it, in the class or in one it extends."""
    docs = {}
    for base in reversed(kind.__mro__[:-1]):
        source = inspect.getsource(base)
        pattern = r'^    (\w+): [^\n]*\n    """(.*?)"""'
        for name, line in re.findall(pattern, source, re.DOTALL | re.MULTILINE):
            docs[name] = " ".join(line.split())
    return docs


def settings_of(job, method=None):
    """Every setting of a Python function: its default and help, groups laid flat."""
    hints, docs = get_type_hints(job, include_extras=True), documented(job)
    found = {}
    for name, parameter in inspect.signature(job).parameters.items():
        kind = method if name == "method" else getattr(hints[name], "__origin__", hints[name])
        if is_dataclass(kind) or (name == "method" and method):
            own = field_docs(kind)
            given = kind() if name == "method" else parameter.default
            for field in fields(kind):
                hidden = [
                    each.parse
                    for each in parameters_of(get_type_hints(kind, include_extras=True)[field.name])
                ]
                if False not in hidden:
                    assert field.default is not MISSING
                    found[field.name] = getattr(given, field.name), own[field.name]
            continue
        told = [each.help for each in parameters_of(hints[name]) if each.help]
        found[name] = parameter.default, told[0] if told else docs.get(name)
    return found


def parameters_of(hint):
    return [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Parameter)]


def options_of(words):
    """Every option of a command line, by its name in Python."""
    app = make_app(words)[words[0]]
    found = {}
    for argument in app.assemble_argument_collection(parse_docstring=True):
        if argument.name in ONLY_ON_THE_COMMAND_LINE or not argument.parse or "*" in argument.names:
            continue
        positional = argument.field_info.name
        name = (argument.keys or (positional,))[-1]
        found[name] = argument.field_info.default, argument.parameter.help
    return found


@pytest.mark.parametrize(
    "command",
    [*COMMANDS, *(f"{name} {method}" for name in WITH_METHOD for method in METHODS)],
)
def test_a_command_is_the_function_of_its_name(command):
    name, _, method = command.partition(" ")
    job = getattr(zskt, IN_PYTHON.get(name, name.replace("-", "_")))
    kind = method_class(method or DEFAULT) if name in WITH_METHOD else None
    words = [name, "--method", method] if method else [name]
    python, line = settings_of(job, kind), options_of(words)
    assert python.keys() == line.keys()
    for setting, (default, told) in python.items():
        shown, help_text = line[setting]
        assert shown == default or (shown in (inspect.Parameter.empty, default)), setting
        assert told, f"{setting} of {command} has no help"
        assert " ".join(str(help_text).split()) == told, setting


def test_every_command_is_public():
    for name in COMMANDS:
        public = IN_PYTHON.get(name, name.replace("-", "_"))
        assert public in zskt.__all__
        assert callable(getattr(zskt, public))


def test_results_have_a_plain_form():
    for name in COMMANDS:
        job = getattr(zskt, IN_PYTHON.get(name, name.replace("-", "_")))
        kind = inspect.signature(job).return_annotation
        module = inspect.getmodule(job)
        result = getattr(module, kind) if isinstance(kind, str) else kind
        assert is_dataclass(result), name
        assert callable(result.to_dict), name


def test_sentences_of_the_library_are_shown_with_flags():
    told = with_flags("give `mean` and `std`, or `batch_size` above 2; `n` is not `a b`")
    assert told == "give --mean and --std, or --batch-size above 2; --n is not `a b`"


def test_no_library_sentence_names_a_flag():
    """A Python user could not give it."""
    for file in Path(inspect.getfile(zskt)).parent.rglob("*.py"):
        for line in file.read_text().splitlines():
            flagged = re.search(r'".*(?<![\w"])--[a-z]', line)
            # Whole commands are for the terminal; so are the words of git and uv.
            if flagged and "cli" not in file.parts:
                assert re.search(r"zskt |describe|dirty|tensorboard|uv sync", line), (
                    f"{file.name}: {line}"
                )
