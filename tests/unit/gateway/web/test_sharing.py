"""A desk that an office shares on its network: a process of its own, under TLS and one name."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from refbus.files import make_folder
from refbus_ops.authority import Holder, create_authority, issue_certificate, make_request
from support.ceremonies import AGENCY, PASSPHRASE
from support.gateways import Pair

NAME = "desk.example"


@dataclass(frozen=True)
class Shared:
    """A running desk: its port, and what a browser of the office trusts."""

    port: int
    trusted: ssl.SSLContext

    def get(self, path: str, *, host: str = NAME, scheme: str = "https") -> httpx.Response:
        """Ask it as a browser does that knows it under `host`."""
        with httpx.Client(verify=self.trusted, trust_env=False) as client:
            return client.get(
                f"{scheme}://127.0.0.1:{self.port}{path}",
                headers={"Host": f"{host}:{self.port}"},
                extensions={"sni_hostname": NAME},
            )


@pytest.fixture
def shared(own: Pair, tmp_path: Path) -> Iterator[Shared]:
    """Start `refbus desk --share` for the agency, with a certificate of an authority that the office trusts."""
    own.kz.close()
    authority, holder = tmp_path / "authority", tmp_path / "tls"
    make_folder(holder)
    create_authority(authority, "kz", PASSPHRASE, round(time.time() * 1000))
    asked = make_request(holder, "kz-desk", [NAME])
    signed, _ = issue_certificate(authority, asked, Holder("kz-desk", (NAME,)), PASSPHRASE, round(time.time() * 1000))
    (holder / "certificate.pem").write_bytes(signed)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("REFBUS_")},
        "REFBUS_HOME": str(own.world.lab.paths.home(AGENCY)),
        "REFBUS_BOOTSTRAP_KZ": "127.0.0.1:9",  # nobody listens there: the office has no line
    }
    words = ("desk", "--port", "0", "--share", NAME)
    tls = ("--certificate", str(holder / "certificate.pem"), "--key", str(holder / "key.pem"))
    with subprocess.Popen(
        [Path(sys.executable).with_name("refbus"), *words, *tls], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = urlsplit(process.stdout.readline().split()[-1])
            assert (address.scheme, address.hostname) == ("https", NAME)
            assert address.port is not None
            yield Shared(address.port, ssl.create_default_context(cafile=authority / "trusted.pem"))
        finally:
            process.terminate()
            process.communicate()


def test_a_shared_desk_speaks_tls_under_its_name_alone(shared: Shared) -> None:
    """The certificate is good for that name, the session never leaves TLS; other names and plain text get nothing."""
    page = shared.get("/language")
    assert page.status_code == 200
    assert "Русский" in page.text
    assert "Secure" in page.headers["set-cookie"]
    assert shared.get("/language", host="other.example").status_code == 421
    with pytest.raises(httpx.TransportError):
        shared.get("/language", scheme="http")
