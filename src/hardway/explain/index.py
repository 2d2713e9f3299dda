"""All things of a cluster, and what a text may mean among them."""

import difflib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from hardway.atlas.atlas import Atlas
from hardway.explain import (
    addresses,
    breaks,
    certificates,
    chapters,
    connections,
    elsewhere,
    entries,
    errors,
    files,
    identities,
    kubeconfigs,
    machines,
    objects,
    others,
    pem,
    ports,
    reading,
    uses,
    without,
)
from hardway.explain.answer import Answer
from hardway.explain.scene import Scene
from hardway.explain.things import Thing
from hardway.text import text

NEAREST = 6
"""Known things that are offered where nothing is found."""
TREE = re.compile(r"(?:^|/)(?:nodes|secrets|edited)/([^/]+)(/.+)$")
"""A path below the cluster's folder: the machine and the path there."""
OBJECT = re.compile(r"(?:^|/)objects/(.+)\.yaml$")
"""A file there with what the API was given."""
WORD = re.compile(r"\w+")
ON_MACHINE = re.compile(r"^([\w.-]+):(/.*)$")


@dataclass(frozen=True, slots=True)
class Found:
    """What a text means: one thing, or several among which people choose."""

    things: tuple[Thing, ...]
    machine: str = ""
    """The machine that the text names, beside the thing."""
    note: str = ""
    """What to know about the text itself."""


@dataclass(frozen=True)
class Index:
    """The things of a cluster by all their names."""

    atlas: Atlas

    @cached_property
    def things(self) -> tuple[Thing, ...]:
        """Every thing, each once."""
        return tuple(replace(thing, breaks=partial(breaks.points, self.atlas, thing))
                     for thing in self._things())  # fmt: skip

    def _things(self) -> Iterator[Thing]:
        atlas = self.atlas
        used = dict(uses.uses(atlas))
        yield from machines.things(atlas)
        yield from addresses.things(atlas)
        yield from ports.things(atlas)
        yield from connections.things(atlas)
        yield from certificates.things(atlas, used)
        yield from kubeconfigs.things(atlas)
        yield from files.things(atlas, used)
        yield from entries.things(atlas)
        yield from identities.things(atlas)
        yield from chapters.things(atlas)
        yield from objects.things(atlas)
        yield from errors.things(atlas, self.known)

    @cached_property
    def _named(self) -> Mapping[str, list[Thing]]:
        found: dict[str, list[Thing]] = defaultdict(list)
        for thing in self.things:
            for name in dict.fromkeys(map(plain, (thing.name, thing.short, *thing.aliases))):
                found[name].append(thing)
        del found[""]
        return found

    def known(self, name: str) -> tuple[Thing, ...]:
        """Return the things of that very name; those whose own name it is go first."""
        found = self._named.get(plain(name), [])
        own = tuple(t for t in found if plain(name) in {plain(t.name), plain(t.short)})
        return own or tuple(found)

    def find(self, asked: str, folder: Path | None = None) -> Found | None:
        """Return what a text means; None where it means nothing known.

        A path of this host is looked at (`folder`: where relative ones begin).
        """
        for way in self._ways(folder):
            found = way(asked.strip())
            if found and found.things:
                return found
        return None

    def _ways(self, folder: Path | None) -> tuple[Callable[[str], Found | None], ...]:
        """Return how a text is understood, the surest way first."""
        return (
            self._by_name,
            self._placed,
            lambda asked: Found(errors.matching(self.atlas, asked, self.known)),
            self._assigned,
            self._foreign,
            lambda asked: Found(pem.matching(self.atlas, asked, folder, self.known)),
            lambda asked: Found(addresses.matching(self.atlas, asked, self.known)),
            self._by_words,
        )

    def _by_name(self, asked: str) -> Found:
        return Found(self.known(asked))

    def _placed(self, asked: str) -> Found | None:
        """Return a path of a machine, `worker-0:/etc/hosts`, or a copy in the cluster's folder."""
        if given := OBJECT.search(asked):
            return Found(self.known(given[1]))
        match = ON_MACHINE.search(asked) or TREE.search(asked)
        if match and match[1] in {m.name for m in self.atlas.cluster.machines}:
            return Found(self.known(match[2]), match[1])
        return None

    def _assigned(self, asked: str) -> Found | None:
        """Return an entry that is written with its value, or with its program's path."""
        name, mark, _ = asked.partition("=")
        if not mark and ": " in asked:
            name = asked.partition(":")[0]
        *command, last = name.split() or [""]
        short = " ".join([*(word.rsplit("/", 1)[-1] for word in command), last])
        return next((Found(found) for word in (name, short) if (found := self.known(word))), None)

    def _foreign(self, asked: str) -> Found | None:
        """Return what has the part of a file that the tutorial or kubeadm has."""
        row = others.foreign(asked)
        if row is None:
            return None
        own = tuple(thing for name in row.things for thing in self.known(name))
        return Found(own, note=others.note(asked, row))

    def _by_words(self, asked: str) -> Found | None:
        """Return the things whose names have all the words; the shortest names only."""
        words = plain(asked).split()
        if not words or max(map(len, words)) < 3:
            return None
        matching = [name for name in self._named if all(word in name for word in words)]
        # Whole words first: who asks for `audit` does not mean the file that has it somewhere.
        whole = [name for name in matching if set(words) <= set(WORD.findall(name))]
        names = sorted(whole or matching, key=len)
        close = [name for name in names if len(name) <= len(names[0]) * 2]
        found = {(t.kind, t.name): t for name in close for t in self._named[name]}
        return Found(tuple(found.values())[:NEAREST]) if found else None

    def nearest(self, asked: str) -> tuple[Thing, ...]:
        """Return the things whose names are most like a text."""
        names = difflib.get_close_matches(plain(asked), self._named, n=NEAREST, cutoff=0.5)
        found = {thing.name: thing for name in names for thing in self._named[name]}
        return tuple(found.values())[:NEAREST]


def plain(name: str) -> str:
    """Return a name as it is compared: in small letters, with single spaces."""
    return " ".join(name.lower().split())


def answer_about(thing: Thing, scene: Scene, note: str = "") -> Answer:
    """Return the answer about a thing: its own points, and what the tables have by its tags."""
    own = tuple(thing.points(scene))
    points = (
        *own, *without.points(thing.tags, own), *thing.breaks(), *elsewhere.points(thing.tags),
        *reading.points(thing.tags),
    )  # fmt: skip
    notes = [note] if note else []
    notes += [text("{machine} is not shown live: {why}", machine=machine, why=why)
             for machine, why in scene.silent.items()]  # fmt: skip
    if thing.machines and not (scene.asked or scene.silent):
        notes.append(text("From rendered files; no machine was asked."))
    return Answer.of(thing.kind, thing.name, points, notes)
