"""What is not installed with zskt itself: the command that installs it here."""

import json
import re
import shlex
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from zskt.errors import UserError


def needs_extra(what: str, extra: str) -> UserError:
    """The error for what needs the packages of an extra of ours, which are not there."""
    return UserError(f"{what} need an extra; run: {install_command(extra)}")


def install_command(extra: str) -> str:
    """What to type, by how zskt was installed.

    In a clone and in a project of uv the extra is added to what the project wants, or the next
    `uv sync` would take it away. Everywhere else its packages are put into the environment that
    runs this, wherever zskt itself came from.
    """
    prefix = Path(sys.prefix)
    if _clone() == prefix.parent:
        return f"uv sync --extra {extra}"
    if (prefix.parent / "uv.lock").is_file():
        return f"uv add 'zskt[{extra}]'"
    packages = packages_of(extra)
    if (prefix / "pipx_metadata.json").is_file():
        return shlex.join(["pipx", "inject", "zskt", *packages])
    if find_spec("pip") is not None:
        return shlex.join([sys.executable, "-m", "pip", "install", *packages])
    # Environments of uv have no pip, those of `uv tool` among them.
    return shlex.join(["uv", "pip", "install", "--python", sys.executable, *packages])


def packages_of(extra: str) -> list[str]:
    """The requirements of an extra, as pip takes them."""
    wanted = re.compile(rf"extra == ['\"]{extra}['\"]")
    split = (each.partition(";") for each in metadata.requires("zskt") or ())
    return [name.strip() for name, _, marker in split if wanted.search(marker)]


def _clone() -> Path | None:
    """The folder of the sources, where zskt runs from its own."""
    told = metadata.distribution("zskt").read_text("direct_url.json")
    address = json.loads(told) if told else {}
    if not address.get("dir_info", {}).get("editable"):
        return None
    return Path(address["url"].removeprefix("file://"))
