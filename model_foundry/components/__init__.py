"""The Dagster components that recipes are declared with.

Belongs here: component classes, and the files of a recipe's folder. Does not: what all assets
share (`assets`), work (the packages).
"""

from model_foundry.components.generation import GenerationRecipe
from model_foundry.components.translation import TranslationRecipe

__all__ = ["GenerationRecipe", "TranslationRecipe"]
