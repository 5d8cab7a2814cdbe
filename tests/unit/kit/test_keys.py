"""Goal: what we sign others verify and the other way round; nothing else fits. Method: the openssl
command and gmssl as the other side, and bytes changed at random."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from gmssl import sm2
from hexi_kit.ids import seeded
from hexi_kit.keys import Algorithm, PrivateKey, PublicKey
from hexi_kit.signing import sm3

DATA = "一帧读数: a frame of readings".encode() * 40
OPENSSL = shutil.which("openssl")
DISTINGUISHED = ("-pkeyopt", "distid:1234567812345678")


def openssl(*arguments: str) -> bytes:
    done = subprocess.run([OPENSSL or "", *arguments], capture_output=True, timeout=20, check=True)
    return done.stdout


def knows_sm2() -> bool:
    if OPENSSL is None:
        return False
    told = openssl("ecparam", "-list_curves") + openssl("list", "-digest-algorithms")
    return b"SM2" in told and b"SM3" in told.upper()


needs_openssl = pytest.mark.skipif(not knows_sm2(), reason="no openssl command that knows SM2")


def public(key: PrivateKey) -> PublicKey:
    return PublicKey.load(key.algorithm, key.public_der())


@pytest.fixture(params=Algorithm, ids=lambda algorithm: algorithm.name)
def key(request: pytest.FixtureRequest) -> PrivateKey:
    return PrivateKey.generate(request.param)


def test_a_key_signs_and_its_file_signs_on(key: PrivateKey) -> None:
    again = PrivateKey.load(key.algorithm, key.pem())

    assert again.public_der() == key.public_der()
    assert public(key).has_signed(DATA, again.sign(DATA))
    assert not public(key).has_signed(DATA + b".", again.sign(DATA))
    assert not public(PrivateKey.generate(key.algorithm)).has_signed(DATA, key.sign(DATA))


def test_no_changed_signature_fits_and_none_crashes(key: PrivateKey) -> None:
    dice, signature, verifier = seeded(1), key.sign(DATA), public(key)

    for _ in range(300):
        changed = bytearray(signature)
        changed[dice.randrange(len(changed))] ^= dice.randint(1, 255)
        assert not verifier.has_signed(DATA, bytes(changed))
        assert not verifier.has_signed(DATA, bytes(changed[: dice.randrange(len(changed))]))
        assert not verifier.has_signed(DATA, dice.randbytes(dice.randrange(200)))
    assert verifier.has_signed(DATA, signature)


def test_what_is_no_key_of_this_curve_is_a_value_error(key: PrivateKey) -> None:
    dice, der = seeded(2), key.public_der()
    other = next(one for one in Algorithm if one is not key.algorithm)
    for bad in (b"", b"x" * 300, der[:-1], der + b"\0", PrivateKey.generate(other).public_der()):
        with pytest.raises(ValueError):
            PublicKey.load(key.algorithm, bad)
    for _ in range(300):
        changed = bytearray(der)
        changed[dice.randrange(len(der))] ^= dice.randint(1, 255)
        with pytest.raises(ValueError):
            PublicKey.load(key.algorithm, bytes(changed))


@pytest.mark.parametrize("pem", [b"", b"garbage", PrivateKey.generate(Algorithm.SM2_SM3).pem()])
def test_a_file_that_holds_no_such_key_is_a_value_error(pem: bytes) -> None:
    with pytest.raises(ValueError):
        PrivateKey.load(Algorithm.ECDSA_P256_SHA256, pem)


@needs_openssl
def test_the_digest_is_that_of_openssl(tmp_path: Path) -> None:
    dice = seeded(3)
    for size in (0, 1, 55, 56, 63, 64, 65, 1_000, 100_000):
        (tmp_path / "data").write_bytes(data := dice.randbytes(size))
        assert sm3(data) == openssl("dgst", "-sm3", "-binary", str(tmp_path / "data"))


@needs_openssl
def test_openssl_verifies_what_we_sign(tmp_path: Path) -> None:
    key = PrivateKey.generate(Algorithm.SM2_SM3)
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "signature").write_bytes(key.sign(DATA))
    (tmp_path / "key.der").write_bytes(key.public_der())

    told = openssl(
        *("pkeyutl", "-verify", "-rawin", "-digest", "sm3", *DISTINGUISHED),
        *("-pubin", "-keyform", "DER", "-inkey", str(tmp_path / "key.der")),
        *("-in", str(tmp_path / "data"), "-sigfile", str(tmp_path / "signature")),
    )

    assert b"Verified Successfully" in told


@needs_openssl
def test_we_verify_what_openssl_signs(tmp_path: Path) -> None:
    pem, data = tmp_path / "key.pem", tmp_path / "data"
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", str(pem))
    data.write_bytes(DATA)
    der = openssl("pkey", "-in", str(pem), "-pubout", "-outform", "DER")

    signature = openssl(
        *("pkeyutl", "-sign", "-rawin", "-digest", "sm3", *DISTINGUISHED),
        *("-inkey", str(pem), "-in", str(data)),
    )

    assert PublicKey.load(Algorithm.SM2_SM3, der).has_signed(DATA, signature)
    assert PrivateKey.load(Algorithm.SM2_SM3, pem.read_bytes()).public_der() == der


def test_gmssl_agrees_both_ways() -> None:
    # Its private key is a plain number; its public key the two coordinates at the end of the DER.
    secret = f"{0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8:064x}"
    point = sm2.CryptSM2(secret, "0" * 128)._kg(int(secret, 16), sm2.default_ecc_table["g"])
    theirs = sm2.CryptSM2(secret, point, asn1=True)
    ours = PrivateKey.generate(Algorithm.SM2_SM3)
    head = ours.public_der()[:-64]

    verifier = PublicKey.load(Algorithm.SM2_SM3, head + bytes.fromhex(point))

    assert verifier.has_signed(DATA, bytes.fromhex(theirs.sign_with_sm3(DATA)))
    checker = sm2.CryptSM2("0" * 64, ours.public_der()[-64:].hex(), asn1=True)
    assert checker.verify_with_sm3(ours.sign(DATA).hex(), DATA)
