"""Certificates of a development broker and its clients in one folder, by the authority that a country uses too."""

from __future__ import annotations

from pathlib import Path

from refbus.bus.address import TlsFiles
from refbus.clock import machine_ms
from refbus.files import alone_in, make_folder, write_whole
from refbus_ops.authority import Holder, create_authority, issue_certificate, make_request

VALID_DAYS = 90  # services warn from 30 days on
PASSPHRASE = "fictional passphrase of an authority"  # noqa: S105  of certificates for this machine alone
HOSTS = ("localhost", "127.0.0.1")


class Certificates:
    """Certificates in `folder`; the authority is made on first use. Keys are PKCS #8 PEM files with mode 0600.

    With `withdrawable` they say where the revocation list is, and a broker that looks refuses what is in it.
    A renewal is in a folder of its own beside the one before, which counts on: "<principal>@2", "<principal>@3".
    """

    def __init__(self, folder: Path, *, withdrawable: bool = False) -> None:
        self._folder = folder.resolve()
        self.withdrawable = withdrawable

    @property
    def home(self) -> Path:
        """The folder of the authority."""
        return self._folder / "authority"

    @property
    def authority(self) -> Path:
        """The PEM file that everybody trusts."""
        return self.home / "trusted.pem"

    def folder(self, principal: str) -> Path:
        """Return the newest folder of `principal`, as REFBUS_TLS_<CC> wants it; `issue` fills it."""
        renewals = [
            path for path in self._folder.glob(f"{principal}@*") if TlsFiles.in_folder(path).certificate.is_file()
        ]
        return max(renewals, key=_number, default=self._folder / principal)

    def issue(self, principal: str) -> TlsFiles:
        """Return the files of `principal`, made now if there are none yet."""
        make_folder(self._folder)
        with alone_in(self._folder):
            if not self.authority.is_file():
                lists_at = self.home.as_uri() if self.withdrawable else ""
                create_authority(self.home, "development", PASSPHRASE, machine_ms(), lists_at=lists_at)
            files = TlsFiles.in_folder(self.folder(principal))
            if not files.certificate.is_file():
                self._fill(principal, files)
        return files

    def renew(self, principal: str) -> TlsFiles:
        """Give `principal` a further certificate with a new key; from now on `issue` returns it."""
        present = self.issue(principal).certificate.parent
        with alone_in(self._folder):
            files = TlsFiles.in_folder(self._folder / f"{principal}@{_number(present) + 1}")
            self._fill(principal, files)
        return files

    def keystore(self, principal: str) -> Path:
        """Return key and certificate of `principal` in one PEM file, as the broker wants them."""
        files = self.issue(principal)
        path = self.folder(principal) / "keystore.pem"
        write_whole(path, files.key.read_bytes() + files.certificate.read_bytes())
        return path

    def _fill(self, principal: str, files: TlsFiles) -> None:
        files.key.unlink(missing_ok=True)  # of an attempt that was ended half way
        request = make_request(files.certificate.parent, principal, HOSTS)
        holder = Holder(principal, HOSTS)
        certificate, _ = issue_certificate(self.home, request, holder, PASSPHRASE, machine_ms(), days=VALID_DAYS)
        write_whole(files.ca, self.authority.read_bytes())
        write_whole(files.certificate, certificate)


def _number(folder: Path) -> int:
    """Return which certificate of its holder a folder has: the first has no number in its name."""
    return int(folder.name.partition("@")[2] or 1)
