"""Networks made by the user's own code: `package.module:factory` with arguments."""

import json
import sys
from ast import literal_eval
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from torch import nn

from zskt.errors import UserError, first_line


def from_factory(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Call `package.module:factory`, found in the working folder or on Python's path."""
    module, _, factory = name.partition(":")
    # A console script does not look into the working folder by itself.
    sys.path.insert(0, "")
    try:
        try:
            found = import_module(module)
        except (Exception, SystemExit) as error:
            told = f"{type(error).__name__}: {first_line(error)}"
            raise UserError(f"cannot import {module} ({told}); check the name and path") from error
        if not callable(make := getattr(found, factory, None)):
            raise UserError(f"{module} has no function or class '{factory}'; check its name")
        try:
            network = make(**arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            told = f"{type(error).__name__}: {first_line(error)}"
            raise UserError(f"{name} failed with {told}; check its arguments") from error
    finally:
        sys.path.remove("")
    if not isinstance(network, nn.Module):
        raise UserError(f"{name} made a {type(network).__name__}; it must return an nn.Module")
    return network


def parsed(words: Sequence[str]) -> dict[str, Any]:
    """Arguments from `name=value` words; values are Python literals, anything else is a string."""
    arguments = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.isidentifier():
            raise UserError(f"an argument is given as name=value, not '{word}'")
        try:
            arguments[name] = literal_eval(value)
            json.dumps(arguments[name])
        except (ValueError, SyntaxError, TypeError):
            # Not a literal, or one that a run's settings could not keep.
            arguments[name] = value
    return arguments
