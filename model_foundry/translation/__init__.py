"""Translation: how a text is cut for a translator slot, and how a slot wants to be asked.

Belongs here: segments, prompt formats, quality.
Does not: sending requests (`inference`), anything of Dagster.
"""
