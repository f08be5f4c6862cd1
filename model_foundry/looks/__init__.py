"""How figures and names look to people, on every page and picture alike. Pure.

Belongs here: the one stylesheet, the colour of a name, the font for scripts that a system may lack,
units, the owner's time zone, charts as SVG. Does not: what is shown (`report`, `sessions.page`,
`exporter`, `assets`), the terminal (`cli`).
"""
