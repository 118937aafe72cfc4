"""``bakeoff serve`` as a person starts it: what it says, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bakeoff.methods.registry import method_spec
from in_process import Program, documented
from served_bundle import write_served


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return write_served(tmp_path_factory.mktemp("served"))


def test_what_cannot_be_used_is_refused_before_a_model_is_loaded(
    program: Program, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tmp_path / "key.txt"
    short.write_text("k3y-too-short\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for arguments, told in (
            (["--port", taken.getsockname()[1]], "of 127.0.0.1 cannot be used: Address already in use."),
            (["--port", 65536], "it must be at most 65535; '65536' came."),
            (["--host", "no.such.host.invalid"], "--host must be an address of this machine; 'no.such.host.invalid'"),
            (["--max-queue", 5, "--max-rows", 6], "--max-queue must be at least --max-rows, so that a request can"),
            (["--key-file", short], "at least 16 characters, all of ASCII and none of them blank"),
            (["--key-file", tmp_path / "none"], "none cannot be read."),
        ):
            done = program("serve", bundle, *arguments)
            assert done.code == 2
            assert told in done.err.replace("\n       ", " ")
            assert "k3y" not in done.err
    monkeypatch.setenv("BAKEOFF_SERVE_KEY", "")
    assert "the environment variable BAKEOFF_SERVE_KEY has 0" in program("serve", bundle).err.replace("\n       ", " ")
    monkeypatch.delenv("BAKEOFF_SERVE_KEY")
    (tmp_path / "file").write_text("")
    assert "is no bundle" in program("serve", tmp_path).err
    far = json.loads((bundle / "bundle.json").read_text("utf-8"))
    far["contender"] |= {"method": "server-zero-shot", "version": method_spec("server-zero-shot").version}
    far["contender"]["model"] = "https://models.example.com/v1#big"
    shutil.copytree(bundle, tmp_path / "far")
    (tmp_path / "far" / "bundle.json").write_text(json.dumps(far), "utf-8")
    done = program("serve", tmp_path / "far", "--allow-send", "another.example.com")
    assert (done.code, "loading" in done.out) == (2, False)
    assert "The texts would be sent to models.example.com, which is not this machine and was not allowed" in done.err
    assert "add: --allow-send models.example.com" in done.err
    (tmp_path / "far" / "method" / "head.safetensors").write_bytes(b"changed")
    assert "has changed" in program("serve", tmp_path / "far").err
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert "pip install 'bakeoff[web]'" in program("serve", bundle).err


def _started(bundle: Path, *arguments: str) -> tuple[subprocess.Popen[str], dict[str, object]]:
    command = [sys.executable, "-m", "bakeoff", "serve", str(bundle), "--port", "0", "--json", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    printed = ""
    while not printed.endswith("\n}\n"):
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        printed += line
    return process, json.loads(printed)


def test_a_sigterm_lets_the_request_under_way_end_and_takes_no_other(bundle: Path) -> None:
    process, document = _started(bundle, "--host", "0.0.0.0")
    try:
        told = document["result"]
        assert isinstance(told, dict)
        assert set(told) == documented("serve")
        assert (document["exit_code"], told["contender"], told["key"]) == (0, "tfidf", False)
        port = int(str(told["url"]).rpartition(":")[2])
        body = b'{"text": "great sound, my secret"}'
        length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
        head = f"POST /predict HTTP/1.1\r\nHost: x\r\n{length}"
        with socket.create_connection(("127.0.0.1", port), timeout=20) as asking:
            asking.sendall(head.encode() + body[:10])
            assert asking.recv(4096).startswith(b"HTTP/1.1 100"), "the body is being waited for"
            process.send_signal(signal.SIGTERM)
            _until_refused(port)
            asking.sendall(body[10:])
            answer = b"".join(iter(lambda: asking.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 200")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["answers"][0]["prediction"] == "positive"
        assert process.wait(20) == 0
    finally:
        process.kill()
        _out, errors = process.communicate()
    assert re.search(r"^\S+Z POST /predict 200 1 rows [0-9.]+ ms$", errors, flags=re.MULTILINE)
    assert "warning: 0.0.0.0 can be reached from other machines, and there is no key" in errors.replace("\n", " ")
    assert "secret" not in errors
    assert "Traceback" not in errors


def _until_refused(port: int) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    pytest.fail("new connections are still taken")
