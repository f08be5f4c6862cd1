"""The Dagster components that recipes are declared with.

Belongs here: component classes, the files of a recipe's folder, which recipes there are, here and
elsewhere. Does not: what all assets share (`assets`), work (the packages).
"""

from model_foundry.components.generation import GenerationRecipe
from model_foundry.components.translation import TranslationRecipe

__all__ = ["GenerationRecipe", "TranslationRecipe"]
