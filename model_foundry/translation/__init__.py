"""Translation: how a document is cut, how a translator slot is asked, what an answer is worth.

Belongs here: Markdown segments and putting them back, skeletons, prompt formats, glossaries,
quality; files and their links; what is remembered, and what people decide.
Does not: sending requests (`dispatch`), anything of Dagster.
"""
