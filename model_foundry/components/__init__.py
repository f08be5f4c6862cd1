"""The Dagster components that recipes are declared with, and what they share with `defs`.

Belongs here: component classes, the resource, the daily partitions, metadata for the UI.
Does not: assets (`defs`), work (the packages).
"""

from model_foundry.components.generation import GenerationRecipe
from model_foundry.components.translation import TranslationRecipe

__all__ = ["GenerationRecipe", "TranslationRecipe"]
