"""The process of one embedded slot: `python -m model_foundry.devstack.slot_server --help`.

It serves llama.cpp's own HTTP API on loopback (`/v1`, `/health`, `/metrics`, `/slots`, `/props`)
until SIGTERM, or until its parent is gone.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Final

import xllamacpp

PARENT_POLL_S: Final = 0.5
PROMPT_CACHE_MIB: Final = 256
REQUEST_TIMEOUT_S: Final = 600


def main() -> None:
    """Serve until the parent is gone; SIGTERM ends the process at once: there is nothing to save.

    Raises:
        RuntimeError: the model cannot be loaded, or the port is taken; llama.cpp said why.
    """
    arguments = _arguments()
    server = xllamacpp.Server(_parameters(arguments))
    print(f"{arguments.slot}: {arguments.alias} on {server.listening_address}", flush=True)
    while os.getppid() == arguments.parent:
        time.sleep(PARENT_POLL_S)
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="model_foundry.devstack.slot_server")
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--alias", required=True, help="the model's name in responses")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True, help="end when this process is gone")
    parser.add_argument("--parallel", type=int, required=True, help="requests worked on at once")
    parser.add_argument("--context-tokens", type=int, required=True, help="per request")
    parser.add_argument("--chat-template", type=Path, help="Jinja; otherwise the model file's own")
    parser.add_argument("--threads", type=int, default=1)
    names = parser.add_argument_group("names, to tell this process from others")
    names.add_argument("--slot", required=True)
    names.add_argument("--directory", required=True)
    return parser.parse_args()


def _parameters(arguments: argparse.Namespace) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(arguments.model)
    parameters.model_alias = {arguments.alias}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = arguments.port
    parameters.n_parallel = arguments.parallel
    parameters.n_ctx = arguments.parallel * arguments.context_tokens
    parameters.cpuparams.n_threads = arguments.threads
    parameters.cpuparams_batch.n_threads = arguments.threads
    parameters.cache_ram_mib = PROMPT_CACHE_MIB
    parameters.timeout_read = REQUEST_TIMEOUT_S
    parameters.timeout_write = REQUEST_TIMEOUT_S
    parameters.endpoint_metrics = True
    parameters.endpoint_slots = True
    parameters.use_jinja = True
    if arguments.chat_template is not None:
        parameters.chat_template = arguments.chat_template.read_text(encoding="utf-8")
    parameters.fit_params = False
    parameters.offline = True
    parameters.ui = False
    return parameters


if __name__ == "__main__":
    main()
