"""Write a bundle as a folder that the transformers library loads by itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bakeoff.records import WrittenForm

__all__ = ["ExportedFolder", "export_folder"]


@dataclass(frozen=True, slots=True)
class ExportedFolder:
    """A folder that was written.

    Parameters
    ----------
    folder : Path
        Absolute.
    form : WrittenForm
        What loads it, and what it leaves out.
    size_mb : float
    """

    folder: Path
    form: WrittenForm
    size_mb: float


def export_folder(bundle: Path, folder: Path) -> ExportedFolder:
    """Write what a bundle's method learned in the Hugging Face layout, with a model card.

    Parameters
    ----------
    bundle : Path
        Of a fine-tuned method.
    folder : Path
        Where to write; nothing may stand there.

    Returns
    -------
    ExportedFolder

    Raises
    ------
    BundleError
        If it is no bundle, or one that cannot be loaded.
    OptionError
        If the bundle's method has no such form: a prompt, a floor, or an encoder of another family.
    """
    from bakeoff.ship import read_bundle
    from bakeoff.ship.hugging_face import write_hugging_face

    place = Path(folder).absolute()
    form = write_hugging_face(read_bundle(bundle), place)
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    return ExportedFolder(place, form, size / 1e6)
