import json
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from shared.identity import AUDIENCE, Principal, issue, make_identity_key, verify
from shared.refused import SignIn

ISSUER = "https://localhost"
WHO = Principal("abe", "town-063622", frozenset({"clerk"}), "town", "最上町")


def keys(folder: Path) -> tuple[OKPKey, KeySet]:
    key = make_identity_key(folder)
    return key, KeySet.import_key_set(json.loads((folder / "jwks.json").read_text()))


def test_a_token_says_who_and_never_which_town_a_centre_acts_for(tmp_path: Path) -> None:
    key, known = keys(tmp_path)
    token = issue(key, WHO, issuer=ISSUER)
    assert verify(token, known, issuer=ISSUER) == WHO
    assert not {"tenant", "town", "tenants"} & set(jwt.decode(token, key, algorithms=["Ed25519"]).claims)


def test_the_key_is_made_once_kept_private_and_published_without_its_secret(tmp_path: Path) -> None:
    first, _ = keys(tmp_path)
    again, _ = keys(tmp_path)
    assert first.as_dict(private=True) == again.as_dict(private=True)
    assert (tmp_path / "identity.jwk").stat().st_mode & 0o077 == 0
    assert '"d"' not in (tmp_path / "jwks.json").read_text()


def test_a_token_that_is_old_foreign_altered_or_for_others_is_refused(tmp_path: Path) -> None:
    key, known = keys(tmp_path / "a")
    other, _ = keys(tmp_path / "b")
    good = issue(key, WHO, issuer=ISSUER)
    head, body, signature = good.split(".")
    public = json.loads((tmp_path / "a" / "jwks.json").read_text())["keys"][0]
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "abe",
        "party": "p",
        "roles": [],
        "kind": "town",
        "who": "",
        "exp": time.time() + 60,
    }
    confused = jwt.encode(
        {"alg": "HS256"}, claims, __import__("joserfc.jwk").jwk.OctKey.import_key(public["x"] + "=" * 8)
    )
    bad = [
        issue(key, WHO, issuer=ISSUER, now=int(time.time()) - 3600),
        issue(key, WHO, issuer="https://elsewhere"),
        issue(other, WHO, issuer=ISSUER),
        f"{head}.{body[:-2]}AA.{signature}",
        f"{head}.{body}.",
        "",
        "not a token",
        confused,
        jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims | {"aud": "others"}, key, algorithms=["Ed25519"]),
        jwt.encode(
            {"alg": "Ed25519", "kid": key.kid},
            {k: v for k, v in claims.items() if k != "party"},
            key,
            algorithms=["Ed25519"],
        ),
    ]
    for token in bad:
        with pytest.raises(SignIn):
            verify(token, known, issuer=ISSUER)
