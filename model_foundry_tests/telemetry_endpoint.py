"""A telemetry endpoint on a real socket: takes events, or is slow, or answers an error."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Endpoint:
    """Keeps the events that it took; what it does may be changed while it runs."""

    def __init__(self, *, status: int = 204, delay_s: float = 0.0) -> None:
        self.status = status
        self.delay_s = delay_s
        self.events: list[dict[str, Any]] = []
        self.posts = 0
        self._ending = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.posts += 1
                endpoint._ending.wait(endpoint.delay_s)
                if endpoint.status < 300:
                    endpoint.events += json.loads(body)
                self.send_response(endpoint.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/telemetry"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def of(self, kind: str, count: int = 0) -> list[dict[str, Any]]:
        """The events of a kind, once there are `count` of them."""
        deadline = time.monotonic() + 10
        while len(found := [e for e in self.events if e["event"] == kind]) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} events came"
            time.sleep(0.01)
        return found
