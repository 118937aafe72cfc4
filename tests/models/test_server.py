from __future__ import annotations

import contextlib
import json
import math
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bakeoff.errors import ModelError, OptionError
from bakeoff.models.server import ServerFault, ServerModel, ServerName, parse_server
from bakeoff.models.server_pace import RetryPolicy

QUICK = RetryPolicy(retries=2, first_wait=0.01)
QUESTION = [{"role": "user", "content": "What is the capital of France? Answer with one word."}]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("http://localhost:8080/v1#small", ServerName("http://localhost:8080/v1", "small")),
        ("https://api.example.org/v1/", ServerName("https://api.example.org/v1", None)),
        (" http://[::1]:80/v1#a/b#c ", ServerName("http://[::1]:80/v1", "a/b#c")),
        ("http://localhost/v1#", ServerName("http://localhost/v1", None)),
    ],
)
def test_server_names(spec, expected):
    assert parse_server(spec) == expected


@pytest.mark.parametrize(
    "spec", ["localhost:8080", "ftp://a/v1", "http://", "http://a:b/v1", "http://a/v1?key=1", "", "http://[::1/v1"]
)
def test_no_server_names(spec):
    with pytest.raises(OptionError, match="Write http://host:port/v1#model-name"):
        parse_server(spec)


def test_a_password_in_the_address_is_refused_and_not_repeated():
    with pytest.raises(OptionError, match="must not hold a name or a password") as caught:
        parse_server("https://me:hunter2@example.org/v1")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://api.example.org/v1", "http://10.0.0.7/v1", "http://localhost.evil.org/v1"])
def test_other_hosts_need_to_be_allowed(url):
    host = url.split("/")[2]
    with pytest.raises(OptionError, match=f"--allow-send {host}"):
        ServerModel(url, "m", allow_send=frozenset({"example.org", "localhost"}))
    ServerModel(url, "m", allow_send=frozenset({host.upper()})).close()


@pytest.mark.parametrize("url", ["http://localhost:1/v1", "http://127.0.0.2:1/v1", "http://[::1]:1/v1"])
def test_this_machine_needs_no_permission(url):
    ServerModel(url, "m").close()


def test_a_server_that_is_not_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = ServerModel(f"http://127.0.0.1:{port}/v1", "m", retries=0)
    with contextlib.closing(model), pytest.raises(ModelError, match=f"{port}/v1 cannot be reached") as caught:
        model.complete(QUESTION, max_tokens=4)
    assert caught.value.next_step == "Start it, or check host and port."


class Scripted(ThreadingHTTPServer):
    """A server that gives prepared replies, for failures that a real one cannot be asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[tuple[int, object]] = []
        self.requests: list[tuple[str, str | None]] = []
        self.bodies: list[dict[str, object]] = []
        self.slow = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Scripted

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(sent or b"null"))
        self.server.requests.append((self.path, self.headers["Authorization"]))
        status, body = self.server.replies.pop(0)
        if status == 0:
            self.server.slow.wait(10)
            return
        if status == -1:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            for _ in range(20):
                with contextlib.suppress(OSError):
                    self.wfile.write(b" ")
                self.server.slow.wait(0.1)
            return
        content = json.dumps(body).encode()
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", str(body))
        self.send_header("Content-Type", "application/json")
        self.send_header("Retry-After-Ms", "1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self):
        self.headers["Content-Length"] = "0"
        self.do_POST()

    def log_message(self, *args):
        pass


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.slow.set()
        server.shutdown()
        thread.join()
        server.server_close()


def reply(text, **message):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text, **message}}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "big-2", "choices": [choice]}


@pytest.fixture
def model(scripted) -> Iterator[ServerModel]:
    with contextlib.closing(ServerModel(scripted.url, "big", timeout=5.0, retries=QUICK)) as found:
        yield found


def test_two_retries_then_an_answer(scripted, model):
    scripted.replies = [(429, {}), (503, {}), (200, reply("Paris"))]
    found = model.complete(QUESTION, max_tokens=4)
    assert (found.text, found.model_reported, found.finish_reason) == ("Paris", "big-2", "stop")
    assert (found.tokens_in, found.tokens_out, found.cached_tokens) == (0, 0, 0)
    assert len(scripted.requests) == 3


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([(429, {})] * 3, "rate-limit"),
        ([(500, {})] * 3, "server-error"),
        ([(400, {"error": {"message": "too long"}})], "refused-request"),
        ([(200, reply(None, refusal="I will not"))], "refused-by-model"),
        ([(200, {**reply(""), "choices": []})], "no-answer"),
        ([(200, {**reply(""), "choices": [{"message": {"content": 7}}]})], "no-answer"),
        ([(200, [])], "no-answer"),
        ([(501, {})], "server-error"),
        ([(200, {"error": {"code": 503, "message": "upstream"}})] * 3, "server-error"),
    ],
)
def test_faults_of_one_call(scripted, model, replies, reason):
    scripted.replies = list(replies)
    with pytest.raises(ServerFault) as caught:
        model.complete(QUESTION, max_tokens=4)
    assert caught.value.reason == reason
    assert scripted.replies == []


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ((401, {}), "refuses the key"),
        ((403, {}), "refuses the key"),
        ((404, {}), "does not know the model 'big'"),
        ((402, {"error": {"message": "no funds"}}), "does no more work for this account: no funds"),
        ((429, {"error": {"code": "insufficient_quota", "message": "used up"}}), "for this account: used up"),
    ],
)
def test_faults_of_the_server_end_it(scripted, model, status, message):
    scripted.replies = [status]
    with pytest.raises(ModelError, match=message):
        model.complete(QUESTION, max_tokens=4)


def test_a_time_out_is_a_fault_of_one_call(scripted):
    scripted.replies = [(0, None)]
    model = ServerModel(scripted.url, "big", timeout=0.2, retries=0)
    with contextlib.closing(model), pytest.raises(ServerFault, match="timeout"):
        model.complete(QUESTION, max_tokens=4)


@pytest.mark.alone
def test_an_answer_that_trickles_in_is_timed_as_a_whole(scripted):
    scripted.replies = [(-1, None)]
    model = ServerModel(scripted.url, "big", timeout=0.5, retries=0)
    began = time.monotonic()
    with contextlib.closing(model), pytest.raises(ServerFault, match=r"no whole answer within 0\.5 s"):
        model.complete(QUESTION, max_tokens=4)
    assert time.monotonic() - began < 1.5


@pytest.mark.alone
def test_no_try_outlasts_the_deadline(scripted, model):
    scripted.replies = [(0, None)]
    began = time.monotonic()
    with pytest.raises(ServerFault, match="timeout"):
        model.complete(QUESTION, max_tokens=4, until=began + 0.3)
    assert time.monotonic() - began < 2.0


def test_settings_that_a_server_refuses_are_left_out_or_renamed(scripted, model):
    scripted.replies = [
        (400, {"error": {"message": "Unsupported parameter: 'top_logprobs'"}}),
        (400, {"error": {"message": "Use 'max_completion_tokens' instead of 'max_tokens'"}}),
        (200, reply("Paris")),
        (200, reply("Rome")),
    ]
    assert model.complete(QUESTION, max_tokens=4, top_logprobs=5).text == "Paris"
    assert model.left_out == ("top_logprobs", "max_tokens")
    assert model.complete(QUESTION, max_tokens=5, top_logprobs=5).text == "Rome"
    assert [sorted(set(body) - {"messages", "model"}) for body in scripted.bodies[1:]] == [
        ["max_tokens", "temperature"],
        ["max_completion_tokens", "temperature"],
        ["max_completion_tokens", "temperature"],
    ]


def test_redirects_are_not_followed(scripted, model):
    scripted.replies = [(307, scripted.url + "/elsewhere")]
    with pytest.raises(ModelError, match="answers with a redirect, which is not followed"):
        model.complete(QUESTION, max_tokens=4)
    assert len(scripted.requests) == 1


def test_the_key_comes_from_the_environment_and_shows_nowhere(scripted, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    model = ServerModel(scripted.url, "big")
    scripted.replies = [(200, reply("Paris")), (401, {"error": {"message": "bad"}})]
    with contextlib.closing(model):
        model.complete(QUESTION, max_tokens=4)
        with pytest.raises(ModelError) as caught:
            model.complete(QUESTION, max_tokens=5)
    assert scripted.requests[0] == ("/v1/chat/completions", "Bearer sk-secret")
    assert "sk-secret" not in str(caught.value) + repr(model) + repr(vars(model))


@pytest.mark.parametrize("status", [200, 400])
def test_a_server_that_repeats_the_key_does_not_get_it_into_what_is_kept(scripted, monkeypatch, own_home, status):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a/secret")
    body = reply("your key is sk-a/secret") if status == 200 else {"error": {"message": "wrong key: sk-a/secret"}}
    scripted.replies = [(status, body)]
    told = ""
    with contextlib.closing(ServerModel(scripted.url, "big")) as model:
        try:
            told = model.complete(QUESTION, max_tokens=4).text
        except ServerFault as fault:
            told = "".join(traceback.format_exception(fault))
    assert "key" in told
    kept = [path.read_text("utf-8") for path in own_home.rglob("*") if path.is_file()]
    assert len(kept) == (1 if status == 200 else 0)
    assert not [text for text in (told, *kept) if "sk-a" in text]


@pytest.mark.parametrize("key", ["sk-secret\nsecond", "sk-secr\u00e9t", "sk secret"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(scripted, monkeypatch, key):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(OptionError, match="holds blanks or characters that no key has") as caught:
        ServerModel(scripted.url, "big")
    assert "secr" not in "".join(traceback.format_exception(caught.value))


def test_models_are_listed_and_the_first_is_taken(scripted):
    listed = {"object": "list", "data": [{"id": name, "object": "model"} for name in ("one", "two")]}
    scripted.replies = [(200, listed), (200, reply("Paris"))]
    with contextlib.closing(ServerModel(scripted.url)) as model:
        assert model.complete(QUESTION, max_tokens=4).text == "Paris"
        assert model.model == "one"
        scripted.replies = [(200, {**listed, "data": []}), (501, {})]
        with pytest.raises(ModelError, match="has no model"):
            model.list_models()
        with pytest.raises(ModelError, match="does not list its models: server-error"):
            model.list_models()


@pytest.mark.models
def test_a_real_server_answers(chat_server):
    with contextlib.closing(ServerModel(chat_server.partition("#")[0])) as model:
        assert model.list_models() == ("smollm2",)
        first = model.complete(QUESTION, max_tokens=8, seed=1, top_logprobs=20)
        again = model.complete(QUESTION, max_tokens=8, seed=1, top_logprobs=20, anew=True)
        assert first.text
        assert first.text == again.text
        assert first.model_reported == "smollm2"
        assert first.tokens_in > 20
        assert 1 <= first.tokens_out <= 8
        assert again.cached_tokens > 0
        assert first.seconds > 0
        assert first.money == 0.0
        assert not again.from_disk
        cut = model.complete(QUESTION, max_tokens=1)
        assert (cut.tokens_out, cut.finish_reason) == (1, "length")
        assert cut.first_tokens == ()
        tokens = dict(first.first_tokens)
        assert len(tokens) >= 19
        assert first.text.startswith(max(tokens, key=tokens.__getitem__))
        assert 0.5 < sum(math.exp(chance) for chance in tokens.values()) < 1.0001


@pytest.mark.models
def test_a_real_server_refuses_what_is_too_long(chat_server):
    with contextlib.closing(ServerModel(chat_server.partition("#")[0])) as model:
        with pytest.raises(ServerFault, match="exceeds the available context size") as caught:
            model.complete([{"role": "user", "content": "word " * 5000}], max_tokens=4)
        assert caught.value.reason == "refused-request"
