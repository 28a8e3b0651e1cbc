"""What `mkdocs build` does besides: `mkdocs.yml` names this file as its hooks.

Pages are written to be read in the repository, where they lead to sources, results and cards
outside of `docs/`. Here each such file becomes a page or a file of the site, and each link leads
there. The reference of the command line is made from the command line itself, and a notebook is
shown as text.
"""

import os
import re
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
OUTSIDE = Path("repository")
"""Where files of the repository lie in the site."""
ROOT_PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
SHOWN = {".py": "python", ".cff": "yaml"}
"""Sources that become a page, by how they are coloured."""
LINK = re.compile(r"\]\(([^)#\s:]+)(#[^)\s]*)?\)")
CELL = re.compile(r"^# %%(.*)\n", re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Add the files that pages lead to, and those that they lead to in turn."""
    # Of the group `docs`, which is not everywhere installed.
    generated = import_module("mkdocs.structure.files").File.generated
    pages = [*DOCS.rglob("*.md"), *(ROOT / name for name in ROOT_PAGES)]
    notebooks = sorted(DOCS.glob("notebooks/*.py"))
    wanted, known = [*pages, *notebooks], set(pages)
    while wanted:
        file = wanted.pop()
        if file in notebooks or not belongs(file):
            files.append(generated(config, place(file), **content(file)))
        if file.suffix == ".md":
            found = {target for target in targets(file) if not belongs(target)} - known
            known |= found
            wanted += found
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links as they are in the site; the command line's reference."""
    place_of_page = page.file.src_uri
    if place_of_page == "reference/cli.md":
        return markdown.replace("<!-- commands -->", command_line())
    origin = origin_of(place_of_page)

    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(origin.parent / found[1]))
        if not target.is_file():
            return found[0]
        return f"]({os.path.relpath(place(target), Path(place_of_page).parent)}{found[2] or ''})"

    return LINK.sub(link, markdown)


def targets(page: Path) -> list[Path]:
    """Files that a page leads to."""
    found = (page.parent / match[1] for match in LINK.finditer(page.read_text()))
    return [path for each in found if (path := Path(os.path.normpath(each))).is_file()]


def belongs(file: Path) -> bool:
    """Whether a file is of the site itself; the README's place is taken by the site's own start."""
    script = file.suffix == ".py" and file.parent == DOCS
    return file == ROOT / "README.md" or (file.is_relative_to(DOCS) and not script)


def place(file: Path) -> str:
    """Where a file of the repository lies in the site."""
    if file == ROOT / "README.md":
        return "index.md"
    if belongs(file):
        path = file.relative_to(DOCS)
        return (path.with_suffix(".md") if path.suffix == ".py" else path).as_posix()
    path = OUTSIDE / file.relative_to(ROOT)
    return path.as_posix() + ".md" * (path.suffix in SHOWN)


def origin_of(page: str) -> Path:
    """The file of the repository whose page it is."""
    path = Path(page)
    if path.is_relative_to(OUTSIDE):
        return ROOT / path.relative_to(OUTSIDE)
    return DOCS / path


def content(file: Path) -> dict[str, Any]:
    """What a file shows in the site, as mkdocs wants it told."""
    if belongs(file):
        return {"content": notebook(file)}
    if file.suffix not in SHOWN:
        return {"abs_src_path": str(file)}
    title = f"---\nsearch:\n  exclude: true\n---\n\n# {file.name}\n\n`{file.relative_to(ROOT)}`"
    return {"content": f"{title}\n\n````{SHOWN[file.suffix]}\n{file.read_text()}````\n"}


def notebook(file: Path) -> str:
    """A percent script as a page: its texts, and its code in blocks."""
    _, *parts = CELL.split(file.read_text())
    cells = []
    for kind, text in zip(parts[::2], parts[1::2], strict=True):
        if "markdown" in kind:
            cells.append(re.sub(r"^# ?", "", text, flags=re.MULTILINE).strip())
        else:
            cells.append(f"```python\n{text.strip()}\n```")
    cells.append(
        f"*As a notebook: `uvx jupytext --to ipynb docs/notebooks/{file.name}`; as a program: "
        f"`uv run python docs/notebooks/{file.name}`.*"
    )
    return "\n\n".join(cells) + "\n"


def command_line() -> str:
    """Every command with its help, as the program itself tells it."""
    from zskt.cli.app import COMMANDS, WITH_METHOD, make_app
    from zskt.cli.examples import EXAMPLES
    from zskt.methods import METHODS

    plain, parts = sections([]), []
    for name in COMMANDS:
        text = sections([name])[name] if name in WITH_METHOD else plain[name]
        if name in EXAMPLES:
            usage, end, rest = text.partition("\n```\n")
            text = f"{usage}\n# for example\nzskt {name} {EXAMPLES[name]}{end}{rest}"
        parts.append(f"## zskt {name}\n\n{text}")
    parts.append("## Settings of each method\n\nFor `zskt distill` and `zskt plan`.")
    for name in METHODS:
        command = make_app(["distill", "--method", name])["distill"]
        text = command.generate_docs(output_format="markdown")
        settings = re.search(r"\*\*Method settings\*\*:\n\n(.*?)(?=\n\*\*|\Z)", text, re.DOTALL)
        parts.append(f"### --method {name}\n\n{settings[1] if settings else 'None.'}")
    return "\n\n".join(part.strip() for part in parts)


def sections(words: list[str]) -> dict[str, str]:
    """The help of the app for a line of words, by command."""
    from zskt.cli.app import make_app

    text = make_app(words).generate_docs(output_format="markdown", recursive=True)
    _, *parts = re.split(r"^## zskt (\S+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))
