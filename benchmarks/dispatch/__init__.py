"""Dispatch: how full `run_jobs` keeps its slots, beside what one could pick instead.

`arms/` holds one module an arm; each asks the same jobs of the same servers. Those of `server`
answer in an exact time and count what they see; one comparison is on a real llama.cpp.
"""
