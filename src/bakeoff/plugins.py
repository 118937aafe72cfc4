"""What installed packages of others add: methods, models and metrics, each named by an entry point.

=================== ==========================================
group               what an entry point names
=================== ==========================================
``bakeoff.methods`` a `bakeoff.methods.spec.MethodSpec`
``bakeoff.models``  a `bakeoff.catalog.Entry`
``bakeoff.metrics`` a `bakeoff.tasks.MetricSpec`
=================== ==========================================

One that cannot be loaded breaks nothing: it is left out, and told where its name is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

__all__ = ["Plugin", "fault_told", "plugins", "sound_plugins"]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point of an installed package.

    Parameters
    ----------
    name : str
        Of the entry point.
    package : str
        Name and version of the package that has it.
    value : object
        What it names; None where it could not be loaded.
    fault : str
        Why it cannot be used; empty where it can.
    """

    name: str
    package: str
    value: Any
    fault: str = ""


@cache
def plugins(group: str, kind: type) -> tuple[Plugin, ...]:
    """Load what installed packages add to a group, looked for once a process.

    Parameters
    ----------
    group : str
        Such as ``"bakeoff.methods"``.
    kind : type
        What an entry point of the group has to name.

    Returns
    -------
    tuple of Plugin
        In the order of their names, those that cannot be used included.
    """
    return tuple(_loaded(point, kind) for point in sorted(entry_points(group=group), key=lambda point: point.name))


def sound_plugins(group: str, kind: type, taken: Iterable[str]) -> tuple[Any, ...]:
    """Give what can be used of a group: of the right type, under names that are free.

    Parameters
    ----------
    group, kind
        As of `plugins`.
    taken : iterable of str
        Names that this package has itself.

    Returns
    -------
    tuple
        Instances of `kind`, whose attribute ``name`` differs from each other's and from those taken.
    """
    names, found = set(taken), []
    for plugin in plugins(group, kind):
        if not plugin.fault and plugin.value.name not in names:
            names.add(plugin.value.name)
            found.append(plugin.value)
    return tuple(found)


def fault_told(group: str, kind: type, name: str, taken: Iterable[str] = ()) -> str:
    """Say why a name that somebody asks for is not among those of a group, where a package was to bring it.

    Parameters
    ----------
    group, kind
        As of `plugins`.
    name : str
        That was asked for.
    taken : iterable of str
        Names that this package has itself.

    Returns
    -------
    str
        One sentence on every entry point that cannot be used and may be meant: the one of that name, or all others
        where none has it; empty where all can be used.
    """
    own = set(taken)
    faults = {one.name: _fault_of(one, own) for one in plugins(group, kind)}
    meant = {name: faults[name]} if faults.get(name) else {one: told for one, told in faults.items() if told}
    return " ".join(meant.values())


def _fault_of(plugin: Plugin, taken: set[str]) -> str:
    if plugin.fault:
        return f"The package {plugin.package} was to bring {plugin.name!r}, which cannot be used: {plugin.fault}."
    if plugin.value.name in taken:
        return f"The package {plugin.package} brings {plugin.value.name!r}, a name that is taken, and is not used."
    return ""


def _loaded(point: EntryPoint, kind: type) -> Plugin:
    package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
    try:
        value = point.load()
    # The code of others may raise anything while it is imported, and even leave the program.
    except (Exception, SystemExit) as error:
        reason = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        return Plugin(
            point.name, package, None, f"{type(error).__name__}: {reason}" if reason else type(error).__name__
        )
    if not isinstance(value, kind):
        return Plugin(point.name, package, None, f"{point.value} is a {type(value).__name__}, not a {kind.__name__}")
    return Plugin(point.name, package, value)
