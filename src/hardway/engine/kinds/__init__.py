"""The kinds of things a machine is given, one file each; a new kind is a file and a row here."""

from collections.abc import Mapping

from hardway.engine.kinds.base import AnyKind
from hardway.engine.kinds.blob import BLOB
from hardway.engine.kinds.block import BLOCK
from hardway.engine.kinds.effect import EFFECT
from hardway.engine.kinds.file import FILE
from hardway.engine.kinds.folder import FOLDER
from hardway.engine.kinds.package import PACKAGE
from hardway.engine.kinds.unit import UNIT

KINDS: tuple[AnyKind, ...] = (PACKAGE, BLOCK, FOLDER, FILE, BLOB, UNIT, EFFECT)
"""In the order in which things are put: each may need those before it."""

BY_TYPE: Mapping[type, AnyKind] = {kind.type: kind for kind in KINDS}
