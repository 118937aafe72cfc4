"""A bundle answers as the method that it was made of, and is refused when anything in it is not as it was written."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bakeoff.errors import BundleError, OptionError
from bakeoff.ship import SCHEMA, Bundle, BundleFacts, read_bundle

TEXTS = ["a fine screen", "poor and heavy", "neither", "Größe ✓ 好", ""]

MakeBundle = Callable[..., Path]


def edit(bundle: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = bundle / "bundle.json"
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def list_file(bundle: Path, name: str, content: bytes) -> None:
    """Put a file into a bundle as its writer would, with a right digest."""
    edit(
        bundle,
        lambda value: value["files"].append(
            {"path": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        ),
    )


def test_loaded_method_answers_as_the_fitted_one(make_bundle, fitted, facts):
    bundle = read_bundle(make_bundle())
    assert bundle.facts == facts
    assert bundle.self_contained
    assert bundle.model is None
    loaded = bundle.load()
    assert loaded.get_params(deep=False) == fitted.get_params(deep=False)
    assert [(a.value, a.probabilities) for a in loaded.answer(TEXTS)] == [
        (a.value, a.probabilities) for a in fitted.answer(TEXTS)
    ]


def test_every_file_is_listed_with_its_digest(make_bundle):
    folder = make_bundle()
    value = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {file["path"] for file in value["files"]} == there - {"bundle.json"}
    for file in value["files"]:
        content = (folder / file["path"]).read_bytes()
        assert (file["sha256"], file["size"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert value["schema"] == SCHEMA
    assert value["versions"]["torch"]
    assert (folder / "README.md").read_text(encoding="utf-8") == "# A card\n"


def test_a_moved_bundle_loads(make_bundle, tmp_path):
    moved = shutil.move(make_bundle(), tmp_path / "moved here")
    assert read_bundle(moved).load().predict(["a fine camera"]).tolist() == ["positive"]


def test_a_bundle_reached_by_a_link_loads(make_bundle, tmp_path):
    (tmp_path / "latest").symlink_to(make_bundle())
    assert read_bundle(tmp_path / "latest").load().predict(["a fine camera"]).tolist() == ["positive"]


def test_reading_imports_no_model_library(make_bundle):
    code = (
        "import sys; from bakeoff.ship import read_bundle; read_bundle(sys.argv[1]);"
        "assert not {'torch', 'transformers', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(make_bundle())], check=True)


@pytest.mark.parametrize("name", ["method/vocabulary.json", "README.md"])
def test_a_changed_byte_is_refused(make_bundle, name):
    folder = make_bundle()
    path = folder / name
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=f"{name} has changed: its sha256 must be"):
        read_bundle(folder)


def test_a_shortened_file_is_refused(make_bundle):
    folder = make_bundle()
    path = folder / "method/head.safetensors"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BundleError, match=f"must have {size} bytes and has {size - 1}"):
        read_bundle(folder)


def test_a_missing_file_is_refused(make_bundle):
    folder = make_bundle()
    (folder / "method/idf.safetensors").unlink()
    with pytest.raises(BundleError, match=r"idf\.safetensors is missing"):
        read_bundle(folder)


def test_a_missing_method_folder_is_refused(make_bundle):
    folder = make_bundle()
    shutil.rmtree(folder / "method")
    with pytest.raises(BundleError, match="has no folder method"):
        read_bundle(folder)


def test_an_unlisted_file_of_the_method_is_refused(make_bundle):
    folder = make_bundle()
    (folder / "method/config.json").write_text("{}")
    with pytest.raises(BundleError, match=r"config\.json is no part of the bundle"):
        read_bundle(folder)


def test_a_note_beside_the_method_is_allowed(make_bundle):
    folder = make_bundle()
    (folder / ".DS_Store").write_text("x")
    assert read_bundle(folder)


@pytest.mark.parametrize("to", ["file", "folder", "inside"])
def test_an_extra_link_is_refused(make_bundle, tmp_path, to):
    folder = make_bundle()
    target = {"file": Path("/etc/hostname"), "folder": tmp_path, "inside": folder / "README.md"}[to]
    (folder / "method/extra").symlink_to(target)
    with pytest.raises(BundleError, match=r"extra is a link; a bundle holds its files itself\."):
        read_bundle(folder)


def test_a_listed_link_is_refused_though_its_content_is_right(make_bundle, tmp_path):
    folder = make_bundle()
    shutil.move(folder / "method/head.safetensors", tmp_path / "head")
    (folder / "method/head.safetensors").symlink_to(tmp_path / "head")
    with pytest.raises(BundleError, match="is a link"):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["method", "README.md", "bundle.json"])
def test_a_part_that_became_a_link_is_refused(make_bundle, tmp_path, name):
    folder = make_bundle()
    shutil.move(folder / name, tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError):
        read_bundle(folder)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.json",
        "method/../../secret.json",
        "method/./a.json",
        "method//a.json",
        "/etc/hostname",
        "method",
        "other/a.json",
        "bundle.json",
        "C:/a.json",
        "method\\..\\a.json",
        "",
    ],
)
def test_a_path_that_is_not_the_bundles_own_is_refused(make_bundle, name):
    folder = make_bundle()
    (folder.parent / "secret.json").write_bytes(b"{}")
    list_file(folder, name, b"{}")
    with pytest.raises(BundleError, match=r"only README\.md and files under method/ and weights/ may stand there"):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["method/modeling.py", "method/model.PKL", "weights/pytorch_model.bin"])
def test_a_file_that_could_carry_code_is_refused(make_bundle, name):
    folder = make_bundle()
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    list_file(folder, name, b"x")
    with pytest.raises(BundleError, match="could carry code"):
        read_bundle(folder)


@pytest.mark.parametrize("schema", [0, 2, "1", True, None])
def test_another_schema_is_refused_with_both_versions(make_bundle, schema):
    folder = make_bundle()
    edit(folder, lambda value: value.update(schema=schema))
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert caught.value.message == (
        f"{folder / 'bundle.json'} is of schema {schema!r}; this version of bakeoff reads schema 1."
    )
    assert "ship the contender again" in caught.value.next_step


def test_another_version_of_the_method_is_refused_with_both_versions(make_bundle):
    folder = make_bundle()
    edit(folder, lambda value: value["contender"].update(version="0.9"))
    with pytest.raises(BundleError, match=r"version 0\.9 of the method 'tfidf'; bakeoff .* has version 1"):
        read_bundle(folder)


def test_an_unknown_method_is_refused(make_bundle):
    folder = make_bundle()
    edit(folder, lambda value: value["contender"].update(method="os.system"))
    with pytest.raises(BundleError, match=r"the method 'os\.system' of version 1, which bakeoff .* does not have"):
        read_bundle(folder)


def test_a_setting_that_the_method_lacks_is_refused(make_bundle, facts):
    folder = make_bundle(facts=replace(facts, contender=replace(facts.contender, parameters={"depth": 3})))
    with pytest.raises(BundleError, match="sets 'depth', which the method 'tfidf' does not have"):
        read_bundle(folder).load()


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda value: value.pop("task"), "task"),
        (lambda value: value.update(seed="3"), "seed"),
        (lambda value: value["contender"].update(parameters=[]), "contender.parameters"),
        (lambda value: value.update(files={"a": 1}), "files"),
        (lambda value: value.pop("created"), "created"),
    ],
)
def test_a_bundle_file_of_another_form_is_refused(make_bundle, change, where):
    folder = make_bundle()
    edit(folder, change)
    with pytest.raises(BundleError, match=f"does not follow schema 1: {where}"):
        read_bundle(folder)


def test_a_file_listed_twice_is_refused(make_bundle):
    folder = make_bundle()
    edit(folder, lambda value: value["files"].append(value["files"][0]))
    with pytest.raises(BundleError, match="lists a file twice"):
        read_bundle(folder)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_broken_bundle_file_is_refused(make_bundle, content):
    folder = make_bundle()
    (folder / "bundle.json").write_bytes(content)
    with pytest.raises(BundleError, match="is not JSON"):
        read_bundle(folder)


def test_a_folder_without_a_bundle_names_the_one_inside(make_bundle, tmp_path):
    make_bundle(tmp_path / "study" / "bundle")
    with pytest.raises(BundleError, match=f"Did you mean {tmp_path / 'study' / 'bundle'}"):
        read_bundle(tmp_path / "study")
    with pytest.raises(BundleError, match=r"is no bundle: it has no file bundle\.json"):
        read_bundle(tmp_path / "nowhere")


def test_a_bundle_is_replaced_as_a_whole(make_bundle, facts):
    folder = make_bundle()
    before = folder.stat().st_ino
    assert make_bundle(card="# Another\n", facts=replace(facts, rows=99)) == folder
    assert folder.stat().st_ino != before
    assert read_bundle(folder).facts.rows == 99
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_a_failed_write_leaves_the_old_bundle(make_bundle, tmp_path):
    folder = make_bundle()
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "head.pkl").write_bytes(b"x")
    with pytest.raises(BundleError, match=r"no file that could carry code; 'method/head\.pkl' came"):
        make_bundle(method_folder=bad)
    assert read_bundle(folder).load()
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_a_failed_swap_puts_the_old_bundle_back(make_bundle, monkeypatch):
    folder = make_bundle()
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if ".new-" in self.name:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="No space left"):
        make_bundle(card="# Another\n")
    monkeypatch.undo()
    assert read_bundle(folder).load()
    assert (folder / "README.md").read_text() == "# A card\n"
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_a_bundle_that_fails_its_check_takes_no_place(make_bundle, facts):
    folder = make_bundle(check=lambda bundle: bundle.load().answer(TEXTS))

    def differ(bundle: Bundle) -> None:
        assert bundle.facts.rows == 99
        assert read_bundle(folder).facts.rows == 12, "the old one stands while the new one is looked at"
        raise BundleError("It answers otherwise.", next_step="Say so.")

    with pytest.raises(BundleError, match="It answers otherwise"):
        make_bundle(facts=replace(facts, rows=99), check=differ)
    assert read_bundle(folder).facts.rows == 12
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_an_interrupted_swap_is_told(make_bundle):
    folder = make_bundle()
    waiting = folder.rename(folder.with_name(".bundle.replaced-0011aabb"))
    with pytest.raises(BundleError, match=f"rename {waiting} to {folder}"):
        read_bundle(folder)
    make_bundle()
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


_WRITER = """
import sys
from pathlib import Path
from bakeoff.ship import read_bundle, write_bundle
from dataclasses import replace
final, saved, mark = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
facts = replace(read_bundle(sys.argv[4]).facts, rows=mark)
for _ in range(15):
    write_bundle(final, method_folder=saved, facts=facts, card="x" * 1000 * mark)
"""


def test_writers_at_once_leave_one_whole_bundle(make_bundle, tmp_path):
    first, final = make_bundle(tmp_path / "first"), tmp_path / "shared" / "bundle"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(final), str(tmp_path / "saved"), str(mark), str(first)])
        for mark in (1, 2, 3)
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert read_bundle(final).facts.rows in (1, 2, 3)
    assert [path.name for path in final.parent.iterdir()] == ["bundle"]


@pytest.mark.parametrize("name", ["thesis.txt", "bundle.json.bak"])
def test_a_folder_with_something_else_is_never_replaced(make_bundle, tmp_path, name):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("years of work")
    with pytest.raises(OptionError, match="it is not just a bundle, and is not replaced"):
        make_bundle(tmp_path / "mine")
    folder = make_bundle()
    (folder / name).write_text("years of work")
    with pytest.raises(OptionError, match=f"holds '{name}'"):
        make_bundle()
    assert (tmp_path / "mine" / name).read_text() == (folder / name).read_text() == "years of work"


def test_a_file_or_a_link_is_never_replaced(make_bundle, tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(OptionError, match=f"A bundle is a folder; .* is a {name}"):
            make_bundle(tmp_path / name)


def test_an_empty_folder_is_filled(make_bundle, tmp_path):
    (tmp_path / "empty").mkdir()
    assert read_bundle(make_bundle(tmp_path / "empty"))


def model_folder(folder: Path, weights: bytes) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def prompt_facts(facts: BundleFacts, model: Path) -> BundleFacts:
    return replace(
        facts,
        contender=replace(
            facts.contender,
            method="zero-shot",
            arm="prompt",
            model=str(model),
            model_sha256=hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest(),
        ),
    )


def test_a_prompt_bundle_names_its_model_and_refuses_another(make_bundle, facts, tmp_path):
    model = model_folder(tmp_path / "model", b"one")
    bundle = read_bundle(make_bundle(facts=prompt_facts(facts, model)))
    assert not bundle.self_contained
    assert bundle.model == str(model)
    (model / "model.safetensors").write_bytes(b"another")
    with pytest.raises(BundleError, match=r"was made with the model .* of sha256 [0-9a-f]{12}; the one at"):
        bundle.load()


def test_weights_in_the_bundle_stand_for_the_model(make_bundle, facts, tmp_path):
    model = model_folder(tmp_path / "model", b"one")
    folder = make_bundle(facts=prompt_facts(facts, model), weights=model)
    bundle = read_bundle(folder)
    assert bundle.self_contained
    assert bundle.model == str(folder / "weights")
    assert {file.path for file in bundle.files} >= {"weights/config.json", "weights/model.safetensors"}
    (folder / "weights/model.safetensors").write_bytes(b"two")
    with pytest.raises(BundleError, match=r"weights/model\.safetensors has changed"):
        read_bundle(folder)


def test_weights_that_are_links_into_a_cache_are_copied(make_bundle, facts, tmp_path):
    model = model_folder(tmp_path / "model", b"one")
    shutil.move(model / "model.safetensors", tmp_path / "blob")
    (model / "model.safetensors").symlink_to(tmp_path / "blob")
    folder = make_bundle(facts=prompt_facts(facts, model), weights=model)
    assert not (folder / "weights/model.safetensors").is_symlink()
    assert read_bundle(folder)
