"""The hub's code path against a server on this machine that answers as the hub does."""

from __future__ import annotations

import dataclasses
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from huggingface_hub import constants

from bakeoff.catalog import HubSource, cache_folder, is_here, pull, resolve_model
from bakeoff.catalog import hub as hub_room
from bakeoff.errors import ModelError, SourceError

_COMMIT = "a" * 40


class _Hub(ThreadingHTTPServer):
    """Answers the three requests that a download makes."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answers)
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []


class _Answers(BaseHTTPRequestHandler):
    server: _Hub

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def _answer(self, with_body):
        self.server.requests.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        files = self.server.files
        if path.startswith("/api/models/owner/toy/tree/"):
            body = json.dumps(
                [{"type": "file", "path": name, "size": len(c), "oid": "0" * 40} for name, c in files.items()]
            ).encode()
        elif path.startswith("/api/models/owner/toy"):
            siblings = [{"rfilename": name} for name in files]
            body = json.dumps({"id": "owner/toy", "sha": _COMMIT, "siblings": siblings}).encode()
        else:
            body = files.get(path.removeprefix(f"/owner/toy/resolve/{_COMMIT}/"))
        if body is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", f'"{len(body)}-{hash(body)}"')
        self.send_header("X-Repo-Commit", _COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def hub(monkeypatch):
    with _Hub() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.delenv("HF_HUB_OFFLINE")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # read once, at import
        yield server
        server.shutdown()
        thread.join()


def _from_hub(toy):
    item = toy.entry()
    paths = tuple((file.name, file.name) for file in item.files)
    return dataclasses.replace(item, sources=(HubSource("owner/toy", _COMMIT, paths),))


def test_entry_comes_from_the_hub_with_progress(hub, toy, index):
    hub.files |= {"model.safetensors": toy.weights, "sub/config.json": b'{"model_type": "toy"}'}
    seen = []
    item = _from_hub(toy)
    folder = pull(item, lambda done, total: seen.append((done, total)))
    assert (folder / "model.safetensors").read_bytes() == toy.weights
    assert seen[-1] == (item.size, item.size)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert toy.hidden(cache_folder()) == []


def test_changed_repository_is_noticed_before_the_weights_are_sent(hub, toy, index):
    hub.files |= {"model.safetensors": toy.weights, "sub/config.json": b'{"model_type": "TOY"}'}
    with pytest.raises(SourceError, match=r"config\.json has another sha256"):
        pull(_from_hub(toy))
    assert not any("model.safetensors" in request for request in hub.requests)
    assert not is_here(_from_hub(toy))


def test_missing_file_is_a_refusal_and_does_not_close_the_hub(hub, toy, index):
    with pytest.raises(SourceError, match="404"):
        pull(_from_hub(toy))
    hub.files |= {"model.safetensors": toy.weights, "sub/config.json": b'{"model_type": "toy"}'}
    assert pull(_from_hub(toy)).is_dir()


def test_unreachable_hub_is_asked_once(toy, index, hub, monkeypatch):
    hub.files |= {"model.safetensors": toy.weights, "sub/config.json": b'{"model_type": "toy"}'}
    dead = _Hub()
    address = f"http://127.0.0.1:{dead.server_port}"
    dead.server_close()
    monkeypatch.setenv("HF_ENDPOINT", address)
    with pytest.raises(SourceError, match="owner/toy: http://127"):
        pull(_from_hub(toy))
    assert address in hub_room._unreachable
    del hub_room._unreachable[address]


def test_repository_is_resolved_once_and_then_works_offline(hub, toy, monkeypatch):
    hub.files |= {
        "config.json": b"{}",
        "model.safetensors": b"weights",
        "pytorch_model.bin": b"no",
        "modeling.py": b"no",
        "onnx/model.safetensors": b"no",
    }
    found = resolve_model("hf:owner/toy")
    assert found.sha256 == toy.sha256(b"weights")
    assert sorted(path.name for path in found.path.iterdir()) == ["config.json", "model.safetensors"]
    by_branch = resolve_model("hf:owner/toy@main")
    assert by_branch.path == found.path
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("hf:owner/toy", "hf:owner/toy@main", f"hf:owner/toy@{_COMMIT}"):
        assert resolve_model(name).path == found.path
        assert resolve_model(name, pull=False).path == found.path
    with pytest.raises(SourceError, match="HF_HUB_OFFLINE is set"):
        resolve_model("hf:owner/toy@other")


def test_repository_without_safetensors_is_not_kept(hub, toy):
    hub.files |= {"config.json": b"{}", "pytorch_model.bin": b"no"}
    with pytest.raises(ModelError, match=r"no \.safetensors"):
        resolve_model("hf:owner/toy")
    assert not any(path.is_dir() for path in (cache_folder() / "hub" / "owner--toy").iterdir())


@pytest.mark.parametrize("name", ["hf:", "hf:toy", "hf:a/b/c", "hf:../x/y", "hf:a/b@"])
def test_other_forms_of_hub_names_are_refused(name):
    with pytest.raises(ModelError, match="hf:owner/name"):
        resolve_model(name)


def test_hub_name_that_is_not_here_says_how_to_fetch():
    with pytest.raises(SourceError, match="bakeoff models pull hf:owner/toy"):
        resolve_model("hf:owner/toy", pull=False)
