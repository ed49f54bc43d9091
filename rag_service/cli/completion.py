"""`codeintel completion`: print a shell completion script."""

import click
from click.shell_completion import get_completion_class

from rag_service.cli import terminal


@click.command(short_help="Print the shell's completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    bash: codeintel completion bash >> ~/.bashrc;
    zsh: codeintel completion zsh >> ~/.zshrc;
    fish: codeintel completion fish > ~/.config/fish/completions/codeintel.fish
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no completion for {shell}")
    terminal.echo(made(context.find_root().command, {}, "codeintel", "_CODEINTEL_COMPLETE").source())
