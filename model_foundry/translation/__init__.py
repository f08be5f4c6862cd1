"""Translation: how a document is cut, how a translator slot is asked, what an answer is worth.

Belongs here: Markdown segments and putting them back, skeletons, prompt formats, glossaries, the
key of a remembered translation, quality. Pure, but for reading a glossary file.
Does not: sending requests (`dispatch`), remembering (`defs.articles`), anything of Dagster.
"""
