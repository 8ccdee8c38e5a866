"""`refbus-ops directory log-check`: whether a country's log shows what this ceremony published, and nothing else."""

from __future__ import annotations

from pathlib import Path

import click

from refbus.audit.directorylog import DirectoryLog, read_directory_log
from refbus.audit.sources import source_of
from refbus.errors import Code, SetupError
from refbus.files import write_whole
from refbus.output import say
from refbus.trust.layout import is_metadata, list_files
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.verify import MOST_POLICY_BYTES, read_policy

PROOF_SUFFIX = ".tlog-proof"


@click.command(name="log-check")
@click.option("--log", "places", multiple=True, required=True, help="Web prefix or folder of a shard; more than once.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Trust policy of that log (refbus-ops audit policy --country KZ).",
)
@click.option(
    "--proofs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write PATH.tlog-proof of each file below this folder, beside an export for offices without a line.",
)
@click.pass_obj
def log_check(paths: FederationPaths, places: tuple[str, ...], policy_file: Path, proofs: Path | None) -> None:
    """Check that a country's log shows every metadata file of the repository, and list versions that only it has.

    A version in the log that is not in the repository was shown to somebody and not published by this ceremony. Exit 1
    when a file is missing or a version is unknown here.
    """
    policy = read_policy(_bytes(policy_file))
    files = [(path, content) for path, content in list_files(paths.repository) if is_metadata(path)]
    logs = [read_directory_log(source_of(place), policy) for place in places]
    found = {path: log for path, content in files for log in logs if log.has(path, content)}
    lines = [f"{path}: {'in the log' if path in found else 'NOT in the log'}" for path, _ in files]
    unseen = [told for log in logs for told in log.unseen(files)]
    lines += [f"{told.path}: entry {told.index} is UNKNOWN here, SHA-256 {told.sha256.hex()}" for told in unseen]
    say(*lines, *([] if files else ["the repository has no metadata file: nothing was compared"]))
    if proofs is not None:
        _write(proofs, files, found)
    if unseen or not files or len(found) < len(files):
        raise click.exceptions.Exit(1)


def _write(folder: Path, files: list[tuple[str, bytes]], found: dict[str, DirectoryLog]) -> None:
    for path, content in files:
        if path in found:
            write_whole(folder / f"{path}{PROOF_SUFFIX}", found[path].proof(path, content))


def _bytes(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SetupError(Code.FILE_UNREADABLE, f"{path.name}: {error.strerror}") from None
    if len(content) > MOST_POLICY_BYTES:
        raise SetupError(Code.TOO_LARGE, path.name)
    return content
