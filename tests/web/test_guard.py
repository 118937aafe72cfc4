"""Nobody but the one browser that was let in is answered, and that one only from our own pages."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bakeoff.web.app import create_app
from bakeoff.web.guard import CONTENT_POLICY, MOST_BYTES, MOST_UPLOAD_BYTES, csrf_of

TOKEN, PORT = "a-token-of-the-test", 8321
ORIGIN = f"http://127.0.0.1:{PORT}"


@pytest.mark.parametrize("path", ["/", "/new", "/static/style.css", "/studies/x", "/nothing"])
def test_without_the_cookie_nothing_is_answered(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert "Studies" not in answer.text


def test_the_printed_address_lets_in_and_leaves_no_token_in_the_address(stranger: TestClient) -> None:
    entry = stranger.get("/", params={"token": TOKEN})
    assert (entry.status_code, entry.headers["location"]) == (303, "/")
    cookie = entry.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/").status_code == 200


@pytest.mark.parametrize("token", ["", "a-token-of-the-tesT", "a-token-of-the-test2", "\u00e9", "\x00"])
def test_another_token_lets_nobody_in(stranger: TestClient, token: str) -> None:
    answer = stranger.get("/", params={"token": token})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("value", ["", "another", '"', "caf\u00e9"])
def test_another_cookie_lets_nobody_in(stranger: TestClient, value: str) -> None:
    assert stranger.get("/", headers={"Cookie": f"bakeoff-{PORT}={value}".encode()}).status_code == 401


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"127.0.0.1.evil.example:{PORT}", ""]
)
def test_another_host_is_refused_though_the_cookie_is_right(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"[::1]:{PORT}", f"127.0.0.1:{PORT}"])
def test_this_machines_names_are_answered(client: TestClient, host: str) -> None:
    cookie = f"bakeoff-{PORT}={TOKEN}"
    assert client.get("/", headers={"Host": host, "Cookie": cookie}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "site", "allowed"),
    [
        (ORIGIN, "same-origin", True),
        (ORIGIN, None, True),
        ("null", "same-origin", True),  # a plain form of a page that gives no referrer
        ("null", None, False),
        ("null", "cross-site", False),
        (None, "same-origin", False),
        (None, None, False),
        (ORIGIN, "cross-site", False),
        (ORIGIN, "same-site", False),
        (ORIGIN, "none", False),
        ("http://127.0.0.1:1", "same-origin", False),
        ("https://evil.example", None, False),
        (f"https://127.0.0.1:{PORT}", None, False),
    ],
)
def test_what_changes_something_must_come_from_our_own_pages(
    client: TestClient, origin: str | None, site: str | None, allowed: bool
) -> None:
    for name, value in (("Origin", origin), ("Sec-Fetch-Site", site)):
        client.headers.pop(name, None)
        if value is not None:
            client.headers[name] = value
    answer = client.post("/studies/none/stop")
    assert answer.status_code == (404 if allowed else 403), answer.text


def _unsafe_routes(app: object) -> Iterator[tuple[str, str]]:
    for route in app.state.pages:  # type: ignore[attr-defined]
        for method in sorted((getattr(route, "methods", None) or set()) - {"GET", "HEAD", "OPTIONS"}):
            yield method, route.path.replace("{name}", "x")


def test_every_route_that_changes_something_wants_the_forms_token(client: TestClient) -> None:
    del client.headers["X-CSRF-Token"]
    found = list(_unsafe_routes(client.app))
    assert ("POST", "/new") in found
    assert len(found) >= 4
    for method, path in found:
        assert client.request(method, path).status_code == 403, path
        for wrong in ("", "0" * 64, csrf_of("another"), csrf_of(TOKEN).upper(), "\u00e9"):
            assert client.request(method, path, data={"csrf": wrong}).status_code == 403, path
            header = {"X-CSRF-Token": wrong.encode()}
            assert client.request(method, path, headers=header).status_code == 403, path


def test_a_form_carries_the_token_as_a_field(client: TestClient) -> None:
    del client.headers["X-CSRF-Token"]
    assert client.post("/studies/none/stop", data={"csrf": csrf_of(TOKEN)}).status_code == 404
    assert client.post("/studies/none/stop", files={"csrf": (None, csrf_of(TOKEN))}).status_code == 404


@pytest.mark.parametrize(
    "name", ["%2e%2e", "..%2f..%2fetc", "%00", "a%00b", "%2e", "secret", "link", "%2ftmp", "%5c..", "plain"]
)
def test_a_study_is_a_folder_directly_below(client: TestClient, studies: Path, name: str) -> None:
    outside = studies.parent / "outside"
    outside.mkdir()
    (outside / "study.sqlite").touch()
    (outside / "report.html").write_text("kept outside")
    (studies / "link").symlink_to(outside)
    (studies / "secret").write_text("a file")
    (studies / "plain").mkdir()
    (studies / "plain" / "report.html").write_text("no study")
    for tail in ("", "/report", "/verdict", "/progress"):
        answer = client.get(f"/studies/{name}{tail}")
        assert answer.status_code in (400, 404), answer.text
        assert "kept outside" not in answer.text
    assert client.get(f"/new/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/style.css", "/new"])
def test_every_answer_has_its_headers(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["content-security-policy"] == CONTENT_POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_nothing_describes_the_routes(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_body_ends_at_its_limit_whatever_its_header_says(client: TestClient) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    def endless(most: int) -> Iterator[bytes]:
        for _ in range(most // 100_000 + 2):
            yield b"a" * 100_000

    said = client.post("/studies/none/stop", content=b"a" * (MOST_BYTES + 1), headers=form)
    assert said.status_code == 413
    del client.headers["X-CSRF-Token"]  # the form is read for it
    assert client.post("/studies/none/stop", content=endless(MOST_BYTES), headers=form).status_code == 413
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    begun = b'--x\r\nContent-Disposition: form-data; name="rows"; filename="a.csv"\r\n\r\n'

    def upload() -> Iterator[bytes]:
        yield begun
        yield from endless(MOST_UPLOAD_BYTES)

    assert client.post("/new", content=upload(), headers=multipart).status_code == 413
    for length in ("9" * 5000, "-1", "1e3"):
        assert client.post("/new", content=b"a", headers={**form, "Content-Length": length}).status_code == 413


def test_a_fault_is_told_within_the_page_and_as_a_part(client: TestClient) -> None:
    assert "<html" in client.get("/nothing").text
    part = client.get("/nothing", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert 'role="alert"' in part


def test_a_second_app_has_a_cookie_of_its_own(studies: Path) -> None:
    with TestClient(create_app(studies, token="b", port=99), base_url="http://127.0.0.1:99") as other:
        other.cookies.set(f"bakeoff-{PORT}", TOKEN)
        assert other.get("/").status_code == 401


def test_the_app_listens_on_this_machine_alone(tmp_path: Path) -> None:
    from app_process import started_app

    with started_app(tmp_path) as (address, _process):
        port = int(address.partition("/?")[0].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        others = {found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        for other in others - {"127.0.0.1", "127.0.1.1"}:
            with (
                pytest.raises((ConnectionRefusedError, TimeoutError)),
                socket.create_connection((other, port), timeout=2),
            ):
                pass
