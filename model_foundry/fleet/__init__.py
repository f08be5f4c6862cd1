"""What serves: hosts, GPUs and slots as a fleet file declares them.

Belongs here: fleet files, their profiles and cross-checks, the memory plan, what is printed from
them. Does not: asking a slot (`slot`), which job goes to which (`dispatch`).
"""
