"""A relay in front of a real server, that fails as real ones do: it answers 429, 500, nothing, half a JSON, and more.

It counts what the server behind it was asked to do, which is what a hosted one would charge for.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

#: What can go wrong; None is an answer as it came.
FAULTS = ("429", "500", "nothing", "half", "empty", "wrong label", "late", None)
#: What a fault begins with that is an answer of the relay's own, in a server's form; the rest is what it says.
SAYS = "says: "

#: What the server behind has answered, by the request: at temperature 0 it would say the same again, only later.
_ANSWERED: dict[bytes, tuple[int, bytes]] = {}


class FaultRelay(ThreadingHTTPServer):
    """Passes requests on to a server, but for the faults that `fault` names by the number of the request.

    Attributes
    ----------
    charged : list of str
        The last message of every request that was passed on: the work that was done and may be charged for.
    delivered : int
        Whole and true answers that were given back.
    most_at_once : int
        Largest number of requests that were under way together.
    headers : list of dict
    """

    daemon_threads = True

    def __init__(self, upstream: str, fault: Callable[[int], str | None] = lambda _number: None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.upstream = upstream
        self.fault = fault
        self.guard = threading.Lock()
        self.seen = self.delivered = self.under_way = self.most_at_once = 0
        self.charged: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[dict[str, object]] = []
        self.retry_after: dict[str, str] = {"Retry-After-Ms": "5"}
        self.seconds = 0.0
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def start(self) -> None:
        """Serve from a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """End it, and whatever waits in it."""
        self.closing.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FaultRelay

    def do_GET(self) -> None:
        self._give(*self._passed_on("GET", b""))

    def do_POST(self) -> None:
        relay = self.server
        content = self.rfile.read(int(self.headers["Content-Length"]))
        with relay.guard:
            number = relay.seen
            relay.seen += 1
            relay.under_way += 1
            relay.most_at_once = max(relay.most_at_once, relay.under_way)
            relay.headers.append(dict(self.headers))
            relay.bodies.append(json.loads(content))
        try:
            time.sleep(relay.seconds)
            self._answer(relay.fault(number), content)
        finally:
            with relay.guard:
                relay.under_way -= 1

    def _answer(self, fault: str | None, content: bytes) -> None:
        if fault == "429":
            self._give(429, b'{"error": {"message": "slow down"}}', self.server.retry_after)
        elif fault == "500":
            self._give(500, b'{"error": {"message": "it broke"}}')
        elif fault == "401":
            self._give(401, b'{"error": {"message": "no such key"}}')
        elif fault is not None and fault.startswith(SAYS):
            self._say(fault.removeprefix(SAYS), content)
        elif fault == "nothing":
            self.close_connection = True
        else:
            self._pass(fault, content)

    def _say(self, words: str, content: bytes) -> None:
        asked = json.loads(content)["messages"][-1]["content"]
        with self.server.guard:
            self.server.charged.append(asked)
            self.server.delivered += 1
        usage = {"prompt_tokens": len(asked) // 4, "completion_tokens": len(words) // 4}
        choice = {"index": 0, "message": {"role": "assistant", "content": words}, "finish_reason": "stop"}
        self._give(200, json.dumps({"model": "relay", "choices": [choice], "usage": usage}).encode())

    def _pass(self, fault: str | None, content: bytes) -> None:
        if content not in _ANSWERED:
            _ANSWERED[content] = self._passed_on("POST", content)
        status, body = _ANSWERED[content]
        with self.server.guard:
            self.server.charged.append(json.loads(content)["messages"][-1]["content"])
        if fault == "late":
            self.server.closing.wait(20)
        if fault == "half":
            body = body[: len(body) // 2]
        elif fault == "empty":
            body = b""
        elif fault == "no log-probabilities":
            told = json.loads(body)
            told["choices"][0].pop("logprobs", None)
            body = json.dumps(told).encode()
        elif fault == "wrong label":
            told = json.loads(body)
            told["choices"][0]["message"]["content"] = "banana"
            body = json.dumps(told).encode()
        elif status == 200:
            with self.server.guard:
                self.server.delivered += 1
        self._give(status, body)

    def _passed_on(self, method: str, content: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.server.upstream).netloc, timeout=240)
        try:
            connection.request(method, self.path, content or None, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _give(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # who asked has gone

    def log_message(self, *_arguments: object) -> None:
        pass


if __name__ == "__main__":
    # A server in a process of its own, to be killed: FaultRelay's answers to whatever it is asked, .1 seconds each.
    serving = FaultRelay("http://127.0.0.1:9", lambda _number: SAYS + "positive", int(sys.argv[1]))
    serving.seconds = 0.1
    sys.stdout.write(f"{serving.server_address[1]}\n")
    sys.stdout.flush()
    serving.serve_forever()
