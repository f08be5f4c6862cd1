"""What `make bench` runs: model-foundry beside what one could pick instead, on real servers.

Belongs here: the benchmarks, each with its peers, and `harness`, what they share.
Does not: tests; anything that the package imports.
"""
