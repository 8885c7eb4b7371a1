"""Read YAML documents that have a schema; a mistake in one names the file, the key and the line.

Rulebooks, contracts, calendars and places are data that offices correct themselves. A document shipped with
medpool can be replaced without touching the package: put a file of the same relative name into the folder that
the environment variable ``MEDPOOL_CONFIG`` names (``places/taizhou.accounts.yaml``, say) and it is read instead.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from medpool_etl.errors import ConfigurationError

PACKAGE = Path(__file__).parent
Key = tuple[str | int, ...]


class Document(BaseModel):
    """A part of a document: immutable, and a key the schema does not know is a mistake, not a comment."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(Document):
    """A text in Chinese (for users) and English (for engineers)."""

    zh: str
    en: str


D = TypeVar("D", bound=BaseModel)


class _Loader(yaml.CSafeLoader):
    """Safe YAML in which numbers with a point and dates stay exact text, and a key written twice is an error."""


def _exact_text(loader: Any, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _mapping(loader: Any, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(None, None, "a key is a plain text", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} stands twice", key_node.start_mark)
        seen.add(key)
    made: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return made


_Loader.add_constructor("tag:yaml.org,2002:float", _exact_text)
# A date that does not exist is then the schema's to refuse, with its key, not the YAML reader's.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _exact_text)
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def find(name: str) -> Path:
    """Return the path of the document ``name`` ("places/taizhou.yaml"): the operator's own, else the shipped one."""
    own = own_folder()
    if own and (path := own / name).is_file():
        return path
    return PACKAGE / name


def own_folder() -> Path | None:
    """Return the folder MEDPOOL_CONFIG names, None where it names none. Raises ConfigurationError where it is not there: the shipped
    documents would silently take the place of the operator's."""
    if not (own := os.environ.get("MEDPOOL_CONFIG")):
        return None
    if not Path(own).is_dir():
        raise ConfigurationError(
            "there is no such folder",
            where=f"MEDPOOL_CONFIG = {own}",
            do="make it, mount it, or take the variable away; without it the shipped documents would be used",
        )
    return Path(own)


def own_documents() -> tuple[list[str], list[str]]:
    """Return the YAML files in the operator's folder by their names in it: those that this process has read, and those that it has not."""
    if not (own := own_folder()):
        return [], []
    files = sorted(path for path in own.rglob("*") if path.suffix in (".yaml", ".yml") and path.is_file())
    read, unread = (
        [str(path.relative_to(own)) for path in files if (path in _READ) is known] for known in (True, False)
    )
    return read, unread


# What was read of documents, for own_documents.
_READ: set[Path] = set()


def find_all(folder: str, pattern: str = "*.yaml") -> list[Path]:
    """Return every document of a folder, by name; one in ``MEDPOOL_CONFIG`` stands for the shipped one of that name."""
    names = {path.name for path in (PACKAGE / folder).glob(pattern)}
    if own := own_folder():
        names |= {path.name for path in (own / folder).glob(pattern)}
    return [find(f"{folder}/{name}") for name in sorted(names)]


def fingerprint(*paths: Path) -> str:
    """Return the SHA-256 (hex) over the names and bytes of the files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda p: (p.name, str(p))):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def load(path: Path, schema: type[D]) -> D:
    """Read one YAML document into its schema; one that has not changed since is not read again.

    Raises ConfigurationError naming file, line and key for text that is not YAML, a key written twice, a key the
    schema does not know or lacks, and a value of the wrong kind.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", where=str(path)) from error
    _READ.add(path)
    # A document is immutable once read, so callers can share it.
    return _load(path, schema, facts.st_mtime_ns, facts.st_size, facts.st_ino)  # type: ignore[return-value]


@functools.lru_cache(maxsize=64)
def _load(path: Path, schema: type[BaseModel], *_version: int) -> BaseModel:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError("the file is not UTF-8 text", where=path.name, do="save it as UTF-8") from error
    try:
        root = yaml.compose(text, Loader=_Loader)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(
            str(error.problem), where=f"{path.name}, line {line}", expected="valid YAML"
        ) from error
    except yaml.YAMLError as error:
        raise ConfigurationError(str(error).splitlines()[0], where=path.name, expected="valid YAML") from error
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        problems = []
        for item in error.errors():
            key = tuple(item["loc"])
            problems.append(f"{path.name}, line {_line(root, key)}, key {_dotted(key)}: {_say(item)}")
        raise ConfigurationError(
            "\n".join(problems), do="correct the file; `medpool check` reads every document again"
        ) from error


def place(name: str, *key: str | int) -> str:
    """Return where a key of a document stands, as errors name it: file, line, key."""
    return place_in(find(name), *key)


def place_in(path: Path, *key: str | int) -> str:
    """Return where a key of the document at ``path`` stands, as errors name it: file, line, key."""
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    return f"{path.name}, line {_line(root, key)}, key {_dotted(key)}"


def _line(root: yaml.Node | None, key: Key) -> int:
    """Return the line of the deepest node that still exists on the way to ``key``."""
    node, line = root, 1
    for part in key:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _dotted(key: Key) -> str:
    return ".".join(str(part) for part in key) or "(the whole file)"


def _say(item: Any) -> str:
    kinds = {"missing": "this key is missing", "extra_forbidden": "the schema has no such key"}
    said = kinds.get(item["type"], item["msg"].removeprefix("Value error, "))
    given = item.get("input")
    return said if isinstance(given, dict | list) or item["type"] == "missing" else f"{said} (found {given!r})"
