"""The cache: aside, publish, abandoned folders, paths that stay inside."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bakeoff.catalog import aside, cache_folder, entry_cache, publish, write_file

_CHILD_THAT_DIES = """
import os, signal, sys
from pathlib import Path
from bakeoff.catalog import aside
folder = aside(Path(sys.argv[1]))
(folder / "half").write_bytes(b"x" * 1000)
print(folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def _dead_process_folder(final: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD_THAT_DIES, str(final)], check=False, capture_output=True, text=True
    )
    return Path(done.stdout.strip())


def test_cache_folder_follows_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("BAKEOFF_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder().name == "bakeoff"


def test_entry_cache_stays_inside(tmp_path):
    assert entry_cache("safetensors", "ab12") == cache_folder() / "derived" / "safetensors" / "ab12"
    for bad in ("..", "a/b", "", ".hidden", "a\\b", "a\n"):
        with pytest.raises(ValueError, match="cache path"):
            entry_cache("safetensors", bad)
        with pytest.raises(ValueError, match="cache path"):
            entry_cache(bad, "ab12")


def test_published_folder_appears_whole_under_its_name(tmp_path):
    final = tmp_path / "a" / "final"
    folder = aside(final)
    (folder / "sub").mkdir()
    (folder / "sub" / "file").write_text("content")
    assert not final.exists()
    assert publish(folder, final) == final
    assert (final / "sub" / "file").read_text() == "content"
    assert [path.name for path in final.parent.iterdir()] == ["final"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
@pytest.mark.parametrize(("umask", "rights"), [(0o022, 0o644), (0o077, 0o600)])
def test_published_files_have_the_rights_of_new_files(tmp_path, umask, rights):
    before = os.umask(umask)
    try:
        folder = aside(tmp_path / "entry")
    finally:
        os.umask(before)
    (folder / "in").mkdir()
    for file in (folder / "model.safetensors", folder / "in" / "other"):
        file.write_bytes(b"weights")
        file.chmod(0o600 if rights == 0o644 else 0o644)
    published = publish(folder, tmp_path / "entry")
    assert {path.stat().st_mode & 0o777 for path in published.rglob("*") if path.is_file()} == {rights}


def test_the_second_to_publish_uses_the_first(tmp_path):
    final = tmp_path / "final"
    first, second = aside(final), aside(final)
    (first / "file").write_text("first")
    (second / "file").write_text("second")
    publish(first, final)
    assert publish(second, final) == final
    assert (final / "file").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_publish_over_a_file_fails_and_says_so(tmp_path):
    final = tmp_path / "final"
    folder = aside(final)
    (folder / "file").write_text("new")
    final.write_text("in the way")
    with pytest.raises(OSError, match="final"):
        publish(folder, final)
    assert final.read_text() == "in the way"


@pytest.mark.skipif(sys.platform == "win32", reason="asks for a process by signal")
def test_folder_of_a_dead_process_is_cleared_and_of_a_living_one_is_kept(tmp_path):
    final = tmp_path / "final"
    dead = _dead_process_folder(final)
    assert (dead / "half").exists()
    mine = aside(final)
    assert not dead.exists()
    aside(final)
    assert mine.exists()


def test_folder_of_another_host_is_kept_until_a_day_without_change(tmp_path):
    foreign = tmp_path / ".partial-999999999-00000000-0123456789ab"
    foreign.mkdir()
    aside(tmp_path / "final")
    assert foreign.exists()
    os.utime(foreign, (1, 1))
    aside(tmp_path / "final")
    assert not foreign.exists()


def test_folders_that_only_look_alike_are_never_deleted(tmp_path):
    other = tmp_path / ".partial-mine"
    other.mkdir()
    os.utime(other, (1, 1))
    aside(tmp_path / "final")
    assert other.exists()


def test_written_file_replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a" / "note.json"
    write_file(path, b"1")
    write_file(path, b"2")
    assert path.read_bytes() == b"2"
    assert list(path.parent.iterdir()) == [path]
