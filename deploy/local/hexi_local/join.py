"""What somebody who joins a running Hexi needs: a certificate, and where the doors are."""

from __future__ import annotations

from hexi_kit.errors import HexiError
from hexi_kit.identity import LocalAuthority
from hexi_kit.signing import fingerprint

from hexi_local.commands import Refused, say
from hexi_local.options import LocalOptions
from hexi_local.state import StateDir, read_json


def identity(options: LocalOptions, name: str, uri: str) -> int:
    """Issue a certificate under `name`, or renew it; tell the fingerprint that a site registers."""
    pki = StateDir(options.state_dir).pki
    if not name.replace("-", "").replace(".", "").isalnum() or name.startswith("."):
        raise Refused(f"expected a name of letters, digits, - and ., was {name!r}")
    if not (pki / "ca.pem").is_file():
        raise Refused(f"expected an authority in {pki}: start one with `up`")
    try:
        issued = LocalAuthority(pki).issue(name, uri, name)
    except HexiError as error:
        raise Refused(str(error)) from error
    say(fingerprint(issued.certificate()))
    return 0


def doors(options: LocalOptions) -> int:
    """The variables of a process that joins from this machine, as a shell and systemd read them."""
    state = StateDir(options.state_dir)
    run = read_json(state.run_file)
    if not run:
        raise Refused("expected a running Hexi: start one with `up`")
    say(f"HEXI_PKI_DIR={state.pki.resolve()}")
    say(f"HEXI_CLOCK={run['clock']}")
    for name, address in sorted(run["addresses"].items()):
        say(f"HEXI_{name.upper()}_ADDRESS={address}")
    return 0
