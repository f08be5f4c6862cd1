"""The command line, `model-foundry`: one module for each family of commands.

Belongs here: arguments, progress, tables, exit codes.
Does not: work (the packages). A FoundryError is printed without a traceback, exit code 1.
"""

from model_foundry.cli.main import app

__all__ = ["app"]
