"""``spot completion``: what makes a shell complete our words."""

import click
from click.shell_completion import get_completion_class

from spotkeeper.cli.context import global_options

SHELLS = ("bash", "zsh", "fish")


@click.command(name="completion", short_help="Print what completes names and types in your shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@global_options
def command(shell: str) -> None:
    """Print what makes your shell complete commands, machines, types, regions and images.

    \b
    bash: echo 'eval "$(spot completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(spot completion zsh)"' >> ~/.zshrc
    fish: spot completion fish > ~/.config/fish/completions/spot.fish
    """
    from spotkeeper.cli.app import spot

    made = get_completion_class(shell)
    if made is not None:
        click.echo(made(spot, {}, "spot", "_SPOT_COMPLETE").source())
