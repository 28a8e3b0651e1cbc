"""How functions are shown in the reference of Python: an extension of griffe.

What many commands take stands once in `zskt/jobs/arguments.py`, as a type with its help. A reader
of one function wants both there. `mkdocs.yml` names this file.
"""

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

# Of the group `docs`, which is not everywhere installed.
griffe: Any = import_module("griffe")
ARGUMENTS = Path(__file__).parents[1] / "src" / "zskt" / "jobs" / "arguments.py"
SHARED = re.compile(r"\barg\.(\w+)")
WRAPPED = re.compile(r"^Annotated\[(.*), arg\.\w+\]$")


def shared() -> dict[str, tuple[str, str]]:
    """Each shared type: what it stands for, and its help, which may be empty."""
    found = {}
    for node in ast.walk(ast.parse(ARGUMENTS.read_text())):
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name, value = node.targets[0].id, node.value
        if name.endswith("Like") or name == "Networks":
            # The first is for people, the second for the command line.
            found.setdefault(name, (ast.unparse(value), ""))
        elif isinstance(value, ast.Subscript) and ast.unparse(value.value) == "Annotated":
            kind, told = value.slice.elts  # ty: ignore
            found[name] = (ast.unparse(kind), told.args[0].value)
    return found


class Shared(griffe.Extension):
    """Names the types, and adds the help that a docstring leaves to `arguments.py`."""

    def __init__(self) -> None:
        self.shared = shared()

    def on_function(self, *, func: Any, **_: Any) -> None:
        """Change a function as it was read."""
        helps = {}
        for parameter in func.parameters:
            text = str(parameter.annotation or "")
            for name in SHARED.findall(text):
                if name in self.shared and (told := self.shared[name][1]):
                    helps[parameter.name] = told
            if "arg." in text:
                parameter.annotation = self.named(text)
        if helps and func.docstring is not None:
            func.docstring.value = with_helps(func.docstring.value, helps)

    def named(self, text: str) -> str:
        """A type as Python's users would write it."""
        text = WRAPPED.sub(r"\1", text)
        while match := SHARED.search(text):
            text = text.replace(match[0], self.shared.get(match[1], (match[1], ""))[0])
        for name in sorted(self.shared, key=len, reverse=True):
            text = re.sub(rf"\b{name}\b", lambda match: self.shared[match[0]][0], text)
        return text.replace("devices.", "")


def with_helps(docstring: str, helps: dict[str, str]) -> str:
    """A docstring whose arguments have the helps that it lacks."""
    lacking = {name: told for name, told in helps.items() if f"\n    {name}:" not in docstring}
    lines = "".join(f"    {name}: {told}\n" for name, told in lacking.items())
    start, section, rest = docstring.partition("\nArgs:\n")
    if not section:
        return f"{docstring}\n\nArgs:\n{lines}"
    given, gap, after = rest.partition("\n\n")
    return f"{start}{section}{given}\n{lines}{gap.removeprefix(chr(10))}{after}"
