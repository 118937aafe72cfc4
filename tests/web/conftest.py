"""The app as a browser meets it, and files as people upload them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bakeoff.web.app import create_app
from bakeoff.web.guard import csrf_of

# Test folders are no packages: what stands beside this file is found by its folder.
sys.path.insert(0, str(Path(__file__).parent))

TOKEN, PORT = "a-token-of-the-test", 8321
ORIGIN = f"http://127.0.0.1:{PORT}"


@pytest.fixture
def studies(tmp_path: Path) -> Path:
    """Give a folder for studies."""
    folder = tmp_path / "studies"
    folder.mkdir()
    return folder


@pytest.fixture
def stranger(studies: Path) -> Iterator[TestClient]:
    """Give a client that was not let in."""
    with TestClient(create_app(studies, token=TOKEN, port=PORT), base_url=ORIGIN, follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """Give a client that was let in, and sends what a page of the app sends with a form."""
    assert stranger.get("/", params={"token": TOKEN}).status_code == 303
    stranger.headers.update({"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": csrf_of(TOKEN)})
    return stranger
