"""The command line (命令行): each module adds its commands to `hotline` and runs them."""

from config.cli.command import main

__all__ = ["main"]
