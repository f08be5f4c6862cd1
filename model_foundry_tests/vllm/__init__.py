"""A real vLLM beside real llama.cpp slots in one fleet: `make test-vllm`.

vLLM runs on the CPU, in an environment of its own (`requirements.txt`, installed in `.vllm`), and
serves the model of the embedded slots, dequantized. Plain `pytest` leaves this folder out. Belongs
here: what only the real server can show. Does not: faults and exact timings, which are the fake
slot's.
"""
