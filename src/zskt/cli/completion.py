"""`zskt --install-completion`: a shell completes commands and options from then on."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

from zskt.errors import UserError

NAME = "--install-completion"
Shell = Literal["bash", "zsh", "fish", "powershell"]


def installer(app: App) -> Callable[..., Any]:
    """The command that installs the completion of an app."""

    def install(
        *,
        shell: Shell | None = None,
        output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None,
    ) -> None:
        """Let your shell complete the names of commands and options.

        Args:
            shell: Which shell; by default the one that runs this.
            output: The file to write; by default the shell's own place, and the shell is told to
                read it when it starts.
        """
        from cyclopts.completion import detect_shell
        from cyclopts.completion.detect import ShellDetectionError

        try:
            kind = shell or detect_shell()
        except ShellDetectionError as error:
            raise UserError("which shell this is cannot be told; give `shell`") from error
        file = app.install_completion(shell=kind, output=output, add_to_startup=output is None)
        then = "start a new shell to use it" if output is None else f"load it with: source {file}"
        print(f"{file}: completion for {kind}; {then}")

    return install
